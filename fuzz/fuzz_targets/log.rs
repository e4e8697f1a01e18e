//! The log: a good folder whose last segment is damaged, replaced or continued.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coolcache::log::fuzzing::last_segment(data));
