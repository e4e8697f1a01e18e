//! The protocol over a real socket: pipelines, cuts, inline requests, and how malformed ones end.

use crate::support::{Connection, Kind, Server, coolcache, encoded};

const IN_MEMORY: &[&str] = &["--appendonly", "no"];

/// Returns once the server has read what was sent to it before: it answers others in order of
/// arrival.
fn let_it_read(other: &mut Connection) {
    assert_eq!(other.call("PING"), "+PONG\r\n");
    assert_eq!(other.call("PING"), "+PONG\r\n");
}

#[test]
fn a_pipeline_longer_than_a_round_is_answered_in_order() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut connection = server.connect();
    let mut bytes = Vec::new();
    for n in 0..5000 {
        bytes.extend(encoded(&[b"SET", format!("key:{n}").as_bytes(), n.to_string().as_bytes()]));
        bytes.extend(encoded(&[b"GET", format!("key:{n}").as_bytes()]));
        bytes.extend(encoded(&[b"INCR", b"count"]));
    }
    let mut reader = Connection::over(connection.stream.try_clone().unwrap());
    let sender = std::thread::spawn(move || connection.send(&bytes));
    for n in 0..5000 {
        assert_eq!(reader.try_receive().unwrap(), b"+OK\r\n");
        let text = n.to_string();
        let expected = format!("${}\r\n{text}\r\n", text.len());
        assert_eq!(reader.try_receive().unwrap(), expected.as_bytes());
        assert_eq!(reader.try_receive().unwrap(), format!(":{}\r\n", n + 1).as_bytes());
    }
    sender.join().unwrap();
}

#[test]
fn requests_cut_at_every_byte() {
    let (_dir, server) = coolcache(&["--appendonly", "no", "--io-threads", "1"]);
    let mut other = server.connect();
    let mut bytes = encoded(&[b"SET", b"key", b"va\r\nlue"]);
    bytes.extend(b"APPEND key \"1 2\"\r\n\r\n");
    bytes.extend(encoded(&[b"GET", b"key"]));
    bytes.extend(encoded(&[b"DEL", b"key"]));
    for cut in 1..bytes.len() {
        let mut connection = server.connect();
        connection.send(&bytes[..cut]);
        let_it_read(&mut other);
        connection.send(&bytes[cut..]);
        for expected in ["+OK\r\n", ":10\r\n", "$10\r\nva\r\nlue1 2\r\n", ":1\r\n"] {
            let reply = connection.try_receive().unwrap();
            assert_eq!(String::from_utf8_lossy(&reply), expected, "cut at {cut}");
        }
    }
}

#[test]
fn inline_requests() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut connection = server.connect();
    let cases = [
        ("PING\r\n", "+PONG\r\n"),
        ("\r\n\n  \r\nPING\n", "+PONG\r\n"),
        ("set key \"a\\x41 \\\"b\\\"\\n\"\r\n", "+OK\r\n"),
        ("get key\r\n", "$7\r\naA \"b\"\n\r\n"),
        ("SET key 'it\\'s'\r\n", "+OK\r\n"),
        ("GET key\r\n", "$4\r\nit's\r\n"),
        ("ECHO \"\"\r\n", "$0\r\n\r\n"),
    ];
    for (sent, expected) in cases {
        connection.send(sent.as_bytes());
        let reply = connection.try_receive().unwrap();
        assert_eq!(String::from_utf8_lossy(&reply), expected, "{sent:?}");
    }
}

/// Quotes are taken out of an inline request in place. One that was parsed but could not run yet,
/// since the one before it waits, is parsed again.
#[test]
fn quoted_inline_requests_behind_one_that_waits() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut connection = server.connect();
    connection
        .send(b"SAVE\r\nSET key \"a \\x41 \\\" b\"\r\nGET key\r\nSAVE\r\nECHO \"x \\\" y\" \r\n");
    for expected in ["+OK\r\n", "+OK\r\n", "$7\r\na A \" b\r\n", "+OK\r\n", "$5\r\nx \" y\r\n"] {
        let reply = connection.try_receive().unwrap();
        assert_eq!(String::from_utf8_lossy(&reply), expected);
    }
}

/// Many connections whose pipelines have a request that waits for another thread: each goes on
/// afterwards.
#[test]
fn requests_behind_one_that_waits_are_not_forgotten() {
    let (_dir, server) = coolcache(&["--appendonly", "no", "--io-threads", "1"]);
    let mut connections: Vec<_> = (0..8).map(|_| server.connect()).collect();
    let mut bytes = Vec::new();
    for _ in 0..40 {
        bytes.extend(encoded(&[b"DEBUG", b"DIGEST"]));
        bytes.extend(encoded(&[b"PING"]).repeat(100));
    }
    for round in 0..5 {
        for connection in &mut connections {
            connection.send(&bytes);
        }
        for (n, connection) in connections.iter_mut().enumerate() {
            for _ in 0..40 {
                let digest = connection.try_receive();
                let digest = digest.unwrap_or_else(|error| panic!("round {round}, {n}: {error}"));
                assert_eq!(digest, b"+0000000000000000000000000000000000000000\r\n");
                for _ in 0..100 {
                    let pong = connection.try_receive();
                    let pong = pong.unwrap_or_else(|error| panic!("round {round}, {n}: {error}"));
                    assert_eq!(pong, b"+PONG\r\n");
                }
            }
        }
    }
}

/// What is sent, and everything that comes back before the connection closes.
const MALFORMED: &[(&str, &str)] = &[
    ("*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
    ("*2147483648\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
    ("*1\r\nPING\r\n", "-ERR Protocol error: expected '$', got 'P'\r\n"),
    ("*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
    ("*1\r\n$536870913\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
    ("*1\r\n$x\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
    ("ECHO \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
    (
        "PING\r\n*1\r\n$4\r\nPING\r\n*1\r\n!\r\n",
        "+PONG\r\n+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n",
    ),
];

#[test]
fn malformed_requests_are_answered_after_those_before_them_and_end_the_connection() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let peer_dir = tempfile::tempdir().unwrap();
    let peer = Server::start(Kind::Redis, peer_dir.path(), &["--save", ""]);
    for (sent, expected) in MALFORMED {
        for server in [&server, &peer] {
            let mut connection = server.connect();
            connection.send(sent.as_bytes());
            let came = connection.receive_to_end();
            assert_eq!(String::from_utf8_lossy(&came), *expected, "{sent:?}");
        }
    }
}

/// A browser that a web page has made to send a request: nothing of it is run.
#[test]
fn http_ends_the_connection() {
    let (_dir, server) = coolcache(&["--appendonly", "no", "--requirepass", "secret"]);
    let mut other = server.connect();
    assert_eq!(other.call("AUTH secret"), "+OK\r\n");
    let requests = [
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nSET a b\r\n",
        "Host: x\r\nSET a b\r\n",
        "hOsT:\r\nSET a b\r\n",
        "*1\r\n$4\r\npost\r\nSET a b\r\n",
        "*2\r\n$5\r\nHOST:\r\n$1\r\nx\r\nSET a b\r\n",
        "CLIENT REPLY SKIP\r\nPOST /\r\nSET a b\r\n",
    ];
    for (n, request) in requests.iter().enumerate() {
        // Strangers are not told that they must authenticate, either.
        for begin in ["", "AUTH secret\r\n"] {
            if n == 5 && begin.is_empty() {
                continue;
            }
            let mut connection = server.connect();
            connection.send(format!("{begin}{request}").as_bytes());
            let came = connection.receive_to_end();
            let expected: &[u8] = if begin.is_empty() { b"" } else { b"+OK\r\n" };
            assert_eq!(came.escape_ascii().to_string(), expected.escape_ascii().to_string());
        }
    }
    assert_eq!(other.call("EXISTS a"), ":0\r\n");
    // However many there are, the log has one line a minute.
    assert_eq!(server.log().matches("Possible SECURITY ATTACK detected").count(), 1);
    // What only looks alike is an unknown command.
    assert!(other.call("HOST x").starts_with("-ERR unknown command 'HOST'"));
    assert_eq!(other.call("PING"), "+PONG\r\n");
}

#[test]
fn lines_that_do_not_end_are_refused() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let long = "1".repeat(70_000);
    let cases = [
        (format!("*{long}"), "-ERR Protocol error: too big mbulk count string\r\n"),
        (format!("*1\r\n${long}"), "-ERR Protocol error: too big bulk count string\r\n"),
        (format!("PING {long}"), "-ERR Protocol error: too big inline request\r\n"),
    ];
    for (sent, expected) in cases {
        let mut connection = server.connect();
        // The server may close before it has read all of it.
        let _reset = std::io::Write::write_all(&mut connection.stream, sent.as_bytes());
        let came = connection.receive_to_end();
        assert!(
            came.is_empty() || came == expected.as_bytes(),
            "{}",
            String::from_utf8_lossy(&came)
        );
    }
    // Cut so that the refusal comes with nothing unread behind it.
    let mut connection = server.connect();
    connection.send(format!("*{}", &long[..65_536]).as_bytes());
    let came = connection.receive_to_end();
    assert_eq!(
        String::from_utf8_lossy(&came),
        "-ERR Protocol error: too big mbulk count string\r\n"
    );
}

#[test]
fn before_authentication_requests_are_small() {
    let (_dir, server) = coolcache(&["--appendonly", "no", "--requirepass", "secret"]);
    let mut connection = server.connect();
    assert_eq!(connection.call("GET key"), "-NOAUTH Authentication required.\r\n");
    let cases: [(&[u8], &str); 2] = [
        (b"*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n"),
        (b"*1\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n"),
    ];
    for (sent, expected) in cases {
        let mut connection = server.connect();
        connection.send(sent);
        assert_eq!(String::from_utf8_lossy(&connection.receive_to_end()), expected);
    }
    // AUTH lifts the limits for what follows in the same pipeline.
    let value = vec![b'x'; 20_000];
    let mut bytes = encoded(&[b"AUTH", b"secret"]);
    bytes.extend(encoded(&[b"SET", b"key", &value]));
    bytes.extend(encoded(&[b"MGET", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9", b"10"]));
    bytes.extend(encoded(&[b"STRLEN", b"key"]));
    let mut connection = server.connect();
    connection.send(&bytes);
    let replies: Vec<_> = (0..4).map(|_| connection.try_receive().unwrap()).collect();
    assert_eq!(replies[0], b"+OK\r\n");
    assert_eq!(replies[1], b"+OK\r\n");
    assert_eq!(replies[2], [b"*10\r\n".to_vec(), b"$-1\r\n".repeat(10)].concat());
    assert_eq!(replies[3], b":20000\r\n");
    // A wrong password does not.
    let mut connection = server.connect();
    connection.send(&[encoded(&[b"AUTH", b"wrong"]), b"*11\r\n".to_vec()].concat());
    let came = String::from_utf8_lossy(&connection.receive_to_end()).into_owned();
    assert!(came.starts_with("-WRONGPASS"), "{came}");
    assert!(came.ends_with("unauthenticated multibulk length\r\n"), "{came}");
}

#[test]
fn proto_max_bulk_len_holds_from_the_next_request_on() {
    let (_dir, server) = coolcache(&["--appendonly", "no", "--proto-max-bulk-len", "1mb"]);
    let mut connection = server.connect();
    connection.send(b"*2\r\n$4\r\nECHO\r\n$1048577\r\n");
    let came = connection.receive_to_end();
    assert_eq!(String::from_utf8_lossy(&came), "-ERR Protocol error: invalid bulk length\r\n");
    let mut connection = server.connect();
    assert_eq!(connection.call("CONFIG SET proto-max-bulk-len 2mb"), "+OK\r\n");
    let value = vec![b'x'; 1_048_577];
    assert_eq!(connection.try_call(&[b"SET", b"key", &value]).unwrap(), b"+OK\r\n");
}

#[test]
fn client_reply_off_and_skip() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut connection = server.connect();
    connection.send(
        b"CLIENT REPLY OFF\r\nPING\r\nSET a 1\r\nnonsense\r\nCLIENT REPLY ON\r\nECHO on\r\n\
          CLIENT REPLY SKIP\r\nECHO skipped\r\nGET a\r\n",
    );
    for expected in ["+OK\r\n", "$2\r\non\r\n", "$1\r\n1\r\n"] {
        let reply = connection.try_receive().unwrap();
        assert_eq!(String::from_utf8_lossy(&reply), expected);
    }
}

/// Connections that send as fast as they can must not keep the others of their worker waiting for
/// ever. (How long is a matter of the machine: 32,000 of their commands meanwhile, and 125,000 when
/// a turn read full sockets until they were empty.)
#[test]
fn a_flood_does_not_starve_others() {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    let (_dir, server) = coolcache(&["--appendonly", "no", "--io-threads", "1"]);
    let stop = AtomicBool::new(false);
    // Small to send, long to run, and without replies: the server's socket is always full.
    let requests = encoded(&[b"LCS", b"one", b"two"]).repeat(5000);
    let mut other = server.connect();
    let text = "abcdefghij".repeat(6);
    assert_eq!(other.call(&format!("MSET one {text} two {}", text.replace('c', "x"))), "+OK\r\n");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let mut flood = server.connect();
            flood.send(b"CLIENT REPLY OFF\r\n");
            flood.stream.set_write_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
            let (stop, requests) = (&stop, &requests);
            scope.spawn(move || {
                let mut sent = 0;
                while !stop.load(Relaxed) {
                    // A timeout only means that the server is behind.
                    let taken = std::io::Write::write(&mut flood.stream, &requests[sent..]);
                    sent = (sent + taken.unwrap_or(0)) % requests.len();
                }
            });
        }
        // The deadline of each is the connection's.
        let answers: Vec<_> = (0..20).map(|_| other.try_call(&[b"PING"])).collect();
        let executed = other.info("total_commands_processed").parse::<u64>();
        stop.store(true, Relaxed);
        assert!(
            answers.iter().all(|answer| answer.as_ref().is_ok_and(|pong| pong == b"+PONG\r\n"))
        );
        assert!(executed.unwrap() > 1000, "there was a flood");
    });
}
