//! Doubles as text, on the stack, digit by digit as Valkey prints them.
//!
//! Valkey and Redis 7.2 print doubles with *fpconv*, an implementation of Grisu2 (F. Loitsch,
//! "Printing Floating-Point Numbers Quickly and Accurately with Integers", 2010). Its digits always
//! read back as the same number and are the shortest that do for about 99.9 % of all numbers; for
//! the others they are one digit longer or not the closest. Since clients see them in replies and
//! DEBUG DIGEST hashes them, the algorithm is followed exactly; Rust's printer, which is always
//! shortest and closest, would differ there.

use std::fmt::{self, Write};

/// The longest text: sign, 17 digits, point, exponent; or the zeros before small digits.
const TEXT_MAX: usize = 48;

/// The text of a double.
pub struct Text {
    bytes: [u8; TEXT_MAX],
    len: usize,
}

impl Text {
    /// The text's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    const fn new() -> Text {
        Text { bytes: [0; TEXT_MAX], len: 0 }
    }

    fn push(&mut self, part: &[u8]) {
        let end = self.len + part.len();
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(part);
            self.len = end;
        } else {
            debug_assert!(false, "TEXT_MAX is too small");
        }
    }

    fn zeros(&mut self, count: usize) {
        for _ in 0..count {
            self.push(b"0");
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// A double as Valkey 9.1 prints it in a reply (`d2string`): whole numbers up to 2^62 in full, else
/// plain while short (`0.00003`, `1234.5`), else with an exponent (`3e-7`, `1e+20`). Also `inf`,
/// `-inf`, `nan`, `-0`.
pub fn reply(value: f64) -> Text {
    match whole(value) {
        Some(whole) if value != 0.0 => {
            let mut out = Text::new();
            out.push(itoa::Buffer::new().format(whole).as_bytes());
            out
        }
        _ => shortest(value),
    }
}

/// A double in the layout of fpconv also when it is whole: `1e+17`. DEBUG DIGEST of Valkey 9.1
/// hashes scores in this form.
pub fn shortest(value: f64) -> Text {
    special(value).unwrap_or_else(|| {
        let mut out = Text::new();
        if value < 0.0 {
            out.push(b"-");
        }
        lay_out(&Decimal::of(value.abs()), &mut out);
        out
    })
}

/// A double as C's `%.17g` prints it: 17 significant digits without trailing zeros; the scientific
/// form below 1e-4 and from 1e17 on. ZSCAN prints the scores of large sorted sets so.
pub fn seventeen(value: f64) -> Text {
    const DIGITS: i32 = 17;
    if let Some(text) = special(value) {
        return text;
    }
    // Rust prints the exact value, rounded: `d.dddddddddddddddde[-]x`.
    let mut exact = Text::new();
    let written = write!(exact, "{:.16e}", value.abs());
    debug_assert!(written.is_ok(), "writing to the stack does not fail");
    let text = exact.as_bytes();
    let split = text.iter().position(|&byte| byte == b'e').unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(split);
    let exponent = exponent.get(1..).and_then(super::number::parse_i64).unwrap_or_default();
    let exponent = i32::try_from(exponent).unwrap_or_default();
    let mut digits = Text::new();
    let last = mantissa.iter().rposition(|&byte| byte != b'0').unwrap_or_default();
    for &byte in mantissa.iter().take(last + 1).filter(|&&byte| byte != b'.') {
        digits.push(&[byte]);
    }
    let (first, rest) = digits.as_bytes().split_at(digits.len.min(1));

    let mut out = Text::new();
    if value < 0.0 {
        out.push(b"-");
    }
    let size = usize::try_from(exponent.unsigned_abs()).unwrap_or_default();
    if !(-4..DIGITS).contains(&exponent) {
        out.push(first);
        if !rest.is_empty() {
            out.push(b".");
            out.push(rest);
        }
        out.push(if exponent < 0 { b"e-" } else { b"e+" });
        if size < 10 {
            out.push(b"0");
        }
        out.push(itoa::Buffer::new().format(size).as_bytes());
    } else if exponent < 0 {
        out.push(b"0.");
        out.zeros(size - 1);
        out.push(digits.as_bytes());
    } else {
        with_point(digits.as_bytes(), size + 1, &mut out);
    }
    out
}

/// The texts that have no digits, and zero.
fn special(value: f64) -> Option<Text> {
    let text: &[u8] = match value {
        value if value.is_nan() => b"nan",
        f64::INFINITY => b"inf",
        f64::NEG_INFINITY => b"-inf",
        0.0 if value.is_sign_negative() => b"-0",
        0.0 => b"0",
        _ => return None,
    };
    let mut out = Text::new();
    out.push(text);
    Some(out)
}

/// The value as an integer, if it is one and within 2^62, where the conversion is exact: up to
/// there (`LLONG_MAX / 2`) Redis uses its integer printer.
#[allow(clippy::as_conversions, reason = "exact within 2^62")]
fn whole(value: f64) -> Option<i64> {
    const LIMIT: f64 = (1u64 << 62) as f64;
    (value.abs() <= LIMIT && value.trunc() == value).then_some(value as i64)
}

/// Digits with `whole` of them before the point; zeros where there are fewer.
fn with_point(digits: &[u8], whole: usize, out: &mut Text) {
    let (before, behind) = digits.split_at(whole.min(digits.len()));
    out.push(before);
    out.zeros(whole - before.len());
    if !behind.is_empty() {
        out.push(b".");
        out.push(behind);
    }
}

/// The layout of fpconv.
fn lay_out(decimal: &Decimal, out: &mut Text) {
    let digits = decimal.digits.get(..decimal.count).unwrap_or_default();
    let count = i32::try_from(decimal.count).unwrap_or_default();
    // Of the first digit; `decimal.exponent` is of the last.
    let exponent = decimal.exponent + count - 1;
    let size = usize::try_from(exponent.unsigned_abs()).unwrap_or_default();
    if decimal.exponent >= 0 && size < decimal.count + 7 {
        with_point(digits, size + 1, out);
    } else if decimal.exponent < 0 && (decimal.exponent > -7 || size < 4) {
        if exponent < 0 {
            out.push(b"0.");
            out.zeros(size - 1);
            out.push(digits);
        } else {
            with_point(digits, size + 1, out);
        }
    } else {
        with_point(digits, 1, out);
        out.push(if exponent < 0 { b"e-" } else { b"e+" });
        out.push(itoa::Buffer::new().format(size).as_bytes());
    }
}

/// A positive number as decimal digits: `digits` × 10^`exponent`.
struct Decimal {
    /// ASCII; Grisu2 makes 18 at the most.
    digits: [u8; 20],
    count: usize,
    exponent: i32,
}

/// `fraction` × 2^`exponent`.
#[derive(Clone, Copy)]
struct Binary {
    fraction: u64,
    exponent: i32,
}

impl Binary {
    /// The same number with the highest bit of its fraction set.
    fn normalized(self) -> Binary {
        let shift = self.fraction.leading_zeros();
        Binary { fraction: self.fraction << shift, exponent: self.exponent - shift.cast_signed() }
    }

    /// The upper half of the product, rounded.
    #[allow(clippy::as_conversions, reason = "the upper 64 of 128 bits")]
    fn times(self, other: Binary) -> Binary {
        let product = u128::from(self.fraction) * u128::from(other.fraction);
        let fraction = ((product + (1 << 63)) >> 64) as u64;
        Binary { fraction, exponent: self.exponent + other.exponent + 64 }
    }
}

impl Decimal {
    /// Grisu2: the digits of a number between the two neighbours' midpoints, computed with 64 bits;
    /// the interval is made smaller by the error that this brings, so the digits read back.
    fn of(value: f64) -> Decimal {
        const MANTISSA: u32 = 52;
        const HIDDEN: u64 = 1 << MANTISSA;
        let bits = value.to_bits();
        let raw = i32::try_from(bits >> MANTISSA & 0x7ff).unwrap_or_default();
        let number = match raw {
            0 => Binary { fraction: bits & (HIDDEN - 1), exponent: -1074 },
            raw => Binary { fraction: bits & (HIDDEN - 1) | HIDDEN, exponent: raw - 1075 },
        };
        let upper = Binary { fraction: number.fraction * 2 + 1, exponent: number.exponent - 1 };
        let upper = upper.normalized();
        // Below a power of two the neighbour is half as far away.
        let closer = if number.fraction == HIDDEN { 2 } else { 1 };
        let lower = (number.fraction << closer) - 1;
        let lower = lower << (number.exponent - closer - upper.exponent);
        let lower = Binary { fraction: lower, exponent: upper.exponent };

        let (power, exponent) = power_for(upper.exponent);
        let number = number.normalized().times(power);
        let mut upper = upper.times(power);
        let mut lower = lower.times(power);
        upper.fraction -= 1;
        lower.fraction += 1;
        let mut decimal = Decimal { digits: [b'0'; 20], count: 0, exponent: -exponent };
        decimal.generate(number, upper, lower.fraction);
        decimal
    }

    /// Writes digits of `upper` until what is left of it is inside the interval.
    fn generate(&mut self, number: Binary, upper: Binary, lower: u64) {
        let shift = upper.exponent.unsigned_abs();
        let one = 1u64 << shift;
        let mut delta = upper.fraction - lower;
        let mut distance = upper.fraction - number.fraction;
        let mut whole = upper.fraction >> shift;
        let mut fraction = upper.fraction & (one - 1);
        // The whole part has ten digits at the most, since `power_for` leaves it 32 bits.
        let mut unit = 1_000_000_000u64;
        for places in (0..10).rev() {
            self.push(whole / unit);
            whole %= unit;
            let rest = (whole << shift) + fraction;
            if rest <= delta {
                self.exponent += places;
                return self.round(delta, rest, unit << shift, distance);
            }
            unit /= 10;
        }
        loop {
            fraction *= 10;
            delta *= 10;
            distance *= 10;
            self.exponent -= 1;
            self.push(fraction >> shift);
            fraction &= one - 1;
            if fraction < delta {
                return self.round(delta, fraction, one, distance);
            }
        }
    }

    /// Adds a digit; zeros before the first are left out.
    fn push(&mut self, digit: u64) {
        if (digit != 0 || self.count > 0)
            && let (Ok(digit), Some(place)) = (u8::try_from(digit), self.digits.get_mut(self.count))
        {
            *place = b'0' + digit;
            self.count += 1;
        }
    }

    /// Lowers the last digit, worth `unit`, while that brings the digits closer to the number,
    /// which is `distance` below the upper end; the digits are `rest` below it.
    fn round(&mut self, delta: u64, mut rest: u64, unit: u64, distance: u64) {
        while rest < distance
            && delta - rest >= unit
            && (rest + unit < distance || distance - rest > rest + unit - distance)
        {
            if let Some(last) = self.count.checked_sub(1).and_then(|at| self.digits.get_mut(at)) {
                *last -= 1;
            }
            rest += unit;
        }
    }
}

/// The first of [`POWERS`] is 10 to the power of this, and each is 10^`STEP` times the one before.
const FIRST: i32 = -348;
const STEP: i32 = 8;

/// A power of ten whose product with a number of this binary exponent has an exponent from -60 to
/// -32, and its decimal exponent. Where two would do, it is the one that fpconv takes.
#[allow(clippy::as_conversions, reason = "fpconv's estimate is a product of doubles, cut")]
fn power_for(exponent: i32) -> (Binary, i32) {
    const LOG10_OF_2: f64 = 0.301_029_995_663_981_14;
    let count = i32::try_from(POWERS.len()).unwrap_or_default();
    let estimate = (f64::from(-(exponent + count)) * LOG10_OF_2) as i32;
    let mut index = (estimate - FIRST) / STEP;
    loop {
        let decimal = FIRST + index * STEP;
        let fraction = usize::try_from(index).ok().and_then(|index| POWERS.get(index));
        // log2(10) in 16 bits: exact for these exponents.
        let power = Binary {
            fraction: fraction.copied().unwrap_or_default(),
            exponent: ((decimal * 217_706) >> 16) - 63,
        };
        match exponent + power.exponent + 64 {
            ..-60 if index + 1 < count => index += 1,
            -31.. if index > 0 => index -= 1,
            _ => return (power, decimal),
        }
    }
}

/// The upper 64 bits of 10^-348, 10^-340, … 10^340, rounded.
#[rustfmt::skip]
const POWERS: [u64; 87] = [
    0xfa8f_d5a0_081c_0288, 0xbaae_e17f_a23e_bf76, 0x8b16_fb20_3055_ac76, 0xcf42_894a_5dce_35ea,
    0x9a6b_b0aa_5565_3b2d, 0xe61a_cf03_3d1a_45df, 0xab70_fe17_c79a_c6ca, 0xff77_b1fc_bebc_dc4f,
    0xbe56_91ef_416b_d60c, 0x8dd0_1fad_907f_fc3c, 0xd351_5c28_3155_9a83, 0x9d71_ac8f_ada6_c9b5,
    0xea9c_2277_23ee_8bcb, 0xaecc_4991_4078_536d, 0x823c_1279_5db6_ce57, 0xc210_9436_4dfb_5637,
    0x9096_ea6f_3848_984f, 0xd774_85cb_2582_3ac7, 0xa086_cfcd_97bf_97f4, 0xef34_0a98_172a_ace5,
    0xb238_67fb_2a35_b28e, 0x84c8_d4df_d2c6_3f3b, 0xc5dd_4427_1ad3_cdba, 0x936b_9fce_bb25_c996,
    0xdbac_6c24_7d62_a584, 0xa3ab_6658_0d5f_daf6, 0xf3e2_f893_dec3_f126, 0xb5b5_ada8_aaff_80b8,
    0x8762_5f05_6c7c_4a8b, 0xc9bc_ff60_34c1_3053, 0x964e_858c_91ba_2655, 0xdff9_7724_7029_7ebd,
    0xa6df_bd9f_b8e5_b88f, 0xf8a9_5fcf_8874_7d94, 0xb944_7093_8fa8_9bcf, 0x8a08_f0f8_bf0f_156b,
    0xcdb0_2555_6531_31b6, 0x993f_e2c6_d07b_7fac, 0xe45c_10c4_2a2b_3b06, 0xaa24_2499_6973_92d3,
    0xfd87_b5f2_8300_ca0e, 0xbce5_0864_9211_1aeb, 0x8cbc_cc09_6f50_88cc, 0xd1b7_1758_e219_652c,
    0x9c40_0000_0000_0000, 0xe8d4_a510_0000_0000, 0xad78_ebc5_ac62_0000, 0x813f_3978_f894_0984,
    0xc097_ce7b_c907_15b3, 0x8f7e_32ce_7bea_5c70, 0xd5d2_38a4_abe9_8068, 0x9f4f_2726_179a_2245,
    0xed63_a231_d4c4_fb27, 0xb0de_6538_8cc8_ada8, 0x83c7_088e_1aab_65db, 0xc45d_1df9_4271_1d9a,
    0x924d_692c_a61b_e758, 0xda01_ee64_1a70_8dea, 0xa26d_a399_9aef_774a, 0xf209_787b_b47d_6b85,
    0xb454_e4a1_79dd_1877, 0x865b_8692_5b9b_c5c2, 0xc835_53c5_c896_5d3d, 0x952a_b45c_fa97_a0b3,
    0xde46_9fbd_99a0_5fe3, 0xa59b_c234_db39_8c25, 0xf6c6_9a72_a398_9f5c, 0xb7dc_bf53_54e9_bece,
    0x88fc_f317_f222_41e2, 0xcc20_ce9b_d35c_78a5, 0x9816_5af3_7b21_53df, 0xe2a0_b5dc_971f_303a,
    0xa8d9_d153_5ce3_b396, 0xfb9b_7cd9_a4a7_443c, 0xbb76_4c4c_a7a4_4410, 0x8bab_8eef_b640_9c1a,
    0xd01f_ef10_a657_842c, 0x9b10_a4e5_e991_3129, 0xe710_9bfb_a19c_0c9d, 0xac28_20d9_623b_f429,
    0x8044_4b5e_7aa7_cf85, 0xbf21_e440_03ac_dd2d, 0x8e67_9c2f_5e44_ff8f, 0xd433_179d_9c8c_b841,
    0x9e19_db92_b4e3_1ba9, 0xeb96_bf6e_badf_77d9, 0xaf87_023b_9bf0_ee6b,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn string(text: &Text) -> &str {
        std::str::from_utf8(text.as_bytes()).unwrap()
    }

    /// Each row is what Valkey 9.1.2 answered to ZSCORE.
    #[test]
    fn replies_as_valkey_prints_them() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (3.15, "3.15"),
            (1e17, "100000000000000000"),
            (123456789012345680.0, "123456789012345680"),
            (4.6e18, "4600000000000000000"),
            (4611686018427387904.0, "4611686018427387904"),
            (9e18, "9e+18"),
            (1e20, "1e+20"),
            (-1e21, "-1e+21"),
            (1.5e21, "1.5e+21"),
            (12345678901234567890123.0, "12345678901234568000000"),
            (1.2345678901234567e25, "1.2345678901234566e+25"),
            (3e-5, "0.00003"),
            (3e-6, "0.000003"),
            (3e-7, "3e-7"),
            (1.5e-7, "1.5e-7"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (0.30000000000000004, "0.30000000000000004"),
            (12345678.9, "12345678.9"),
            (1234567890.1234567, "1.2345678901234567e+9"),
            (-0.00012345678901234567, "-1.2345678901234567e-4"),
            (1.2345678901234567e-5, "1.2345678901234568e-5"),
            (0.000012345, "1.2345e-5"),
            (5e-324, "5e-324"),
            (2.2250738585072014e-308, "2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (-17.0, "-17"),
            (3.5, "3.5"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (4.7e18, "4.7e+18"),
            (1.25e-9, "1.25e-9"),
            (1.234567e-3, "0.001234567"),
            (1.234567e-4, "1.234567e-4"),
            (1e100, "1e+100"),
            (13361.389338, "13361.389338"),
        ] {
            assert_eq!(string(&reply(value)), expected);
        }
    }

    #[test]
    fn laid_out_as_fpconv_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (1e6, "1000000"),
            (1e17, "1e+17"),
            (1e20, "1e+20"),
            (123456789012345678.0, "123456789012345680"),
            (0.0001, "0.0001"),
            (123456789.125, "123456789.125"),
            (f64::INFINITY, "inf"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(string(&shortest(value)), text);
        }
    }

    #[test]
    fn seventeen_digits_as_c_prints_them() {
        // Each as printf("%.17g") of glibc prints it.
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.10000000000000001"),
            (-1.5, "-1.5"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (123456789.125, "123456789.125"),
            (f64::INFINITY, "inf"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        ] {
            assert_eq!(string(&seventeen(value)), text);
        }
    }

    fn back(text: &Text) -> u64 {
        string(text).parse::<f64>().unwrap().to_bits()
    }

    proptest! {
        #[test]
        fn reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            for text in [reply(value), shortest(value), seventeen(value)] {
                prop_assert_eq!(back(&text), bits);
            }
        }

        #[test]
        fn reads_back_of_common_size(value in -1e12f64..1e12) {
            for text in [reply(value), shortest(value), seventeen(value)] {
                prop_assert_eq!(back(&text), value.to_bits());
            }
        }

        #[test]
        fn the_powers_are_exact_to_half_a_bit(index in 0usize..POWERS.len()) {
            // Against the neighbour: 10^8 times it, to within the two roundings.
            prop_assume!(index > 0);
            let product = u128::from(POWERS[index - 1]) * 100_000_000;
            let shift = 64 - product.leading_zeros();
            let next = u128::from(POWERS[index]);
            prop_assert!((product >> shift).abs_diff(next) <= 2);
        }
    }
}
