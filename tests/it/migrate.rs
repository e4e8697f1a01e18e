//! MIGRATE: keys to another server of ours, and to the real thing.

use crate::support::{
    Connection, Kind, Server, coolcache, encoded, free_port, has, log_bytes, wait_until,
};
use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

const IN_MEMORY: &[&str] = &["--appendonly", "no"];
const PLAIN: &[&str] = &["--save", "", "--enable-debug-command", "yes"];

fn migrate(from: &mut Connection, port: u16, rest: &[&str]) -> String {
    let port = port.to_string();
    let mut arguments: Vec<&[u8]> = vec![b"MIGRATE", b"127.0.0.1", port.as_bytes()];
    arguments.extend(rest.iter().map(|word| word.as_bytes()));
    String::from_utf8(from.try_call(&arguments).unwrap()).unwrap()
}

/// A key of each type, one with an expiry.
fn fill(connection: &mut Connection) -> Vec<&'static str> {
    for line in [
        "SET string value",
        "SET number 12345",
        "SET expiring soon PX 5000000",
        "RPUSH list a b c",
        "SADD set a b c",
        "HSET hash field value",
        "ZADD zset 1 a 2.5 b",
        "XADD stream 1-1 field value",
    ] {
        assert!(!connection.call(line).starts_with('-'), "{line}");
    }
    vec!["string", "number", "expiring", "list", "set", "hash", "zset", "stream"]
}

#[test]
fn every_type_moves_to_another_and_to_the_real_thing() {
    for kind in [Kind::CoolCache, Kind::Redis] {
        let (dir, mut ours) = coolcache(&[]);
        let other_dir = tempfile::tempdir().unwrap();
        let other = Server::start(kind, other_dir.path(), PLAIN);
        let (mut from, mut to) = (ours.connect(), other.connect());
        let keys = fill(&mut from);
        let digest = from.call("DEBUG DIGEST");
        assert_eq!(from.call("SET stays here"), "+OK\r\n");
        let named = [&["", "0", "5000", "KEYS"], &keys[..]].concat();
        assert_eq!(migrate(&mut from, other.port, &named), "+OK\r\n", "{kind:?}");
        assert_eq!(to.call("DEBUG DIGEST"), digest, "{kind:?}");
        assert_eq!(to.call("DBSIZE"), ":8\r\n");
        let ttl: u64 = to.call("PTTL expiring").trim_matches([':', '\r', '\n']).parse().unwrap();
        assert!((4_900_000..=5_000_000).contains(&ttl), "{ttl}");
        assert_eq!(to.call("TTL list"), ":-1\r\n");
        assert_eq!(from.call("KEYS *"), "*1\r\n$5\r\nstays\r\n");
        assert_eq!(migrate(&mut from, other.port, &named), "+NOKEY\r\n");

        let mut removal: Vec<&[u8]> = vec![b"DEL"];
        removal.extend(keys.iter().map(|key| key.as_bytes()));
        wait_until("it is logged", || has(&log_bytes(dir.path()), &encoded(&removal)));
        assert!(!has(&log_bytes(dir.path()), b"MIGRATE"));
        ours.kill_and_restart();
        assert_eq!(ours.connect().call("KEYS *"), "*1\r\n$5\r\nstays\r\n");
    }
}

#[test]
fn what_the_target_refuses_stays_and_the_rest_goes() {
    let (_dir, ours) = coolcache(IN_MEMORY);
    let (_other_dir, other) = coolcache(IN_MEMORY);
    let (mut from, mut to) = (ours.connect(), other.connect());
    assert_eq!(from.call("MSET a 1 b 2 c 3"), "+OK\r\n");
    assert_eq!(to.call("SET b there"), "+OK\r\n");
    let refusal = "-ERR Target instance replied with error: BUSYKEY Target key name already \
                   exists.\r\n";
    let all = ["", "0", "5000", "KEYS", "a", "b", "missing", "c"];
    assert_eq!(migrate(&mut from, other.port, &all), refusal);
    assert_eq!(from.call("KEYS *"), "*1\r\n$1\r\nb\r\n");
    assert_eq!(to.call("MGET a b c"), "*3\r\n$1\r\n1\r\n$5\r\nthere\r\n$1\r\n3\r\n");
    assert_eq!(migrate(&mut from, other.port, &["b", "0", "5000", "COPY"]), refusal);
    assert_eq!(migrate(&mut from, other.port, &["b", "0", "5000", "COPY", "REPLACE"]), "+OK\r\n");
    assert_eq!(to.call("GET b"), "$1\r\n2\r\n");
    assert_eq!(from.call("GET b"), "$1\r\n2\r\n", "a copy");
    // Twice the same key, into another database.
    assert_eq!(
        migrate(&mut from, other.port, &["", "3", "5000", "REPLACE", "KEYS", "b", "b"]),
        "+OK\r\n"
    );
    assert_eq!(from.call("DBSIZE"), ":0\r\n");
    assert_eq!(to.call("SELECT 3"), "+OK\r\n");
    assert_eq!(to.call("GET b"), "$1\r\n2\r\n");
    assert_eq!(from.call("SET b again"), "+OK\r\n");
    assert_eq!(
        migrate(&mut from, other.port, &["b", "99", "5000"]),
        "-ERR Target instance replied with error: ERR DB index is out of range\r\n"
    );
    assert_eq!(from.call("EXISTS b"), ":1\r\n");
    assert!(from.call("INFO commandstats").contains("cmdstat_migrate:calls=5"));
    assert!(from.call("INFO commandstats").contains("failed_calls=3"));
}

#[test]
fn it_authenticates() {
    let (_dir, ours) = coolcache(IN_MEMORY);
    let (_other_dir, other) = coolcache(&["--appendonly", "no", "--requirepass", "secret"]);
    let mut from = ours.connect();
    assert_eq!(from.call("MSET a 1 b 2"), "+OK\r\n");
    let without = migrate(&mut from, other.port, &["a", "0", "5000"]);
    assert!(without.starts_with("-ERR Target instance replied with error: NOAUTH "), "{without}");
    let wrong = migrate(&mut from, other.port, &["a", "0", "5000", "AUTH", "guess"]);
    assert!(wrong.starts_with("-ERR Target instance replied with error: WRONGPASS "), "{wrong}");
    assert_eq!(migrate(&mut from, other.port, &["a", "0", "5000", "AUTH", "secret"]), "+OK\r\n");
    assert_eq!(
        migrate(&mut from, other.port, &["b", "0", "5000", "AUTH2", "default", "secret"]),
        "+OK\r\n"
    );
    assert_eq!(from.call("DBSIZE"), ":0\r\n");
}

#[test]
fn a_dead_or_silent_target_costs_nothing() {
    let (_dir, ours) = coolcache(IN_MEMORY);
    let mut from = ours.connect();
    assert_eq!(from.call("SET key value"), "+OK\r\n");
    assert_eq!(
        migrate(&mut from, free_port(), &["key", "0", "1000"]),
        "-IOERR error or timeout writing to target instance\r\n"
    );
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    assert_eq!(
        migrate(&mut from, port, &["key", "0", "50"]),
        "-IOERR error or timeout reading to target instance\r\n"
    );
    assert_eq!(
        from.call("MIGRATE not.a.host.invalid 1 key 0 1000"),
        "-IOERR error or timeout connecting to the client\r\n"
    );
    assert_eq!(from.call("GET key"), "$5\r\nvalue\r\n");
}

/// The keys would be restored onto themselves, and then removed.
#[test]
fn a_server_sends_nothing_into_the_same_database() {
    let (_dir, ours) = coolcache(IN_MEMORY);
    let mut from = ours.connect();
    assert_eq!(from.call("SET key value"), "+OK\r\n");
    let own = ours.port;
    assert_eq!(
        migrate(&mut from, own, &["key", "0", "5000", "REPLACE"]),
        "-ERR Target instance and database are the ones the keys are in\r\n"
    );
    assert_eq!(from.call("GET key"), "$5\r\nvalue\r\n");
    assert_eq!(migrate(&mut from, own, &["key", "1", "5000"]), "+OK\r\n");
    assert_eq!(from.call("DBSIZE"), ":0\r\n");
    assert_eq!(from.call("SELECT 1"), "+OK\r\n");
    assert_eq!(from.call("GET key"), "$5\r\nvalue\r\n");
}

/// Others go on while a migration runs; what they change is not removed.
#[test]
fn a_key_that_changes_meanwhile_stays() {
    let (_dir, ours) = coolcache(&[]);
    let (mut from, mut other) = (ours.connect(), ours.connect());
    for (change, kept) in [
        ("SET one new", "*2\r\n$3\r\nnew\r\n$-1\r\n"),
        ("PEXPIRE one 500000", "*2\r\n$1\r\n1\r\n$-1\r\n"),
        ("DEL one", "*2\r\n$-1\r\n$-1\r\n"),
    ] {
        assert_eq!(from.call("MSET one 1 two 2"), "+OK\r\n");
        let target = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = target.local_addr().unwrap().port().to_string();
        let line = ["MIGRATE", "127.0.0.1", &port, "", "0", "20000", "KEYS", "one", "two"];
        from.request(&line.map(str::as_bytes)).unwrap();
        let (stream, _) = target.accept().unwrap();
        let mut target = Connection::over(stream);
        answer(&mut target, &encoded(&[b"SELECT", b"0"]), b"+OK\r\n");
        target.stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut received = vec![0; 4096];
        let count = target.stream.read(&mut received).unwrap();
        assert!(has(&received[..count], b"RESTORE"));
        assert!(!other.call(change).starts_with('-'));
        target.send(b"+OK\r\n+OK\r\n");
        let reply = String::from_utf8(from.try_receive().unwrap()).unwrap();
        assert_eq!(
            reply,
            "-IOERR key 'one' was changed while it was sent: the target instance has its old \
             value\r\n"
        );
        assert_eq!(other.call("MGET one two"), kept, "{change}");
    }
}

/// Reads exactly `request`, and sends `reply`.
fn answer(connection: &mut Connection, request: &[u8], reply: &[u8]) {
    let mut received = vec![0; request.len()];
    connection.stream.read_exact(&mut received).unwrap();
    assert_eq!(received, request);
    connection.send(reply);
}

/// As any write, even though the key has arrived already.
#[test]
fn the_removal_waits_for_the_end_of_a_pause() {
    let (dir, ours) = coolcache(&["--appendfsync", "always"]);
    let (mut from, mut other) = (ours.connect(), ours.connect());
    assert_eq!(from.call("SET one 1"), "+OK\r\n");
    let target = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = target.local_addr().unwrap().port().to_string();
    let line = ["MIGRATE", "127.0.0.1", &port, "one", "0", "20000"];
    from.request(&line.map(str::as_bytes)).unwrap();
    let (stream, _) = target.accept().unwrap();
    let mut target = Connection::over(stream);
    answer(&mut target, &encoded(&[b"SELECT", b"0"]), b"+OK\r\n");
    assert_eq!(other.call("CLIENT PAUSE 20000 WRITE"), "+OK\r\n");
    target.send(b"+OK\r\n");
    // The connection is closed when the reply to the RESTORE was read.
    assert!(has(&target.receive_to_end(), b"RESTORE"));
    assert_eq!(other.call("GET one"), "$1\r\n1\r\n");
    assert_eq!(other.call("CLIENT UNPAUSE"), "+OK\r\n");
    assert_eq!(from.try_receive().unwrap(), b"+OK\r\n");
    assert!(has(&log_bytes(dir.path()), &encoded(&[b"DEL", b"one"])), "it was acknowledged");
}

/// Many windows, and values of many pieces.
#[test]
fn many_and_large_keys() {
    let (_dir, ours) = coolcache(IN_MEMORY);
    let (_other_dir, other) = coolcache(IN_MEMORY);
    let mut from = ours.connect();
    let mut line: Vec<String> = ["", "0", "20000", "KEYS"].map(str::to_owned).to_vec();
    for n in 0..3000 {
        let key = format!("key:{n}");
        let value = format!("{n} is it, ").repeat(if n % 1000 == 0 { 300_000 } else { 20 });
        from.request(&[b"SET", key.as_bytes(), value.as_bytes()]).unwrap();
        assert_eq!(from.try_receive().unwrap(), b"+OK\r\n");
        line.push(key);
    }
    let digest = from.call("DEBUG DIGEST");
    let words: Vec<&str> = line.iter().map(String::as_str).collect();
    assert_eq!(migrate(&mut from, other.port, &words), "+OK\r\n");
    assert_eq!(from.call("DBSIZE"), ":0\r\n");
    assert_eq!(other.connect().call("DEBUG DIGEST"), digest);
}

/// More migrations than there are threads for: all of them get there, those that wait too, and
/// nobody else waits.
#[test]
fn many_migrations_take_turns() {
    let (_dir, ours) = coolcache(IN_MEMORY);
    let (_other_dir, other) = coolcache(IN_MEMORY);
    let mut connection = ours.connect();
    // Somebody who accepts and never answers holds the first ones up.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port().to_string();
    let mut accepted = Vec::new();
    let mut stuck: Vec<Connection> = (0..16).map(|_| ours.connect()).collect();
    for (n, from) in stuck.iter_mut().enumerate() {
        assert_eq!(connection.call(&format!("SET stuck:{n} x")), "+OK\r\n");
        let key = format!("stuck:{n}");
        let request: [&[u8]; 6] =
            [b"MIGRATE", b"127.0.0.1", silent_port.as_bytes(), key.as_bytes(), b"0", b"1000"];
        from.request(&request).unwrap();
        accepted.push(silent.accept().unwrap());
    }
    let mut moving: Vec<Connection> = (0..20).map(|_| ours.connect()).collect();
    let port = other.port.to_string();
    for (n, from) in moving.iter_mut().enumerate() {
        let key = format!("moving:{n}");
        assert_eq!(from.call(&format!("SET {key} {n}")), "+OK\r\n");
        let request: [&[u8]; 6] =
            [b"MIGRATE", b"127.0.0.1", port.as_bytes(), key.as_bytes(), b"0", b"5000"];
        from.request(&request).unwrap();
    }
    assert_eq!(connection.call("PING"), "+PONG\r\n");
    for from in &mut moving {
        assert_eq!(from.try_receive().unwrap(), b"+OK\r\n");
    }
    for from in &mut stuck {
        assert!(from.try_receive().unwrap().starts_with(b"-IOERR"));
    }
    assert_eq!(connection.call("DBSIZE"), ":16\r\n");
    assert_eq!(other.connect().call("DBSIZE"), ":20\r\n");
}

#[test]
fn a_large_value_that_nobody_has_touched_is_removed() {
    let (_dir, ours) = coolcache(IN_MEMORY);
    let (_other_dir, other) = coolcache(IN_MEMORY);
    let (mut from, mut to) = (ours.connect(), other.connect());
    for n in 0..20 {
        let members: Vec<String> = (0..500).map(|m| format!("member:{n}:{m}")).collect();
        let words: Vec<&[u8]> = members.iter().map(|member| member.as_bytes()).collect();
        from.try_call(&[&[b"SADD" as &[u8], b"large"], &words[..]].concat()).unwrap();
    }
    let digest = from.call("DEBUG DIGEST");
    assert_eq!(migrate(&mut from, other.port, &["large", "0", "5000"]), "+OK\r\n");
    assert_eq!((from.call("DBSIZE"), to.call("DEBUG DIGEST")), (":0\r\n".to_owned(), digest));
}
