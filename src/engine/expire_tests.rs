//! The cycle on fields of hashes: bounded steps, an exact index, nothing left behind.

use super::check::{BEGINNING, Local, check_laws, parsed};
use crate::base::clock::UnixMs;
use crate::keyspace::Db;

fn run(local: &mut Local, line: &str) -> Vec<u8> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    local.run(&words)
}

/// Runs the cycle at `now` until nothing is due; answers how much each step has removed.
fn cycle(local: &mut Local, now: UnixMs) -> Vec<usize> {
    let mut removed = Vec::new();
    loop {
        let step = local.engine.expire_step(now);
        local.engine.keyspace.check_volatile();
        if step.done {
            return removed;
        }
        removed.push(step.removed);
        assert!(removed.len() < 10_000, "the cycle does not end");
    }
}

#[test]
fn a_hash_with_many_due_fields_goes_in_steps() {
    let mut local = Local::default();
    for n in 0..100 {
        let pairs: Vec<String> = (0..100).map(|i| format!("field:{} v", n * 100 + i)).collect();
        run(&mut local, &format!("HSETEX big PX {} FIELDS 100 {}", 10 + n, pairs.join(" ")));
    }
    run(&mut local, "HSETEX big PX 100000 FIELDS 2 late 1 later 2");
    run(&mut local, "HSET big stays 1");
    local.engine.batch.take_events();
    let steps = cycle(&mut local, BEGINNING.plus_ms(1000));
    assert_eq!(steps.iter().sum::<usize>(), 10_000);
    assert!(steps.iter().all(|removed| *removed < 512), "{steps:?}");
    assert_eq!(run(&mut local, "HLEN big"), b":3\r\n");
    assert_eq!(local.engine.admin.stats.expired_fields, 10_000);
    let records = parsed(local.records());
    let removals = records.iter().filter(|record| record[0] == b"HDEL");
    assert_eq!(removals.map(|record| record.len() - 2).sum::<usize>(), 10_000);
    let events = local.engine.batch.take_events();
    assert!(events.iter().all(|(event, key)| *event == "hexpired" && key == b"big"));
    // Looking again finds nothing, and corrects the bounds: the hash's, then the index' own.
    for _ in 0..2 {
        assert_eq!(cycle(&mut local, BEGINNING.plus_ms(1001)).iter().sum::<usize>(), 0);
    }
    let keyspace = &local.engine.keyspace;
    assert_eq!(keyspace.earliest_field_expiry(Db(0)), BEGINNING.0 + 100_000);
    check_laws(&local);
    local.now = BEGINNING.plus_ms(200_000);
    cycle(&mut local, BEGINNING.plus_ms(200_000));
    assert_eq!(run(&mut local, "HGETALL big"), b"*2\r\n$5\r\nstays\r\n$1\r\n1\r\n");
    assert!(!local.engine.keyspace.has_field_expiries());
}

/// The index follows every way in which a hash comes, goes and changes.
#[test]
fn the_index_follows_the_hashes() {
    let mut local = Local::default();
    let lines = [
        "HSETEX a EX 10 FIELDS 2 x 1 y 2",
        "HPEXPIRE a 500 FIELDS 1 x",
        "HPERSIST a FIELDS 1 x",
        "COPY a b",
        "RENAME a c",
        "MOVE b 1",
        "HDEL c y",
        "HSETEX c EX 20 FIELDS 1 z 1",
        "HSET c z 2",
        "HSETEX c EX 20 FIELDS 1 z 1",
        "SET c string",
        "HSETEX d EX 5 FIELDS 1 x 1",
        "HSETEX d EX 0 FIELDS 1 x 1",
        "HSETEX e EX 5 FIELDS 1 x 1",
        "HSETEX f EX 5 FIELDS 1 x 1",
        "DEL e",
        "UNLINK f",
        "HSETEX g EX 5 FIELDS 1 x 1",
        "HGETEX g PERSIST FIELDS 1 x",
        "HSETEX h EX 5 FIELDS 1 x 1",
        "HINCRBY h x 5",
        "SWAPDB 0 1",
        "HSETEX i EX 5 FIELDS 1 x 1",
        "HGETDEL i FIELDS 1 x",
        "FLUSHDB",
        "SWAPDB 0 1",
        "HSETEX j PX 5 FIELDS 2 x 1 y 1",
        "EXPIRE j 100",
    ];
    for line in lines {
        let reply = run(&mut local, line);
        assert!(!reply.starts_with(b"-"), "{line}: {}", String::from_utf8_lossy(&reply));
        local.engine.keyspace.check_volatile();
    }
    check_laws(&local);
    assert_eq!(local.engine.keyspace.volatile_hashes(Db(0)), 2);
    local.engine.batch.take_events();
    assert!(cycle(&mut local, BEGINNING.plus_ms(5)).is_empty());
    assert_eq!(cycle(&mut local, BEGINNING.plus_ms(6)).iter().sum::<usize>(), 2);
    let events = local.engine.batch.take_events();
    assert_eq!(events, [("hexpired", b"j".to_vec()), ("del", b"j".to_vec())]);
    local.engine.admin.active_expire = false;
    assert!(cycle(&mut local, BEGINNING.plus_ms(60_000)).is_empty());
    local.engine.admin.active_expire = true;
    cycle(&mut local, BEGINNING.plus_ms(60_000));
    assert!(!local.engine.keyspace.has_field_expiries());
    check_laws(&local);
}

/// At its very millisecond a key is still there, also for the cycle that has come to its page for
/// the sake of another one.
#[test]
fn a_key_is_not_removed_at_its_millisecond() {
    let mut local = Local::default();
    let at = |ms| BEGINNING.plus_ms(ms).0;
    run(&mut local, &format!("SET a 1 PXAT {}", at(99)));
    run(&mut local, &format!("SET b 1 PXAT {}", at(100)));
    local.now = BEGINNING.plus_ms(100);
    assert_eq!(cycle(&mut local, BEGINNING.plus_ms(100)), [1]);
    assert_eq!(run(&mut local, "GET b"), b"$1\r\n1\r\n");
    assert_eq!(run(&mut local, "PTTL b"), b":0\r\n");
    assert_eq!(cycle(&mut local, BEGINNING.plus_ms(101)), [1]);
    assert_eq!(run(&mut local, "DBSIZE"), b":0\r\n");
    check_laws(&local);
}

/// However many expired keys a read meets, it has a bounded number removed; the cycle removes the
/// rest. A write has all removed that it meets.
#[test]
fn a_read_has_a_bounded_number_of_keys_removed() {
    let keys: Vec<String> = (0..3000).map(|n| format!("key:{n}")).collect();
    let removed = |line: &str| {
        let mut local = Local::default();
        for key in &keys {
            run(&mut local, &format!("SET {key} v PX 10"));
        }
        local.now = BEGINNING.plus_ms(1000);
        run(&mut local, line);
        check_laws(&local);
        let removed = local.engine.admin.stats.expired_keys;
        let now = local.now;
        cycle(&mut local, now);
        assert_eq!(local.engine.admin.stats.expired_keys, 3000, "{line}");
        check_laws(&local);
        removed
    };
    let all = keys.join(" ");
    assert_eq!(removed("SCAN 0 COUNT 1000000"), 1000);
    assert_eq!(removed(&format!("MGET {all}")), 1000);
    assert_eq!(removed(&format!("SUNIONSTORE to {all}")), 3000);
}
