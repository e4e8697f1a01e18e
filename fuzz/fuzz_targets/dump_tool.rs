//! rdb-dump: every format of any file ends alike, and JSON reads back to the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coolcache::cli::rdb::dump::fuzz(data));
