//! Keys whose time has come: hidden at once, removed by records.

use crate::support::{coolcache, has, log_bytes, wait_until};

const DEL_SHORT: &[u8] = b"*2\r\n$3\r\nDEL\r\n$5\r\nshort\r\n";

#[test]
fn keys_that_nobody_asks_for_are_removed_by_records() {
    let (dir, server) = coolcache(&[]);
    let mut connection = server.connect();
    for n in 0..1000 {
        let line = format!("SET key:{n} value PX {}", 1 + n % 50);
        assert_eq!(connection.call(&line), "+OK\r\n");
    }
    assert_eq!(connection.call("SET short value PX 60"), "+OK\r\n");
    assert_eq!(connection.call("SET long value EX 1000"), "+OK\r\n");
    wait_until("they are gone", || connection.call("DBSIZE") == ":1\r\n");
    assert_eq!(connection.info("expired_keys"), "1001");
    assert_eq!(connection.info("db0"), "keys=1,expires=1,keys_with_volatile_items=0");
    wait_until("the log says so", || has(&log_bytes(dir.path()), DEL_SHORT));
    let log = log_bytes(dir.path());
    for n in 0..1000 {
        let key = format!("key:{n}");
        let del = format!("DEL\r\n${}\r\n{key}\r\n", key.len());
        assert!(has(&log, del.as_bytes()), "{key}");
    }
    assert!(has(&log, b"PXAT"), "an expiry is absolute in the log");
}

#[test]
fn without_the_cycle_a_read_hides_and_removes() {
    let (dir, server) = coolcache(&[]);
    let mut connection = server.connect();
    assert_eq!(connection.call("DEBUG SET-ACTIVE-EXPIRE 0"), "+OK\r\n");
    assert_eq!(connection.call("SET other value PX 1"), "+OK\r\n");
    assert_eq!(connection.call("SET short value PX 1"), "+OK\r\n");
    wait_until("it is hidden", || connection.call("EXISTS short") == ":0\r\n");
    // The read that found it expired has removed it; nobody has asked for the other.
    assert_eq!(connection.call("DBSIZE"), ":1\r\n");
    wait_until("the log says so", || has(&log_bytes(dir.path()), DEL_SHORT));
    assert!(!has(&log_bytes(dir.path()), b"DEL\r\n$5\r\nother\r\n"));
    assert_eq!(connection.call("GET short"), "$-1\r\n");
    assert_eq!(connection.info("expired_keys"), "1");
    assert_eq!(connection.call("DEBUG SET-ACTIVE-EXPIRE 1"), "+OK\r\n");
    wait_until("the cycle removes the other", || connection.call("DBSIZE") == ":0\r\n");
}

/// A write to an expired key begins anew, and the log says so in that order.
#[test]
fn a_write_to_an_expired_key_begins_anew() {
    let (dir, mut server) = coolcache(&[]);
    let mut connection = server.connect();
    assert_eq!(connection.call("DEBUG SET-ACTIVE-EXPIRE 0"), "+OK\r\n");
    assert_eq!(connection.call("SET short 41 PX 1"), "+OK\r\n");
    wait_until("its time has come", || connection.call("EXISTS short") == ":0\r\n");
    assert_eq!(connection.call("INCR short"), ":1\r\n");
    assert_eq!(connection.call("TTL short"), ":-1\r\n");
    let digest = connection.call("DEBUG DIGEST");
    wait_until("the log says so", || has(&log_bytes(dir.path()), DEL_SHORT));
    assert_eq!(server.terminate(), Some(0));
    server.restart();
    let mut connection = server.connect();
    assert_eq!(connection.call("GET short"), "$1\r\n1\r\n");
    assert_eq!(connection.call("DEBUG DIGEST"), digest);
}

#[test]
fn what_expired_while_the_server_was_down_is_not_served() {
    let (_dir, mut server) = coolcache(&["--appendfsync", "always"]);
    let mut connection = server.connect();
    assert_eq!(connection.call("DEBUG SET-ACTIVE-EXPIRE 0"), "+OK\r\n");
    assert_eq!(connection.call("SET short value PX 1"), "+OK\r\n");
    assert_eq!(connection.call("SET long value PX 1000000"), "+OK\r\n");
    server.kill_and_restart();
    let mut connection = server.connect();
    wait_until("it is gone", || connection.call("GET short") == "$-1\r\n");
    assert_eq!(connection.call("GET long"), "$5\r\nvalue\r\n");
    wait_until("it is removed", || connection.call("DBSIZE") == ":1\r\n");
}
