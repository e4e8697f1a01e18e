//! Hashes whose fields expire: their removal, files and digests.

use crate::support::{coolcache, has, log_bytes, wait_until};

#[test]
fn fields_that_nobody_asks_for_are_removed_by_records() {
    let (dir, mut server) = coolcache(&[]);
    let mut connection = server.connect();
    for n in 0..200 {
        let line = format!("HSETEX hash:{n} PX {} FIELDS 2 a 1 b 2", 1 + n % 50);
        assert_eq!(connection.call(&line), ":1\r\n");
    }
    assert_eq!(connection.call("HSET hash:7 stays 1"), ":1\r\n");
    assert_eq!(connection.call("HSETEX late EX 1000 FIELDS 1 a 1"), ":1\r\n");
    wait_until("they are gone", || connection.call("DBSIZE") == ":2\r\n");
    wait_until("all fields are", || connection.call("HLEN hash:7") == ":1\r\n");
    assert_eq!(connection.info("expired_fields"), "400");
    assert_eq!(connection.info("db0"), "keys=2,expires=0,keys_with_volatile_items=1");
    let record = b"HDEL\r\n$6\r\nhash:7\r\n";
    wait_until("the log says so", || has(&log_bytes(dir.path()), record));
    let digest = connection.call("DEBUG DIGEST");
    assert_eq!(server.terminate(), Some(0));
    server.restart();
    let mut connection = server.connect();
    assert_eq!(connection.call("DEBUG DIGEST"), digest);
    assert_eq!(connection.info("db0"), "keys=2,expires=0,keys_with_volatile_items=1");
}

/// The digests are those that Valkey 9.1.2 gives: a field's expiry does not count.
#[test]
fn digests_are_those_of_valkey() {
    let (_dir, server) = coolcache(&[]);
    let mut connection = server.connect();
    assert_eq!(connection.call("HSET h a 1"), ":1\r\n");
    const ONE: &str = "*1\r\n+626a7b57a269f8f179a44902458ecb2f5920d35d\r\n";
    assert_eq!(connection.call("DEBUG DIGEST-VALUE h"), ONE);
    assert_eq!(connection.call("HEXPIRE h 100 FIELDS 1 a"), "*1\r\n:1\r\n");
    assert_eq!(connection.call("DEBUG DIGEST-VALUE h"), ONE);
    assert_eq!(connection.call("HSET h2 a 1 b 2"), ":2\r\n");
    const TWO: &str = "*1\r\n+6c8f22b3bf510fdcfd6122dd0f908a80e88243bf\r\n";
    assert_eq!(connection.call("DEBUG DIGEST-VALUE h2"), TWO);
}

#[test]
fn a_file_has_the_format_that_the_fields_need_or_is_not_written() {
    let (dir, server) = coolcache(&[]);
    let mut connection = server.connect();
    let magic = || std::fs::read(dir.path().join("dump.rdb")).expect("a saved file")[..9].to_vec();
    assert_eq!(connection.call("HSET h a 1 b 2"), ":2\r\n");
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    assert_eq!(magic(), b"REDIS0010");
    assert_eq!(connection.call("HEXPIREAT h 33177117420 FIELDS 1 a"), "*1\r\n:1\r\n");
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    assert_eq!(magic(), b"VALKEY080");
    assert_eq!(connection.call("CONFIG SET rdb-format 12"), "+OK\r\n");
    assert_eq!(connection.call("DEBUG RELOAD"), "+OK\r\n");
    assert_eq!(magic(), b"REDIS0012");
    assert_eq!(connection.call("HEXPIRETIME h FIELDS 2 a b"), "*2\r\n:33177117420\r\n:-1\r\n");
    assert_eq!(connection.info("db0"), "keys=1,expires=0,keys_with_volatile_items=1");
    assert_eq!(connection.call("CONFIG SET rdb-format 10"), "+OK\r\n");
    assert_eq!(connection.call("SAVE"), "-ERR\r\n");
    let why = "RDB version 10 cannot hold the expiry of a hash's field";
    wait_until("the log says why", || server.log().contains(why));
    assert_eq!(magic(), b"REDIS0012");
    let names = std::fs::read_dir(dir.path()).expect("the folder").flatten();
    assert!(!names.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("temp-")));
    assert_eq!(connection.call("HPERSIST h FIELDS 1 a"), "*1\r\n:1\r\n");
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    assert_eq!(magic(), b"REDIS0010");
}
