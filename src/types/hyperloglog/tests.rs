//! Sparse against dense, both against a plain array, and damaged bytes.

use super::*;
use proptest::prelude::*;

/// Adds to plain registers.
fn twin(elements: &[Vec<u8>]) -> [u8; REGISTERS] {
    let mut registers = [0; REGISTERS];
    for element in elements {
        let (index, value) = place(element);
        registers[index] = value.max(registers[index]);
    }
    registers
}

fn elements() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..800)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn registers_are_those_of_a_plain_array(elements in elements(), limit in 0usize..2500) {
        let expected = twin(&elements);
        let (mut sparse, mut limited, mut dense) = (empty(), empty(), empty());
        make_dense(&mut dense).unwrap();
        for element in &elements {
            let one = [element.as_slice()];
            let added = add(&mut sparse, &one, usize::MAX).unwrap();
            prop_assert_eq!(added.updated, add_dense(&mut dense, &one));
            prop_assert!(!added.by_limit);
            prop_assert_eq!(add(&mut limited, &one, limit).unwrap().updated, added.updated);
        }
        for bytes in [&sparse, &limited, &dense] {
            let registers = Registers::of(bytes).unwrap();
            prop_assert_eq!(registers.values(), &expected);
            prop_assert_eq!(count(bytes), Ok(registers.count()));
        }
        let is_dense = encoding(&limited) == Some(Encoding::Dense);
        prop_assert!(is_dense || limited.len() <= limit.max(empty().len()));
    }

    #[test]
    fn merging_is_adding_both(a in elements(), b in elements(), limit in 0usize..4000, dense: bool) {
        let (mut left, mut right) = (empty(), empty());
        for (bytes, elements) in [(&mut left, &a), (&mut right, &b)] {
            let elements: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
            add(bytes, &elements, usize::MAX).unwrap();
        }
        let mut registers = Registers::of(&left).unwrap();
        registers.merge(&right).unwrap();
        let merged = merge(&mut left, &registers, dense, limit).unwrap();
        prop_assert!(!(dense && merged.by_limit));
        let all: Vec<Vec<u8>> = a.iter().chain(&b).cloned().collect();
        let registers = Registers::of(&left).unwrap();
        prop_assert_eq!(registers.values(), &twin(&all));
        prop_assert_eq!(cached_count(&left), None);
    }

    /// Whatever stands behind the header, nothing panics, and what is refused stays a string.
    #[test]
    fn damaged_bytes(
        tail in prop::collection::vec(any::<u8>(), 0..300),
        element: [u8; 4],
        limit in 0usize..400,
    ) {
        let mut bytes = empty();
        bytes.truncate(HEADER_BYTES);
        bytes.extend_from_slice(&tail);
        let _ = describe(&bytes);
        let counted = count(&bytes);
        prop_assert_eq!(counted.is_ok(), Registers::of(&bytes).is_ok());
        let before = bytes.clone();
        if counted.is_ok() {
            prop_assert!(add(&mut bytes, &[&element], limit).is_ok());
        } else {
            let _ = add(&mut bytes, &[&element], limit);
            let mut copy = before;
            prop_assert_eq!(make_dense(&mut copy), Err(Corrupt));
        }
    }
}

#[test]
fn bytes_are_those_of_redis() {
    let mut bytes = empty();
    add(&mut bytes, &[b"a", b"b", b"c"], 3000).unwrap();
    let expected = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x60\xf3\x80\x50\xb1\x84\x4b\xfb\x80\x42\x5a";
    assert_eq!(bytes, expected);
    assert_eq!(describe(&bytes), "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603");
    assert_eq!(count(&bytes), Ok(3));
}

#[test]
fn great_registers_are_dense() {
    let mut bytes = empty();
    let mut added = Added::default();
    raise(&mut bytes, 5, 32, 3000, &mut added).unwrap();
    assert_eq!(encoding(&bytes), Some(Encoding::Sparse));
    raise(&mut bytes, REGISTERS - 1, 33, 3000, &mut added).unwrap();
    assert_eq!(encoding(&bytes), Some(Encoding::Dense));
    assert_eq!(added, Added { updated: 2, by_limit: false });
    let registers = Registers::of(&bytes).unwrap();
    assert_eq!((registers.values()[5], registers.values()[REGISTERS - 1]), (32, 33));
}

#[test]
fn neighbours_of_one_value_are_one_run() {
    let mut bytes = empty();
    let mut added = Added::default();
    for index in [10, 12, 11, 13, 14] {
        raise(&mut bytes, index, 7, 3000, &mut added).unwrap();
    }
    assert_eq!(describe(&bytes), "z:10 v:7,4 v:7,1 Z:16369");
    raise(&mut bytes, 11, 9, 3000, &mut added).unwrap();
    assert_eq!(describe(&bytes), "z:10 v:7,1 v:9,1 v:7,3 Z:16369");
}

#[test]
fn headers() {
    let mut bytes = empty();
    assert_eq!(encoding(&bytes), Some(Encoding::Sparse));
    assert_eq!(encoding(&bytes[..15]), None);
    assert_eq!(encoding(b""), None);
    bytes[4] = DENSE;
    assert_eq!(encoding(&bytes), None, "too short for a dense one");
    bytes[4] = 2;
    assert_eq!(encoding(&bytes), None);
    let mut bytes = empty();
    assert_eq!(cached_count(&bytes), None);
    bytes[HEADER_BYTES - 8..HEADER_BYTES].copy_from_slice(&77u64.to_le_bytes());
    assert_eq!(cached_count(&bytes), Some(77));
    add(&mut bytes, &[b"x"], 3000).unwrap();
    assert_eq!(cached_count(&bytes), None);
}

#[test]
fn estimates_are_near() {
    let mut bytes = empty();
    for n in 1..=50_000u64 {
        add(&mut bytes, &[&n.to_le_bytes()], 3000).unwrap();
        if n % 10_000 == 0 {
            let error = count(&bytes).unwrap().abs_diff(n) as f64 / n as f64;
            assert!(error < 0.03, "{n}: {error}");
        }
    }
}
