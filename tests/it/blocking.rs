//! Connections that wait: for keys, and for the end of a pause.

use crate::support::{Connection, Server, coolcache, encoded, has, log_bytes, wait_until};
use redis::Commands;
use std::net::Shutdown;
use std::time::{Duration, Instant};

const IN_MEMORY: &[&str] = &["--appendonly", "no", "--io-threads", "2"];

/// A connection whose request waits; its id comes with it.
fn waiting(server: &Server, other: &mut Connection, line: &str) -> (Connection, String) {
    let before: usize = other.info("blocked_clients").parse().unwrap();
    let mut connection = server.connect();
    let id = connection.call("CLIENT ID").trim_matches([':', '\r', '\n']).to_owned();
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    connection.request(&words).unwrap();
    let expected = (before + 1).to_string();
    wait_until("it waits", || other.info("blocked_clients") == expected);
    (connection, id)
}

fn received(connection: &mut Connection) -> String {
    String::from_utf8(connection.try_receive().unwrap()).unwrap()
}

fn pair(key: &str, value: &str) -> String {
    format!("*2\r\n${}\r\n{key}\r\n${}\r\n{value}\r\n", key.len(), value.len())
}

#[test]
fn first_come_first_served_across_workers() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut other = server.connect();
    let mut clients: Vec<_> =
        (0..5).map(|_| waiting(&server, &mut other, "BLPOP none list 0").0).collect();
    assert_eq!(other.info("total_blocking_keys"), "2");
    assert_eq!(other.info("clients_in_timeout_table"), "0");
    assert_eq!(other.call("RPUSH list a b c"), ":3\r\n");
    for (client, value) in clients.iter_mut().zip(["a", "b", "c"]) {
        assert_eq!(received(client), pair("list", value));
    }
    assert_eq!(other.call("RPUSH list d e f"), ":3\r\n");
    assert_eq!(received(&mut clients[3]), pair("list", "d"));
    assert_eq!(received(&mut clients[4]), pair("list", "e"));
    assert_eq!(other.call("LRANGE list 0 -1"), "*1\r\n$1\r\nf\r\n");
    assert_eq!(other.info("blocked_clients"), "0");
    assert_eq!(other.info("total_blocking_keys"), "0");
    let calls = other.call("INFO commandstats");
    assert!(calls.contains("cmdstat_blpop:calls=5,"), "{calls}");
}

#[test]
fn what_is_behind_a_waiting_request_comes_after_it() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let (mut first, mut other) = (server.connect(), server.connect());
    let mut bytes = encoded(&[b"BLPOP", b"list", b"0"]);
    bytes.extend(encoded(&[b"ECHO", b"x"]));
    bytes.extend(encoded(&[b"BLPOP", b"list", b"0"]));
    bytes.extend(encoded(&[b"ECHO", b"y"]));
    first.send(&bytes);
    wait_until("it waits", || other.info("blocked_clients") == "1");
    other.call("RPUSH list 1");
    assert_eq!(received(&mut first), pair("list", "1"));
    assert_eq!(received(&mut first), "$1\r\nx\r\n");
    wait_until("it waits again", || other.info("blocked_clients") == "1");
    other.call("RPUSH list 2");
    assert_eq!(received(&mut first), pair("list", "2"));
    assert_eq!(received(&mut first), "$1\r\ny\r\n");
}

#[test]
fn moves_make_chains() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut other = server.connect();
    let (mut last, _) = waiting(&server, &mut other, "BRPOP c 0");
    let (mut second, _) = waiting(&server, &mut other, "BLMOVE b c LEFT RIGHT 0");
    let (mut first, _) = waiting(&server, &mut other, "BLMOVE a b LEFT RIGHT 0");
    assert_eq!(other.call("RPUSH a x"), ":1\r\n");
    assert_eq!(received(&mut first), "$1\r\nx\r\n");
    assert_eq!(received(&mut second), "$1\r\nx\r\n");
    assert_eq!(received(&mut last), pair("c", "x"));
    assert_eq!(other.call("DBSIZE"), ":0\r\n");
}

/// As in Redis, who waits is forgotten as soon as it sends nothing more.
#[test]
fn a_peer_that_leaves_takes_nothing() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut other = server.connect();
    let (closed, _) = waiting(&server, &mut other, "BLPOP list 0");
    drop(closed);
    wait_until("it is forgotten", || other.info("blocked_clients") == "0");
    let (mut half, _) = waiting(&server, &mut other, "BLPOP list 0");
    half.stream.shutdown(Shutdown::Write).unwrap();
    assert!(half.receive_to_end().is_empty());
    wait_until("it is forgotten", || other.info("blocked_clients") == "0");
    // The request and the end of the stream at once.
    let mut hasty = server.connect();
    hasty.send(&encoded(&[b"BLPOP", b"list", b"0"]));
    hasty.stream.shutdown(Shutdown::Write).unwrap();
    assert!(hasty.receive_to_end().is_empty());
    let (mut killed, id) = waiting(&server, &mut other, "BLPOP list 0");
    assert_eq!(other.call(&format!("CLIENT KILL ID {id}")), ":1\r\n");
    assert_eq!(other.call("RPUSH list a"), ":1\r\n");
    assert!(killed.receive_to_end().is_empty());
    assert_eq!(other.call("LLEN list"), ":1\r\n");
    // What can be answered at once still is.
    let mut hasty = server.connect();
    hasty.send(&encoded(&[b"BLPOP", b"list", b"0"]));
    hasty.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(hasty.receive_to_end(), pair("list", "a").as_bytes());
}

#[test]
fn others_can_end_a_wait() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut other = server.connect();
    let (mut client, id) = waiting(&server, &mut other, "BLPOP list 0");
    assert!(other.call(&format!("CLIENT LIST ID {id}")).contains(" flags=b "));
    assert_eq!(other.call(&format!("CLIENT UNBLOCK {id}")), ":1\r\n");
    assert_eq!(received(&mut client), "*-1\r\n");
    assert_eq!(other.call(&format!("CLIENT UNBLOCK {id}")), ":0\r\n");
    client.request(&[b"BLPOP", b"list", b"0"]).unwrap();
    wait_until("it waits", || other.info("blocked_clients") == "1");
    assert_eq!(other.call(&format!("CLIENT UNBLOCK {id} ERROR")), ":1\r\n");
    assert_eq!(received(&mut client), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    assert_eq!(client.call("PING"), "+PONG\r\n");
}

/// Never early, and late only by what the machine's scheduler adds.
#[test]
fn timeouts_are_kept_to_the_millisecond() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut clients: Vec<_> = (0..40).map(|_| server.connect()).collect();
    let mut late: Vec<Duration> = Vec::new();
    // The later ones wait shorter: each arms the timer anew.
    let begun: Vec<_> = clients
        .iter_mut()
        .enumerate()
        .map(|(n, client)| {
            let timeout = Duration::from_millis(400 - 5 * n as u64);
            let text = format!("{:.3}", timeout.as_secs_f64());
            let begun = Instant::now();
            client.request(&[b"BLPOP", b"list", text.as_bytes()]).unwrap();
            (begun, timeout)
        })
        .collect();
    for (client, (begun, timeout)) in clients.iter_mut().zip(&begun).rev() {
        assert_eq!(received(client), "*-1\r\n");
        let elapsed = begun.elapsed();
        // The server's clock has whole milliseconds.
        assert!(elapsed + Duration::from_millis(1) >= *timeout, "{elapsed:?} of {timeout:?}");
        late.push(elapsed.saturating_sub(*timeout));
    }
    late.sort_unstable();
    assert!(late[late.len() / 2] < Duration::from_millis(50), "{late:?}");
}

#[test]
fn a_sleeping_server_ends_waits_afterwards() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut other = server.connect();
    let (mut client, _) = waiting(&server, &mut other, "BLPOP list 0.05");
    assert_eq!(other.call("DEBUG SLEEP 0.2"), "+OK\r\n");
    assert_eq!(received(&mut client), "*-1\r\n");
    let (mut client, _) = waiting(&server, &mut other, "BLPOP list 10");
    assert_eq!(other.call("DEBUG SLEEP 0.1"), "+OK\r\n");
    other.call("RPUSH list a");
    assert_eq!(received(&mut client), pair("list", "a"));
}

#[test]
fn a_real_client_library_waits() {
    let (_dir, server) = coolcache(IN_MEMORY);
    for protocol in ["resp2", "resp3"] {
        let url = format!("redis://127.0.0.1:{}/?protocol={protocol}", server.port);
        let client = redis::Client::open(url).unwrap();
        let mut other = client.get_connection().unwrap();
        let mut waits = client.get_connection().unwrap();
        let none: Option<(String, String)> = waits.blpop("list", 0.01).unwrap();
        assert_eq!(none, None);
        let waiter = std::thread::spawn(move || {
            let some: Option<(String, String)> = waits.blpop(&["none", "list"], 0.0).unwrap();
            let mut moves = redis::cmd("BRPOPLPUSH");
            let moved: Option<String> =
                moves.arg("list").arg("list2").arg(10).query(&mut waits).unwrap();
            (some, moved)
        });
        let mut looks = server.connect();
        wait_until("it waits", || looks.info("blocked_clients") == "1");
        let _: () = other.rpush("list", "a").unwrap();
        let _: () = other.rpush("list", "b").unwrap();
        let came = waiter.join().unwrap();
        assert_eq!(came.0, Some(("list".to_owned(), "a".to_owned())));
        assert_eq!(came.1, Some("b".to_owned()));
        let _: () = other.del("list2").unwrap();
    }
}

/// Under `always` the waiter's reply too comes only when its record is in the file.
#[test]
fn what_is_served_is_durable_first() {
    let (dir, server) = coolcache(&["--appendfsync", "always", "--io-threads", "2"]);
    let mut other = server.connect();
    for n in 0..100 {
        let (list, value) = (format!("list:{n}"), format!("value:{n}"));
        let (mut client, _) = waiting(&server, &mut other, &format!("BLPOP {list} 0"));
        other.request(&[b"RPUSH", list.as_bytes(), value.as_bytes()]).unwrap();
        assert_eq!(received(&mut client), pair(&list, &value));
        assert!(has(&log_bytes(dir.path()), &encoded(&[b"LPOP", list.as_bytes()])), "{list}");
        assert_eq!(received(&mut other), ":1\r\n");
    }
    let (mut client, _) = waiting(&server, &mut other, "BLMOVE a b LEFT RIGHT 0.05");
    assert_eq!(received(&mut client), "*-1\r\n");
}

#[test]
fn silent_waits() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let (mut client, mut other) = (server.connect(), server.connect());
    let mut bytes = encoded(&[b"CLIENT", b"REPLY", b"SKIP"]);
    bytes.extend(encoded(&[b"BLPOP", b"list", b"0"]));
    bytes.extend(encoded(&[b"PING"]));
    client.send(&bytes);
    wait_until("it waits", || other.info("blocked_clients") == "1");
    other.call("RPUSH list a");
    assert_eq!(received(&mut client), "+PONG\r\n");
    assert_eq!(other.call("EXISTS list"), ":0\r\n");
}

#[test]
fn a_pause_ends_by_itself_or_by_command() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let (mut first, mut second) = (server.connect(), server.connect());
    let mut other = server.connect();
    let begun = Instant::now();
    assert_eq!(other.call("CLIENT PAUSE 200 WRITE"), "+OK\r\n");
    let mut bytes = encoded(&[b"GET", b"key"]);
    bytes.extend(encoded(&[b"SET", b"key", b"1"]));
    bytes.extend(encoded(&[b"GET", b"key"]));
    first.send(&bytes);
    assert_eq!(received(&mut first), "$-1\r\n");
    wait_until("it waits", || other.info("blocked_clients") == "1");
    assert_eq!(other.info("paused_actions"), "write");
    assert_eq!(second.call("GET key"), "$-1\r\n");
    assert_eq!(received(&mut first), "+OK\r\n");
    assert!(begun.elapsed() >= Duration::from_millis(199));
    assert_eq!(received(&mut first), "$1\r\n1\r\n");
    assert_eq!(other.info("paused_reason"), "none");
    // Everything, for a long time; then not.
    assert_eq!(other.call("CLIENT PAUSE 60000"), "+OK\r\n");
    first.request(&[b"GET", b"key"]).unwrap();
    second.request(&[b"SET", b"key", b"2"]).unwrap();
    let mut gone = server.connect();
    gone.request(&[b"SET", b"key", b"3"]).unwrap();
    gone.stream.shutdown(Shutdown::Write).unwrap();
    assert!(gone.receive_to_end().is_empty());
    let begun = Instant::now();
    assert_eq!(other.call("CLIENT UNPAUSE"), "+OK\r\n");
    assert!(received(&mut first).starts_with("$1\r\n"));
    assert_eq!(received(&mut second), "+OK\r\n");
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!(other.call("GET key"), "$1\r\n2\r\n");
}

/// A paused server does nothing for those it keeps waiting.
#[test]
fn a_pause_costs_nothing() {
    let (_dir, server) = coolcache(&["--appendonly", "no", "--io-threads", "1"]);
    let (mut client, mut other) = (server.connect(), server.connect());
    assert_eq!(other.call("CLIENT PAUSE 600 WRITE"), "+OK\r\n");
    client.request(&[b"SET", b"key", b"1"]).unwrap();
    wait_until("it waits", || other.info("blocked_clients") == "1");
    let turns = |other: &mut Connection| -> u64 { other.info("eventloop_cycles").parse().unwrap() };
    let before = turns(&mut other);
    assert_eq!(received(&mut client), "+OK\r\n");
    let after = turns(&mut other);
    assert!(after - before < 20, "{} rounds while nothing happened", after - before);
}

/// What WAITAOF has waited for survives a kill; the disk wakes it, not its timeout.
#[test]
fn waitaof_waits_for_the_disk() {
    let on_disk = |fsync| ["--appendonly", "yes", "--appendfsync", fsync];
    for fsync in ["everysec", "always", "no"] {
        let (_dir, mut server) = coolcache(&on_disk(fsync));
        let mut connection = server.connect();
        for n in 0..3 {
            assert_eq!(connection.call(&format!("SET {fsync}:{n} x")), "+OK\r\n");
            assert_eq!(connection.call("WAITAOF 1 0 0"), "*2\r\n:1\r\n:0\r\n");
        }
        assert_eq!(connection.call("WAIT 1 10"), ":0\r\n");
        server.kill_and_restart();
        let mut connection = server.connect();
        assert_eq!(connection.call(&format!("EXISTS {fsync}:0 {fsync}:1 {fsync}:2")), ":3\r\n");
    }
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut connection = server.connect();
    assert_eq!(
        connection.call("WAITAOF 1 0 0"),
        "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n"
    );
    assert_eq!(connection.call("WAITAOF 0 0 0"), "*2\r\n:0\r\n:0\r\n");
}
