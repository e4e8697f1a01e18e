//! The bit functions against twins that go bit by bit.

use super::*;
use proptest::prelude::*;

fn bit(bytes: &[u8], at: u64) -> bool {
    bytes.get(at as usize / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)
}

/// Strings with long runs of zeros and ones, around the sizes of a step.
fn strings() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => Just(0u8), 3 => Just(0xFFu8), 1 => any::<u8>()];
    let run = (byte, 1usize..200).prop_map(|(byte, times)| vec![byte; times]);
    let runs = prop::collection::vec(run, 0..8).prop_map(|runs| runs.concat());
    prop_oneof![runs, prop::collection::vec(any::<u8>(), 0..600)]
}

fn twin_combine(op: Op, sources: &[Vec<u8>]) -> Vec<u8> {
    let length = sources.iter().map(Vec::len).max().unwrap_or(0);
    let mut result = vec![0; length];
    for at in 0..length as u64 * 8 {
        let bits: Vec<bool> = sources.iter().map(|source| bit(source, at)).collect();
        let others = bits[1..].iter().any(|bit| *bit);
        let sum = bits.iter().filter(|bit| **bit).count();
        let one = match op {
            Op::And => bits.iter().all(|bit| *bit),
            Op::Or => sum > 0,
            Op::Xor => sum % 2 == 1,
            Op::Not => !bits[0],
            Op::Diff => bits[0] && !others,
            Op::Diff1 => !bits[0] && others,
            Op::AndOr => bits[0] && others,
            Op::One => sum == 1,
        };
        if one {
            result[at as usize / 8] |= 0x80 >> (at % 8);
        }
    }
    result
}

proptest! {
    #[test]
    fn counting(bytes in strings()) {
        let twin: u64 = bytes.iter().map(|byte| u64::from(byte.count_ones())).sum();
        prop_assert_eq!(count(&bytes), twin);
    }

    #[test]
    fn counting_and_searching_in_a_range(bytes in strings(), a in 0u64..5000, b in 0u64..5000) {
        let end = b.min(bytes.len() as u64 * 8);
        let twin = (a..end).filter(|at| bit(&bytes, *at)).count() as u64;
        prop_assert_eq!(count_in(&bytes, a..b), twin);
        for wanted in [false, true] {
            let twin = (a..end).find(|at| bit(&bytes, *at) == wanted);
            prop_assert_eq!(position_in(&bytes, wanted, a..b), twin);
        }
    }

    #[test]
    fn combining(sources in prop::collection::vec(strings(), 1..5)) {
        let parts: Vec<&[u8]> = sources.iter().map(Vec::as_slice).collect();
        for (_, op) in Op::NAMES {
            if op == Op::Not {
                prop_assert_eq!(combine(op, &parts[..1]), twin_combine(op, &sources[..1]));
            } else {
                prop_assert_eq!(combine(op, &parts), twin_combine(op, &sources));
            }
        }
    }

    #[test]
    fn single_bits(mut bytes in strings(), at in 0u64..5000, value: bool) {
        let before = bytes.clone();
        prop_assert_eq!(get(&bytes, at), bit(&bytes, at));
        prop_assert_eq!(set(&mut bytes, at, value), bit(&before, at));
        for other in 0..bytes.len() as u64 * 8 {
            let expected = if other == at { value } else { bit(&before, other) };
            prop_assert_eq!(bit(&bytes, other), expected);
        }
    }

    #[test]
    fn fields(
        mut bytes in prop::collection::vec(any::<u8>(), 20),
        offset in 0u64..90,
        width in 1u8..=64,
        signed: bool,
        value: i64,
    ) {
        let width = if signed { width } else { width.min(63) };
        let field = Field { signed, width };
        prop_assert_eq!(Field::parse(field.name().as_bytes()), Some(field));
        let before = bytes.clone();
        let at = |at: u64| before[at as usize];
        let mut twin = 0i64;
        for n in 0..field.width() {
            let one = i64::from(bit(&before, offset + n));
            twin = if n == 0 && signed { -one } else { twin << 1 | one };
        }
        prop_assert_eq!(field.read(offset, at), twin);
        let stored = field.set(value, Overflow::Wrap).unwrap();
        for (position, byte) in field.write(offset, stored, at) {
            bytes[position as usize] = byte;
        }
        prop_assert_eq!(field.read(offset, |at| bytes[at as usize]), stored);
        let own = offset..offset + field.width();
        for n in (0..160).filter(|n| !own.contains(n)) {
            prop_assert_eq!(bit(&bytes, n), bit(&before, n));
        }
    }

    #[test]
    fn sums_that_fit_are_kept_and_others_as_asked(
        old: i64, by: i64, width in 1u8..=64, signed: bool,
    ) {
        let width = if signed { width } else { width.min(63) };
        let field = Field { signed, width };
        let old = field.set(old, Overflow::Wrap).unwrap();
        let exact = i128::from(old) + i128::from(by);
        let (least, most) = field.limits();
        let fits = exact >= least && exact <= most;
        let wrapped = i128::from(field.add(old, by, Overflow::Wrap).unwrap());
        prop_assert_eq!((wrapped - exact).rem_euclid(1 << width), 0);
        prop_assert!(wrapped >= least && wrapped <= most);
        let limit = if exact < least { least } else { most };
        let saturated = i128::from(field.add(old, by, Overflow::Saturate).unwrap());
        prop_assert_eq!(saturated, if fits { exact } else { limit });
        prop_assert_eq!(field.add(old, by, Overflow::Fail).is_some(), fits);
    }
}

#[test]
fn names_of_fields() {
    for text in ["i0", "u0", "i65", "u64", "x8", "i", "u", "", "i08", "I8", "u-1", "i8 "] {
        assert_eq!(Field::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn long_blocks_are_combined() {
    let (a, b) = (vec![0b1100; 20_000], vec![0b1010; 9000]);
    let sources = [a.as_slice(), &b];
    for (_, op) in Op::NAMES.into_iter().filter(|(_, op)| *op != Op::Not) {
        let owned = [a.clone(), b.clone()];
        assert_eq!(combine(op, &sources), twin_combine(op, &owned), "{op:?}");
    }
}

#[test]
fn an_unsigned_field_takes_negative_values_for_large_ones() {
    let field = Field { signed: false, width: 8 };
    assert_eq!(field.set(-1, Overflow::Saturate), Some(255));
    assert_eq!(field.set(-1, Overflow::Wrap), Some(255));
    assert_eq!(field.set(-1, Overflow::Fail), None);
    assert_eq!(field.add(3, -5, Overflow::Saturate), Some(0));
}

/// As Redis: from the largest value down to some is further than 64 bits can say.
#[test]
fn the_very_smallest_saturate_upwards() {
    let field = Field { signed: true, width: 5 };
    assert_eq!(field.set(i64::MIN + 15, Overflow::Saturate), Some(15));
    assert_eq!(field.set(i64::MIN + 16, Overflow::Saturate), Some(-16));
}
