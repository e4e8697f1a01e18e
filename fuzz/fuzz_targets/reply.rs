//! Streams of replies: they decode the same whole and in pieces, and what decodes lies in the
//! stream.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coolcache::resp::fuzzing::reply(data));
