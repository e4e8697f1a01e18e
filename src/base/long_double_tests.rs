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

/// `SET k <first>`, `INCRBYFLOAT k <second>`, reply. The last forty are random pairs, kept from
/// a comparison of 60,000 that found no difference.
const ANSWERED: &[(&str, &str, &str)] = &[
    ("10.5", "0.1", "10.6"),
    ("3.0e3", "200", "3200"),
    ("5.0e3", "2.0e2", "5200"),
    ("10.6", "-5", "5.6"),
    ("0", "1e-5", "0.00001"),
    ("1", "-1", "0"),
    ("-0", "-0", "0"),
    ("0.1", "0.2", "0.3"),
    ("1e17", "0.1", "100000000000000000.1015625"),
    ("18446744073709551615", "1", "18446744073709551616"),
    ("18446744073709551616", "1", "18446744073709551616"),
    ("1e30", "-1e30", "0"),
    ("1.5e-17", "0", "0.00000000000000002"),
    ("2.5e-18", "2.5e-18", "0"),
    ("0x1.8p1", "0X10", "19"),
    ("3.7e-4951", "1", "1"),
    ("+7", ".5", "7.5"),
    ("0x45F0aAeD2aBD1c5ed5.p-30", "9223372036854775807", "9223373238416684202"),
    ("209.690", "+5e-12", "209.690000000005"),
    ("7771789286e-1732", "+56", "56"),
    ("+3078e-1122", "40639158468842457823e-4865", "0"),
    ("-552.939", "586", "33.061"),
    ("+0.02777266885139018", "0", "0.02777266885139018"),
    ("+3.0225813240965537e+38", "541", "302258132409655369995237884270934491136"),
    ("-1622.25", "-180", "-1802.25"),
    ("356929292040478614.287732525908450928", "+137.348", "356929292040478751.625"),
    ("-3549e7", "+9e-22", "-35490000000"),
    (".5", "840", "840.5"),
    ("-64e11", "2.5e-18", "-6400000000000"),
    ("+5.0919973249201034e+23", "273.155", "509199732492010339991552"),
    ("134017552847.419555664062", "827.630", "134017553675.04955566674470901"),
    ("373", "-783.336", "-410.33600000000000002"),
    ("948", "-1e2", "848"),
    ("717", "-198.145", "518.85499999999999998"),
    ("+0xDeCf76f8e1fC64e5f3db5.8p29", "71.989", "9038263963526148087590383301689344"),
    ("0.0007616768106719648", "+0xc69EcAab46211a", "55906638682792218"),
    ("798", "+24e-2", "798.23999999999999999"),
    ("91", "1179.6201342086877", "1270.62013420868769997"),
    ("+1e14", "+787.163", "100000000000787.16300201416015625"),
    ("747.946", "623.4688595", "1371.41485949999999994"),
    ("76", "+1056e-12", "76.000000001056"),
    ("9e20", "-342.578", "899999999999999999680"),
    ("0xF74P+1", "368", "8280"),
    ("0xaADBbcBA7DFa84dC5e831cC5CCabp-7150", "5e-18", "0"),
    ("4001e23", "0.000000000000000005", "400099999999999999991611392"),
    ("192", "+619.241", "811.24099999999999999"),
    ("3.2619863884017987e-19", "8846e4", "88460000"),
    ("801.473", "2079704196.82645059", "2079704998.29945059004239738"),
    ("8600136362276970.0000000000000", "757.582", "8600136362277727.58203125"),
    ("690.193", "+669.5887279801527", "1359.78172798015269995"),
    ("-886", "400e4", "3999114"),
    ("+711e-25", "241e16", "2410000000000000000"),
    ("-86434.5870", "736", "-85698.5870000000000033"),
    ("920", "-3e-6", "919.99999700000000002"),
    ("5.6257857140684925e+35", "748.490", "562578571406849250014135080594702336"),
    ("-4.521138086322461e-18", "436", "436"),
    ("-0", "+5553e-8", "0.00005553"),
];

#[test]
fn sums_are_those_redis_answers() {
    for &(value, by, expected) in ANSWERED {
        assert_eq!(sum(value, by).as_deref(), Ok(expected), "{value} + {by}");
    }
}

#[test]
fn the_largest_sums_are_exact() {
    // 2^16383 · 1.5 is near the largest: 4,932 digits.
    let text = sum("0x1.8p16383", "0").unwrap();
    assert_eq!(text.len(), 4932);
    assert!(text.starts_with("8922") && text.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
    assert_eq!(sum(&text, &format!("-{text}")).as_deref(), Ok("0"));
}

fn number(text: &str) -> LongDouble {
    LongDouble::parse(text.as_bytes()).unwrap()
}

#[test]
fn order() {
    let ascending = [
        "-inf",
        "-1e4932",
        "-10",
        "-9.99",
        "-1e-4940",
        "0",
        "3e-4940",
        "0.5",
        "2",
        "16",
        "1e300",
        "1.18e4932",
        "inf",
    ];
    for (n, a) in ascending.iter().enumerate() {
        for (m, b) in ascending.iter().enumerate() {
            assert_eq!(number(a).partial_cmp(&number(b)), Some(n.cmp(&m)), "{a} {b}");
        }
    }
    // Equal numbers that are written otherwise inside.
    for (a, b) in [("16", "0x1p4"), ("-0", "0"), ("0.5", "5e-1")] {
        assert_eq!(number(a), number(b));
    }
    assert!(LongDouble::MAX > number("1.18e4932") && LongDouble::MAX < number("inf"));
}

#[test]
fn sums_may_be_infinite() {
    let max = LongDouble::MAX;
    assert!(max.plus(max).is_some_and(|sum| sum == number("inf")));
    let least = max.negated();
    assert!(least.plus(least).is_some_and(|sum| sum == number("-inf")));
    assert!(max.plus(least).is_some_and(|sum| sum == LongDouble::ZERO));
    assert!(number("inf").plus(number("-inf")).is_none());
    assert!(number("inf").plus(number("-5")).is_some_and(LongDouble::is_infinite));
    assert_eq!(number("1.5").plus(number("0.25")).map(LongDouble::print), Some(b"1.75".to_vec()));
    assert_eq!(number("-inf").print(), b"-inf");
}
