//! Commands of the table, with a clock, both protocols and frozen keyspaces; then the laws.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coolcache::engine::fuzzing::commands(data));
