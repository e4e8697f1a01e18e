//! The algebra of sets against a naive twin: few sets and many, in all forms.

use crate::command::testing::Store;
use proptest::prelude::*;
use std::collections::BTreeSet;

type Twin = BTreeSet<String>;

/// The members that a reply lists, or those of a stored set.
fn members(reply: &str) -> Twin {
    let lines = reply.lines().skip(1);
    lines.filter(|line| !line.starts_with('$')).map(str::to_owned).collect()
}

/// Integers, and strings; some sets have both, and one long member makes a set large.
fn set() -> impl Strategy<Value = Twin> {
    let member = prop_oneof![
        8 => (0u8..40).prop_map(|n| n.to_string()),
        4 => "[a-h]".prop_map(String::from),
        1 => Just("x".repeat(100)),
    ];
    prop_oneof![
        4 => prop::collection::btree_set(member, 0..40),
        1 => prop::collection::btree_set((0u8..40).prop_map(|n| n.to_string()), 0..40),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn algebra(sets in prop::collection::vec(set(), 1..8)) {
        let mut store = Store::new();
        for (n, set) in sets.iter().enumerate().filter(|(_, set)| !set.is_empty()) {
            let words: Vec<&str> = set.iter().map(String::as_str).collect();
            store.run(&format!("SADD s{n} {}", words.join(" ")));
        }
        let keys: String = (0..sets.len()).map(|n| format!(" s{n}")).collect();
        let (first, others) = sets.split_first().unwrap();
        let both = |a: &Twin, b: &Twin| -> Twin { a & b };
        let any = |a: &Twin, b: &Twin| -> Twin { a | b };
        let rest = |a: &Twin, b: &Twin| -> Twin { a - b };
        for (name, twin) in [
            ("SINTER", others.iter().fold(first.clone(), |all, set| both(&all, set))),
            ("SUNION", others.iter().fold(first.clone(), |all, set| any(&all, set))),
            ("SDIFF", others.iter().fold(first.clone(), |all, set| rest(&all, set))),
        ] {
            let reply = store.run(&format!("{name}{keys}"));
            let header = format!("*{}\r\n", twin.len());
            prop_assert!(reply.starts_with(&header), "{} {}", name, reply);
            prop_assert_eq!(members(&reply), twin.clone(), "{}", name);
            let (count, limit) = (sets.len(), 3);
            let card = store.run(&format!("{name}CARD {count}{keys}"));
            prop_assert_eq!(card, format!(":{}\r\n", twin.len()), "{}", name);
            let card = store.run(&format!("{name}CARD {count}{keys} LIMIT {limit}"));
            prop_assert_eq!(card, format!(":{}\r\n", twin.len().min(limit)), "{}", name);
            let stored = store.run(&format!("{name}STORE to{keys}"));
            prop_assert_eq!(stored, format!(":{}\r\n", twin.len()), "{}", name);
            prop_assert_eq!(members(&store.run("SMEMBERS to")), twin, "{}", name);
        }
    }
}
