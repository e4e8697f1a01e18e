//! DUMP payloads: decoded, restored, dumped again, and commands on what they were restored to.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coolcache::engine::fuzzing::dump(data));
