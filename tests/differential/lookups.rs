//! Whether `tests/fixtures/lookups.txt` is what Valkey counts. (The library's tests ask whether it
//! is what we count.)

use super::server::Peer;
use super::support::Kind;
use coolcache::resp::OwnedReply;

const REQUESTS: &str = include_str!("../fixtures/lookups.txt");

fn run(peer: &mut Peer, line: &str) -> OwnedReply {
    peer.call(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
}

/// `keyspace_hits` and `keyspace_misses`.
fn counted(peer: &mut Peer) -> [i64; 2] {
    let OwnedReply::Bulk(info) = run(peer, "INFO stats") else { panic!("INFO has a text") };
    let info = String::from_utf8_lossy(&info).into_owned();
    ["keyspace_hits:", "keyspace_misses:"].map(|name| {
        let value = info.lines().find_map(|line| line.strip_prefix(name));
        value.and_then(|value| value.parse().ok()).expect("INFO tells it")
    })
}

#[test]
fn lookups_in_the_fixture_are_those_of_valkey() {
    let mut valkey = Peer::start(Kind::Valkey, 0);
    let setup: Vec<&str> = REQUESTS.lines().filter_map(|line| line.strip_prefix("+ ")).collect();
    let mut differences = Vec::new();
    for line in REQUESTS.lines().filter(|line| line.starts_with(|one: char| one.is_ascii_digit())) {
        let mut words = line.splitn(3, ' ');
        let counts = [(); 2].map(|()| words.next().and_then(|word| word.parse::<i64>().ok()));
        let request = words.next().expect("a request behind two numbers");
        for line in &setup {
            run(&mut valkey, line);
        }
        let before = counted(&mut valkey);
        run(&mut valkey, request);
        let after = counted(&mut valkey);
        let found = [0, 1].map(|n| Some(after[n] - before[n]));
        if found != counts {
            differences.push(format!("{request}: {found:?}, not {counts:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
