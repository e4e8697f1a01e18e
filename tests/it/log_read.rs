//! LOG READ, LOG INFO, LOG DIGEST: the log of a running server, read by its clients.

use crate::support::{Connection, coolcache, segments, wait_until};
use coolcache::resp::{Decoded, OwnedReply, decode};

/// A reply, decoded.
pub fn ask(connection: &mut Connection, line: &str) -> OwnedReply {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    value(&connection.try_call(&words).unwrap())
}

fn value(bytes: &[u8]) -> OwnedReply {
    match decode(bytes, 32) {
        Decoded::Value { value, .. } => value,
        other => panic!("{other:?}"),
    }
}

/// A field of a map as RESP2 has it.
pub fn field(reply: &OwnedReply, name: &str) -> OwnedReply {
    let OwnedReply::Array(all) = reply else { panic!("{reply:?}") };
    let pair = all.chunks(2).find(|pair| pair[0] == OwnedReply::Bulk(name.as_bytes().to_vec()));
    pair.unwrap_or_else(|| panic!("no {name} in {reply:?}"))[1].clone()
}

fn int(reply: &OwnedReply) -> u64 {
    let OwnedReply::Int(number) = reply else { panic!("{reply:?}") };
    (*number).try_into().unwrap()
}

/// An LSN in a map.
pub fn lsn(reply: &OwnedReply, name: &str) -> u64 {
    int(&field(reply, name))
}

/// A record: LSN, database, words.
type Entry = (u64, u64, Vec<Vec<u8>>);

fn entries(reply: &OwnedReply) -> Vec<Entry> {
    let OwnedReply::Array(records) = field(reply, "records") else { panic!("{reply:?}") };
    let entry = |record: &OwnedReply| {
        let OwnedReply::Array(parts) = record else { panic!("{record:?}") };
        let [lsn, seconds, database, OwnedReply::Array(words)] = parts.as_slice() else {
            panic!("{record:?}")
        };
        assert!(int(seconds) > 1_700_000_000, "{record:?}");
        let word = |word: &OwnedReply| match word {
            OwnedReply::Bulk(bytes) => bytes.clone(),
            other => panic!("{other:?}"),
        };
        (int(lsn), int(database), words.iter().map(word).collect())
    };
    records.iter().map(entry).collect()
}

/// All records from an LSN to the present end, a few at a time.
fn read_all(connection: &mut Connection, from: u64, count: usize) -> Vec<Entry> {
    let mut all = Vec::new();
    let mut next = from;
    loop {
        let reply = ask(connection, &format!("LOG READ {next} COUNT {count}"));
        all.extend(entries(&reply));
        next = lsn(&reply, "next");
        if next >= lsn(&reply, "end") {
            return all;
        }
    }
}

/// What the log says it holds now, once all that is emitted is written.
pub fn end(connection: &mut Connection) -> u64 {
    let mut end = 0;
    wait_until("all is written", || {
        let info = ask(connection, "LOG INFO");
        end = lsn(&info, "window-end");
        end == lsn(&info, "emitted")
    });
    end
}

/// Runs records in a server.
fn replay(records: &[Entry], connection: &mut Connection) {
    let mut database = u64::MAX;
    for (_, db, words) in records {
        if words[0].eq_ignore_ascii_case(b"MULTI") || words[0].eq_ignore_ascii_case(b"EXEC") {
            continue;
        }
        if *db != database {
            assert_eq!(connection.call(&format!("SELECT {db}")), "+OK\r\n");
            database = *db;
        }
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let reply = connection.try_call(&words).unwrap();
        assert_ne!(reply[0], b'-', "{words:?}: {}", String::from_utf8_lossy(&reply));
    }
}

/// Writes of many kinds in three databases.
pub fn write_some(connection: &mut Connection, round: u64) {
    for n in 0..40 {
        let key = format!("key:{}", (n * 7 + round) % 30);
        for line in [
            format!("SELECT {}", n % 3),
            format!("SET {key} {round}-{n}"),
            format!("RPUSH list:{key} a b {n}"),
            format!("MSET user:{n} {round} user:x{n} {round}"),
            format!("INCRBYFLOAT float:{n} 0.5"),
            format!("EXPIRE {key} 100000"),
            format!("SPOP set:{n}"),
            format!("SADD set:{n} a b c"),
        ] {
            let reply = connection.call(&line);
            assert!(!reply.starts_with('-'), "{line}: {reply}");
        }
    }
    assert_eq!(connection.call("SELECT 0"), "+OK\r\n");
}

/// Segments so small that a few writes fill one.
pub const SMALL: &[&str] = &["--log-segment-bytes", "4096"];

#[test]
fn what_is_read_is_what_happened() {
    for more in [&["--appendfsync", "always"][..], &[], &["--appendonly", "no"]] {
        let arguments = [SMALL, more].concat();
        let (dir, server) = coolcache(&arguments);
        let mut connection = server.connect();
        let first = lsn(&ask(&mut connection, "LOG INFO"), "window-start");
        // Somebody reads while somebody writes.
        let mut under_load = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = server.connect();
                (0..8).for_each(|round| write_some(&mut writer, round));
                assert_eq!(writer.call("SET done 1"), "+OK\r\n");
            });
            let mut reader = server.connect();
            let mut next = first;
            loop {
                let reply = ask(&mut reader, &format!("LOG READ {next} COUNT 17 BLOCK 5000"));
                next = lsn(&reply, "next");
                under_load.extend(entries(&reply));
                let is_done = |entry: &Entry| entry.2[1..] == [b"done".to_vec(), b"1".to_vec()];
                if under_load.last().is_some_and(is_done) {
                    break;
                }
            }
        });
        let all = read_all(&mut connection, first, 1000);
        assert!(all.len() > 2000, "{}", all.len());
        assert_eq!(under_load, all);
        assert_eq!(read_all(&mut connection, first, 7), all);
        if more.contains(&"always") {
            assert!(segments(dir.path()).len() > 5, "it has rolled");
        }
        let digest = ask(&mut connection, "LOG DIGEST");
        assert_eq!(lsn(&digest, "lsn"), all.last().unwrap().0);
        let (_other, second) = coolcache(&[]);
        let mut copy = second.connect();
        replay(&all, &mut copy);
        assert_eq!(field(&ask(&mut copy, "LOG DIGEST"), "digest"), field(&digest, "digest"));
        // From the middle.
        let middle = all.len() / 2;
        assert_eq!(read_all(&mut connection, all[middle].0, 1000), all[middle + 1..]);
        // After a restart the files tell it, and the history goes on.
        if !more.contains(&"no") {
            drop(connection);
            let mut server = server;
            let id = field(&ask(&mut server.connect(), "LOG INFO"), "id");
            server.kill_and_restart();
            let mut connection = server.connect();
            assert_eq!(read_all(&mut connection, first, 1000), all);
            let OwnedReply::Bulk(id) = id else { panic!("{id:?}") };
            let id = String::from_utf8(id).unwrap();
            let at = all[middle].0;
            let reply = ask(&mut connection, &format!("LOG READ {at} ID {id} COUNT 1"));
            assert_eq!(entries(&reply), all[middle + 1..middle + 2]);
            assert_ne!(field(&reply, "id"), OwnedReply::Bulk(id.clone().into_bytes()));
            assert_eq!(connection.call("SET behind the-restart"), "+OK\r\n");
            let now = end(&mut connection);
            let refused = connection.call(&format!("LOG READ {now} ID {id}"));
            assert!(refused.contains("is not in this log, where it ends at LSN"), "{refused}");
            let refused = connection.call("LOG READ 0 ID abc");
            assert_eq!(refused, "-ERR this log has no history abc\r\n");
        }
    }
}

#[test]
fn match_takes_records_by_their_keys() {
    let (_dir, server) = coolcache(&[]);
    let mut connection = server.connect();
    for line in ["SET user:1 a", "SET other b", "MSET other c user:2 d", "FLUSHALL", "DEL none"] {
        connection.call(line);
    }
    end(&mut connection);
    let reply = ask(&mut connection, "LOG READ 0 MATCH user:*");
    let lines: Vec<_> = entries(&reply).into_iter().map(|entry| entry.2.join(&b' ')).collect();
    let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
    assert_eq!(lines, ["SET user:1 a", "MSET other c user:2 d", "FLUSHALL"]);
    assert_eq!(lsn(&reply, "next"), lsn(&reply, "end"));
}

#[test]
fn block_waits_and_ends_as_other_waits_do() {
    for appendonly in ["yes", "no"] {
        let (_dir, server) = coolcache(&["--appendonly", appendonly]);
        let mut connection = server.connect();
        assert_eq!(connection.call("SET a 1"), "+OK\r\n");
        let from = end(&mut connection);
        // It gives up.
        let reply = ask(&mut connection, &format!("LOG READ {from} BLOCK 20"));
        assert_eq!((entries(&reply), lsn(&reply, "next")), (vec![], from));
        // Without BLOCK it does not wait.
        let reply = ask(&mut connection, &format!("LOG READ {from}"));
        assert_eq!((entries(&reply), lsn(&reply, "next")), (vec![], from));
        // A record that does not match goes by, and the next one ends the wait.
        let mut waiting = server.connect();
        let request = format!("LOG READ {from} BLOCK 0 MATCH wanted");
        let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        waiting.request(&words).unwrap();
        wait_until("it waits", || connection.info("blocked_clients") == "1");
        assert_eq!(connection.call("SET unwanted 1"), "+OK\r\n");
        assert_eq!(connection.call("SET wanted 1"), "+OK\r\n");
        let reply = value(&waiting.try_receive().unwrap());
        let records = entries(&reply);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].2[1], b"wanted");
        // CLIENT UNBLOCK, and a connection that goes away.
        let from = end(&mut connection);
        let id = waiting.call("CLIENT ID")[1..].trim().to_owned();
        let request = format!("LOG READ {from} BLOCK 0");
        let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        waiting.request(&words).unwrap();
        wait_until("it waits", || connection.info("blocked_clients") == "1");
        assert_eq!(connection.call(&format!("CLIENT UNBLOCK {id}")), ":1\r\n");
        assert_eq!(entries(&value(&waiting.try_receive().unwrap())), vec![]);
        waiting.request(&words).unwrap();
        wait_until("it waits", || connection.info("blocked_clients") == "1");
        drop(waiting);
        wait_until("it is forgotten", || connection.info("blocked_clients") == "0");
        assert_eq!(connection.call("SET b 1"), "+OK\r\n");
    }
}

#[test]
fn errors_name_the_window() {
    let (_dir, server) = coolcache(SMALL);
    let mut connection = server.connect();
    assert_eq!(connection.call("SET key value"), "+OK\r\n");
    let info = ask(&mut connection, "LOG INFO");
    let start = lsn(&info, "window-start");
    let end = end(&mut connection);
    let beyond = connection.call(&format!("LOG READ {}", end + 1));
    assert_eq!(
        beyond,
        format!(
            "-ERR LSN {} is outside the window: the log can be read from LSN {start} to LSN {end}\r\n",
            end + 1
        )
    );
    let inside = connection.call(&format!("LOG READ {}", end - 1));
    assert!(inside.starts_with(&format!("-ERR LSN {} is inside a record", end - 1)), "{inside}");
    assert!(inside.contains(&format!("the next at LSN {end}")), "{inside}");
    // What retention has dropped.
    let (_dir, server) = coolcache(&[SMALL, &["--log-retention-bytes", "0"]].concat());
    let mut connection = server.connect();
    // More than stays in memory.
    let value = vec![b'v'; 100_000];
    for n in 0..20 {
        let key = format!("large:{n}");
        assert_eq!(connection.try_call(&[b"SET", key.as_bytes(), &value]).unwrap(), b"+OK\r\n");
    }
    assert!(connection.call("BGREWRITEAOF").starts_with('+'));
    wait_until("it is rewritten", || connection.info("aof_rewrites") == "1");
    let refused = connection.call("LOG READ 0");
    assert!(refused.starts_with("-ERR LSN 0 is outside the window"), "{refused}");
    let info = ask(&mut connection, "LOG INFO");
    let start = lsn(&info, "window-start");
    assert!(0 < start && start <= lsn(&info, "base-lsn"), "{info:?}");
    assert!(refused.contains(&format!("from LSN {start} to LSN")), "{refused}");
}
