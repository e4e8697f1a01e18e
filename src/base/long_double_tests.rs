//! What redis-server 7.0.15 answered on x86-64.

use super::*;

fn sum(value: &str, by: &str) -> Result<String, FloatError> {
    incr_by_float(value.as_bytes(), by.as_bytes()).map(|text| String::from_utf8(text).unwrap())
}

#[test]
fn what_is_refused() {
    for (value, by) in [
        ("", "1"),
        ("1", ""),
        (" 1", "1"),
        ("1 ", "1"),
        ("a", "1"),
        ("nan", "1"),
        ("1e", "1"),
        ("1e5000", "1"),
        ("1e-5000", "1"),
        (".", "1"),
        ("0x", "1"),
        ("1.2.3", "1"),
        ("--1", "1"),
    ] {
        assert_eq!(sum(value, by), Err(FloatError::NotFloat), "{value:?} + {by:?}");
    }
    for (value, by) in [("1", "inf"), ("-Infinity", "inf"), ("1.18e4932", "1.18e4932")] {
        assert_eq!(sum(value, by), Err(FloatError::NanOrInfinity), "{value:?} + {by:?}");
    }
    assert_eq!(sum(&"1".repeat(5120), "1"), Err(FloatError::NotFloat));
}
