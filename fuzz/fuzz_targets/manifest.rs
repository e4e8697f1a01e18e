//! The log's manifest: what is read is written so that it reads back.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coolcache::log::fuzzing::manifest(data));
