//! The small form against a vector of byte strings.

use proptest::prelude::*;

use super::*;

fn element() -> impl Strategy<Value = Vec<u8>> {
    let text = |value: i64| value.to_string().into_bytes();
    prop_oneof![
        (-5000i64..5000).prop_map(text),
        any::<i16>().prop_map(move |value| text(value.into())),
        any::<i32>().prop_map(move |value| text(value.into())),
        any::<i64>().prop_map(text),
        proptest::collection::vec(any::<u8>(), 0..70),
        (any::<u8>(), 60usize..5000).prop_map(|(byte, length)| vec![byte; length]),
        "-?[0-9]{1,3}".prop_map(String::into_bytes),
    ]
}

#[derive(Clone, Debug)]
enum Edit {
    Back(Vec<u8>),
    Front(Vec<u8>),
    Insert(usize, Vec<u8>),
    Pair(usize, Vec<u8>, Vec<u8>),
    Replace(usize, Vec<u8>),
    Remove(usize, usize),
    Retain(u8),
    Split(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => element().prop_map(Edit::Back),
        2 => element().prop_map(Edit::Front),
        2 => (0usize..40, element()).prop_map(|(at, e)| Edit::Insert(at, e)),
        1 => (0usize..40, element(), element()).prop_map(|(at, a, b)| Edit::Pair(at, a, b)),
        2 => (0usize..40, element()).prop_map(|(at, e)| Edit::Replace(at, e)),
        1 => (0usize..40, 0usize..5).prop_map(|(at, n)| Edit::Remove(at, n)),
        1 => any::<u8>().prop_map(Edit::Retain),
        1 => (0usize..40).prop_map(Edit::Split),
    ]
}

fn apply(edit: Edit, packed: &mut Packed, twin: &mut Vec<Vec<u8>>) {
    let position = |packed: &Packed, index| packed.as_ref().position(index);
    match edit {
        Edit::Back(element) => {
            packed.push_back(&element);
            twin.push(element);
        }
        Edit::Front(element) => {
            packed.push_front(&element);
            twin.insert(0, element);
        }
        Edit::Insert(at, element) => {
            packed.insert(position(packed, at), &element);
            twin.insert(at.min(twin.len()), element);
        }
        Edit::Pair(at, first, second) => {
            packed.insert_pair(position(packed, at), &first, &second);
            let at = at.min(twin.len());
            twin.splice(at..at, [first, second]);
        }
        Edit::Replace(at, element) => {
            if at < twin.len() {
                packed.replace(position(packed, at), &element);
                twin[at] = element;
            }
        }
        Edit::Remove(at, count) => {
            let at = at.min(twin.len());
            let count_there = count.min(twin.len() - at);
            assert_eq!(packed.remove(position(packed, at), count), count_there);
            twin.drain(at..at + count_there);
        }
        Edit::Retain(byte) => {
            let keep = |bytes: &[u8]| bytes.first().is_none_or(|first| *first >= byte / 4);
            let before = twin.len();
            twin.retain(|bytes| keep(bytes));
            assert_eq!(packed.retain(|found| found.with(keep)), before - twin.len());
        }
        Edit::Split(at) => {
            let tail = packed.split_off(at);
            let rest = twin.split_off(at.min(twin.len()));
            compare(&tail, &rest);
            packed.append(tail.as_ref());
            twin.extend(rest);
        }
    }
}

fn from_entries(entries: &[u8]) -> Result<Option<Packed>, Malformed> {
    Ok(Packed::from_checked(entries, check(entries)?))
}

fn index_of(view: PackedRef<'_>, position: usize) -> usize {
    view.positions().take_while(|(at, _)| *at < position).count()
}

fn compare(packed: &Packed, twin: &[Vec<u8>]) {
    let view = packed.as_ref();
    assert_eq!(view.len(), twin.len());
    assert!(view.iter().map(|found| found.to_vec()).eq(twin.iter().cloned()));
    assert!(view.iter().rev().map(|found| found.to_vec()).eq(twin.iter().rev().cloned()));
    let checked = check(view.entries()).unwrap();
    assert_eq!(checked, Checked { count: twin.len(), canonical: true });
    assert_eq!(from_entries(view.entries()).unwrap().unwrap(), *packed);
    for (index, expected) in twin.iter().enumerate() {
        let position = view.position(index);
        assert_eq!(index_of(view, position), index);
        let found = view.get(index).unwrap();
        assert!(found.is(expected) && found.len() == expected.len());
        assert_eq!(found.integer(), crate::base::number::parse_i64(expected));
        let first = twin.iter().position(|other| other == expected);
        assert_eq!(view.find(expected, 1).map(|at| index_of(view, at)), first);
        let first = twin.iter().step_by(2).position(|other| other == expected);
        assert_eq!(view.find(expected, 2).map(|at| index_of(view, at) / 2), first);
        assert_eq!(view.before(position).is_some(), index > 0);
        assert_eq!(view.before(view.after(position)), Some(position));
    }
    assert_eq!((view.get(twin.len()), view.at(view.end())), (None, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn as_a_vector(edits in proptest::collection::vec(edit(), 0..30)) {
        let (mut packed, mut twin) = (Packed::new(), Vec::new());
        for edit in edits {
            apply(edit, &mut packed, &mut twin);
        }
        compare(&packed, &twin);
    }

    #[test]
    fn any_bytes_are_checked(bytes in proptest::collection::vec(
        prop_oneof![any::<u8>(), 0u8..4, 0xF0u8..=0xF5, 0x80u8..0x84], 0..40)) {
        if let Ok(checked) = check(&bytes) {
            let packed = from_entries(&bytes).unwrap().unwrap();
            prop_assert_eq!(packed.len(), checked.count);
            prop_assert!(packed.as_ref().iter().eq(check::elements(&bytes)));
            prop_assert!(packed.as_ref().iter().rev().count() == checked.count);
            if checked.canonical {
                prop_assert_eq!(packed.as_ref().entries(), &bytes[..]);
            }
        }
    }

    #[test]
    fn a_sorted_set(members in proptest::collection::vec(
        (prop_oneof![-3i32..3, any::<i32>()], 0u8..4, "[a-c]{0,2}|[0-9]"), 0..40)) {
        let (mut packed, mut twin) = (Packed::new(), Vec::<(f64, Vec<u8>)>::new());
        for (whole, quarters, member) in members {
            let score = f64::from(whole) + f64::from(quarters) / 4.0;
            let member = member.into_bytes();
            let there = twin.iter().position(|(_, other)| *other == member);
            prop_assert_eq!(
                packed.remove_scored(&member), there.map(|index| twin.remove(index).0));
            packed.insert_scored(score, &member);
            twin.push((score, member.clone()));
            twin.sort_by(|a, b| a.partial_cmp(b).unwrap());
            prop_assert_eq!(packed.as_ref().find_scored(&member).unwrap().score, score);
        }
        let found: Vec<_> =
            packed.as_ref().scored().map(|(member, score)| (score, member.to_vec())).collect();
        prop_assert_eq!(&found, &twin);
        let back = packed.as_ref().scored().rev().map(|(member, score)| (score, member.to_vec()));
        prop_assert!(back.eq(twin.into_iter().rev()));
    }
}

#[test]
fn the_encodings_of_redis() {
    let mut packed = Packed::new();
    for (element, bytes) in [
        (&b"0"[..], &b"\x00\x01"[..]),
        (b"127", b"\x7f\x01"),
        (b"128", b"\xc0\x80\x02"),
        (b"-1", b"\xdf\xff\x02"),
        (b"-4096", b"\xd0\x00\x02"),
        (b"4096", b"\xf1\x00\x10\x03"),
        (b"-32769", b"\xf2\xff\x7f\xff\x04"),
        (b"8388608", b"\xf3\x00\x00\x80\x00\x05"),
        (b"2147483648", b"\xf4\x00\x00\x00\x80\x00\x00\x00\x00\x09"),
        (b"abc", b"\x83abc\x04"),
        (b"007", b"\x83007\x04"),
        (b"", b"\x80\x01"),
    ] {
        let at = packed.as_ref().end();
        packed.push_back(element);
        assert_eq!(&packed.as_ref().bytes()[at..], bytes, "{}", element.escape_ascii());
    }
    packed = [&[b'x'; 126], &[b'y'; 126]].into_iter().collect();
    assert_eq!(packed.as_ref().entries()[..3], [0xE0, 126, b'x']);
    assert_eq!(packed.as_ref().entries()[128..130], [1, 128], "backlen of 128");
    // Redis takes three bytes for the backlen one step early.
    for (length, width) in [(16_377, 2), (16_378, 3)] {
        packed = [&vec![b'x'; length]].into_iter().collect();
        assert_eq!(packed.as_ref().entries().len(), 5 + length + width);
    }
}

#[test]
fn what_redis_would_not_write_is_written_anew() {
    // 5 as a string, and as an integer of 16 bits.
    let entries = b"\x815\x02\xf1\x05\x00\x03";
    assert_eq!(check(entries).unwrap(), Checked { count: 2, canonical: false });
    let packed = from_entries(entries).unwrap().unwrap();
    assert_eq!(packed.as_ref().entries(), b"\x05\x01\x05\x01");
    let many = b"\x05\x01".repeat(PackedRef::LEN_MAX + 1);
    assert_eq!(from_entries(&many), Ok(None));
    assert!(from_entries(&many[2..]).unwrap().is_some());
    for (broken, at) in [(&b"\x05\x02"[..], 0), (b"\x05\x01\x85ab", 2), (b"\xff", 0)] {
        assert_eq!(check(broken).unwrap_err().at, at);
    }
}
