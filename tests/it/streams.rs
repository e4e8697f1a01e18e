//! Streams with what Redis 8 added: their files.

use crate::support::{coolcache, wait_until};

#[test]
fn a_file_has_the_format_that_streams_need_or_is_not_written() {
    let (dir, mut server) = coolcache(&[]);
    let mut connection = server.connect();
    let magic = || std::fs::read(dir.path().join("dump.rdb")).expect("a saved file")[..9].to_vec();
    assert_eq!(connection.call("XADD s 1-1 a 1"), "$3\r\n1-1\r\n");
    assert_eq!(connection.call("XGROUP CREATE s g 0"), "+OK\r\n");
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    assert_eq!(magic(), b"REDIS0010");
    assert_eq!(connection.call("XNACK s g FATAL IDS 1 1-1 FORCE"), ":1\r\n");
    assert_eq!(connection.call("XCFGSET s IDMP-DURATION 7"), "+OK\r\n");
    assert_eq!(connection.call("XIDMPRECORD s p i 1-1"), "+OK\r\n");
    assert_eq!(connection.call("HSETEX h PX 100000 FIELDS 1 a 1"), ":1\r\n");
    let digest = connection.call("DEBUG DIGEST");
    let facts = connection.call("XINFO STREAM s FULL");
    assert!(facts.contains("nacked-count\r\n:1\r\n"), "{facts}");
    assert_eq!(connection.call("DEBUG RELOAD"), "+OK\r\n");
    assert_eq!(magic(), b"REDIS0014");
    assert_eq!(connection.call("DEBUG DIGEST"), digest);
    assert_eq!(connection.call("XINFO STREAM s FULL"), facts);
    for format in ["10", "12", "valkey80"] {
        assert_eq!(connection.call(&format!("CONFIG SET rdb-format {format}")), "+OK\r\n");
        assert_eq!(connection.call("SAVE"), "-ERR\r\n");
    }
    let why = "cannot hold a stream's released entries or idempotent ids";
    wait_until("the log says why", || server.log().contains(why));
    assert_eq!(magic(), b"REDIS0014");
    // The log's base holds everything, whatever the format of files is.
    assert_eq!(connection.call("BGREWRITEAOF").get(..1), Some("+"));
    wait_until("the log has a new base", || connection.info("aof_rewrite_in_progress") == "0");
    assert_eq!(connection.info("aof_last_bgrewrite_status"), "ok");
    assert_eq!(server.terminate(), Some(0));
    server.restart();
    let mut connection = server.connect();
    assert_eq!(connection.call("DEBUG DIGEST"), digest);
    // What is gone again needs no format of its own.
    assert_eq!(connection.call("XACK s g 1-1"), ":1\r\n");
    assert_eq!(connection.call("XTRIM s MAXLEN 0"), ":1\r\n");
    assert_eq!(connection.call("DEL s h"), ":2\r\n");
    assert_eq!(connection.call("CONFIG SET rdb-format auto"), "+OK\r\n");
    assert_eq!(connection.call("XADD s 1-1 a 1"), "$3\r\n1-1\r\n");
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    assert_eq!(magic(), b"REDIS0010");
}
