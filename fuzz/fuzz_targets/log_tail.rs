//! The log's readers: a folder whose last segment is damaged, read from outside and by a server.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coolcache::log::fuzzing::tail(data));
