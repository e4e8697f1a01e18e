//! `appendfsync always`: what waits for the disk, and what does not.

use crate::broken::Tampered;
use crate::support::{Connection, coolcache, encoded, has, log_bytes, wait_until};
use std::io::ErrorKind;

/// When a reply is here, its record is in the file.
#[test]
fn a_write_is_answered_after_its_record_is_in_the_file() {
    let (dir, server) = coolcache(&["--appendfsync", "always", "--log-segment-bytes", "16kb"]);
    let (mut connection, mut other) = (server.connect(), server.connect());
    for n in 0..300 {
        let (key, value) = (format!("key:{n}"), format!("value:{n}"));
        let request: [&[u8]; 3] = [b"SET", key.as_bytes(), value.as_bytes()];
        // The other's read of it waits as well, whichever is answered first.
        connection.request(&request).unwrap();
        let mut seen = other.try_call(&[b"GET", key.as_bytes()]).unwrap();
        if seen == b"$-1\r\n" {
            assert_eq!(connection.try_receive().unwrap(), b"+OK\r\n");
            seen = other.try_call(&[b"GET", key.as_bytes()]).unwrap();
            assert!(has(&log_bytes(dir.path()), &encoded(&request)), "{key} was acknowledged");
        } else {
            assert!(has(&log_bytes(dir.path()), &encoded(&request)), "{key} was read");
            assert_eq!(connection.try_receive().unwrap(), b"+OK\r\n");
        }
        assert!(has(&seen, value.as_bytes()));
    }
}

#[test]
fn the_policy_can_be_changed_while_it_runs() {
    let (dir, server) = coolcache(&["--appendfsync", "no"]);
    let mut connection = server.connect();
    for policy in ["always", "everysec", "no", "always"] {
        assert_eq!(connection.call(&format!("CONFIG SET appendfsync {policy}")), "+OK\r\n");
        assert_eq!(connection.call(&format!("SET policy {policy}")), "+OK\r\n");
        assert_eq!(connection.call("GET policy"), format!("${}\r\n{policy}\r\n", policy.len()));
    }
    assert!(has(&log_bytes(dir.path()), &encoded(&[b"SET", b"policy", b"always"])));
}

/// Replies that wait for the disk when the policy changes still leave, whoever asked for the
/// change.
#[test]
fn every_reply_leaves_however_the_policy_changes() {
    let (_dir, server) = coolcache(&["--appendfsync", "always"]);
    let [mut changer, mut writer] = [(); 2].map(|()| server.connect());
    for connection in [&changer, &writer] {
        connection.stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    }
    for n in 0..60 {
        let policy = ["no", "always", "everysec", "always"][n % 4];
        let value = n.to_string();
        let mut requests = encoded(&[b"SET", b"before", value.as_bytes()]);
        requests.extend(encoded(&[b"CONFIG", b"SET", b"appendfsync", policy.as_bytes()]));
        requests.extend(encoded(&[b"SET", b"after", value.as_bytes()]));
        requests.extend(encoded(&[b"GET", b"before"]));
        writer.request(&[b"SET", b"other", value.as_bytes()]).unwrap();
        changer.send(&requests);
        for _ in 0..3 {
            assert_eq!(changer.try_receive().unwrap(), b"+OK\r\n", "{n}: {policy}");
        }
        let read = format!("${}\r\n{n}\r\n", value.len());
        assert_eq!(changer.try_receive().unwrap(), read.as_bytes());
        assert_eq!(writer.try_receive().unwrap(), b"+OK\r\n", "{n}: {policy}");
    }
}

/// Whether a connection has nothing to receive right now.
fn is_silent(connection: &Connection) -> bool {
    connection.stream.set_nonblocking(true).unwrap();
    let peeked = connection.stream.peek(&mut [0]);
    connection.stream.set_nonblocking(false).unwrap();
    matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_read_of_a_quiet_key_does_not_wait_for_the_disk() {
    let (_dir, server) = coolcache(&["--appendfsync", "always"]);
    let [mut writer, mut reader, mut same] = [(); 3].map(|()| server.connect());
    assert_eq!(writer.call("SET quiet value"), "+OK\r\n");
    assert_eq!(writer.call("SET busy 0"), "+OK\r\n");
    let slow = Tampered::syncs(server.child.id(), "delay_enter=1000000");
    let mut seen = false;
    // On a machine that stands still for a second the sync may be over first: then once more.
    for attempt in 1..=5 {
        writer.request(&[b"SET", b"busy", attempt.to_string().as_bytes()]).unwrap();
        same.request(&[b"GET", b"busy"]).unwrap();
        assert_eq!(reader.call("GET quiet"), "$5\r\nvalue\r\n");
        assert_eq!(reader.call("PING"), "+PONG\r\n");
        let waiting = is_silent(&writer);
        assert_eq!(writer.try_receive().unwrap(), b"+OK\r\n");
        same.try_receive().unwrap();
        if waiting {
            // And a read of the busy key waits, once the write has run.
            writer.request(&[b"INCR", b"busy"]).unwrap();
            assert_eq!(reader.call("PING"), "+PONG\r\n");
            let value = format!("$1\r\n{}\r\n", attempt + 1);
            same.request(&[b"GET", b"busy"]).unwrap();
            assert_eq!(reader.call("GET quiet"), "$5\r\nvalue\r\n");
            seen |= is_silent(&writer) && is_silent(&same);
            let read = String::from_utf8(same.try_receive().unwrap()).unwrap();
            assert!(!seen || read == value, "{read:?}, not {value:?}");
            assert_eq!(writer.try_receive().unwrap(), format!(":{}\r\n", attempt + 1).as_bytes());
        }
        if seen {
            break;
        }
    }
    drop(slow);
    assert!(seen, "no read was answered while a write waited");
}

/// Processor time that a process has used so far, in ticks of 10 ms.
fn processor_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let behind_name = stat.rsplit_once(')').unwrap().1;
    behind_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

#[test]
fn a_write_that_waits_for_room_does_not_keep_its_worker_busy() {
    let (_dir, server) = coolcache(&["--appendfsync", "always", "--log-tail-bytes", "1mb"]);
    let [mut first, mut second] = [(); 2].map(|()| server.connect());
    assert_eq!(first.call("SET key 0"), "+OK\r\n");
    assert_eq!(second.call("SET key 0"), "+OK\r\n");
    let slow = Tampered::syncs(server.child.id(), "delay_enter=3000000");
    // The log is busy with the first; the second fills it; the third must wait, for longer than
    // `timeout`.
    let value = vec![b'v'; 4 << 20];
    first.request(&[b"SET", b"key", b"1"]).unwrap();
    assert_eq!(server.connect().call("PING"), "+PONG\r\n");
    first.request(&[b"SET", b"key", &value]).unwrap();
    assert_eq!(server.connect().call("PING"), "+PONG\r\n");
    assert_eq!(second.call("CONFIG SET timeout 1"), "+OK\r\n");
    let before = processor_ticks(server.child.id());
    second.request(&[b"SET", b"key", b"3"]).unwrap();
    second.request(&[b"GET", b"key"]).unwrap();
    assert_eq!(second.try_receive().unwrap(), b"+OK\r\n");
    let used = processor_ticks(server.child.id()) - before;
    assert_eq!(second.try_receive().unwrap(), b"$1\r\n3\r\n");
    assert_eq!(first.try_receive().unwrap(), b"+OK\r\n");
    assert_eq!(first.try_receive().unwrap(), b"+OK\r\n");
    drop(slow);
    assert!(used < 60, "{used} ticks while it waited");
}

#[test]
fn a_sync_that_fails_refuses_writes_until_the_log_is_healed() {
    let (dir, mut server) = coolcache(&["--appendfsync", "always"]);
    let (mut writer, mut reader) = (server.connect(), server.connect());
    assert_eq!(writer.call("SET quiet value"), "+OK\r\n");
    let tampered = Tampered::syncs(server.child.id(), "error=EIO");
    let refused = "-MISCONF Errors writing to the AOF file: Input/output error\r\n";
    // Its outcome is not known: it is in memory, and perhaps in the file.
    assert_eq!(writer.call("SET unsure 1"), refused);
    assert_eq!(reader.call("GET quiet"), "$5\r\nvalue\r\n");
    assert_eq!(reader.info("aof_last_write_status"), "err");
    assert_eq!(writer.call("SET quiet other"), refused);
    drop(tampered);
    wait_until("it heals", || writer.call("SET healed yes") == "+OK\r\n");
    assert_eq!(reader.info("aof_last_write_status"), "ok");
    let digest = reader.call("DEBUG DIGEST");
    server.kill_and_restart();
    let mut connection = server.connect();
    assert_eq!(connection.call("DEBUG DIGEST"), digest);
    assert_eq!(connection.call("GET quiet"), "$5\r\nvalue\r\n");
    assert!(has(&log_bytes(dir.path()), b"healed"));
}

/// What was written under another policy is not shown under `always` before it is synced, and it is
/// synced at once.
#[test]
fn a_change_to_always_holds_reads_of_what_came_before() {
    let (_dir, server) = coolcache(&["--appendfsync", "no"]);
    let [mut writer, mut reader] = [(); 2].map(|()| server.connect());
    let slow = Tampered::syncs(server.child.id(), "delay_enter=1000000");
    let mut seen = false;
    // On a machine that stands still for a second the sync may be over first: then once more.
    for attempt in 0..5 {
        assert_eq!(writer.call(&format!("SET key {attempt}")), "+OK\r\n");
        assert_eq!(writer.call("CONFIG SET appendfsync always"), "+OK\r\n");
        reader.request(&[b"GET", b"key"]).unwrap();
        assert_eq!(writer.call("PING"), "+PONG\r\n");
        seen = is_silent(&reader);
        let value = format!("$1\r\n{attempt}\r\n");
        assert_eq!(reader.try_receive().unwrap(), value.as_bytes());
        if seen {
            break;
        }
        assert_eq!(writer.call("CONFIG SET appendfsync no"), "+OK\r\n");
    }
    drop(slow);
    assert!(seen, "no read waited");
}
