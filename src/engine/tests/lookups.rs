//! `keyspace_hits` and `keyspace_misses`: each request of `tests/fixtures/lookups.txt` counts what
//! it counts in Valkey.

use super::super::check::Local;
use crate::admin::Config;

const REQUESTS: &str = include_str!("../../../tests/fixtures/lookups.txt");

fn run(local: &mut Local, line: &str) {
    local.run(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
}

#[test]
fn lookups_are_counted_as_in_valkey() {
    let mut differences = Vec::new();
    let setup: Vec<&str> = REQUESTS.lines().filter_map(|line| line.strip_prefix("+ ")).collect();
    let requests = REQUESTS.lines().filter_map(|line| {
        let mut words = line.splitn(3, ' ');
        let counts = (words.next()?.parse::<u64>().ok()?, words.next()?.parse::<u64>().ok()?);
        Some((counts, words.next()?))
    });
    let requests: Vec<_> = requests.collect();
    assert!(requests.len() > 300 && setup.len() > 15);
    let options = ["--enable-debug-command".to_owned(), "yes".to_owned()];
    let mut local = Local::new(Config::from_args(&options).unwrap());
    for ((hits, misses), request) in requests {
        setup.iter().for_each(|line| run(&mut local, line));
        let counted = |local: &Local| {
            let lookups = local.engine.keyspace().lookups();
            (lookups.hits.get(), lookups.misses.get())
        };
        let before = counted(&local);
        run(&mut local, request);
        let after = counted(&local);
        let found = (after.0 - before.0, after.1 - before.1);
        // Valkey looks for a wrong type first, and then again.
        let looks = if request.starts_with("XREAD") { 2 } else { 1 };
        let expected = (hits / looks, misses / looks);
        if found != expected {
            differences.push(format!("{request}: {found:?}, not {expected:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
