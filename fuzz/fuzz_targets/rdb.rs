//! RDB files: they load the same whole and in pieces, and what loads is written as the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coolcache::engine::fuzzing::file(data));
