//! Streams of requests: they mean the same whole and in pieces, and no argument lies outside its
//! frame.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coolcache::resp::fuzzing::request(data));
