//! Connections: many, refused, idle, killed, half closed.

use crate::support::{Connection, coolcache, encoded, wait_until};
use std::io::Write;
use std::net::{Shutdown, TcpStream};

const IN_MEMORY: &[&str] = &["--appendonly", "no"];

#[test]
fn a_thousand_connections() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut connections: Vec<Connection> = (0..1000).map(|_| server.connect()).collect();
    for (n, connection) in connections.iter_mut().enumerate() {
        connection.request(&[b"SET", format!("key:{n}").as_bytes(), b"x"]).unwrap();
        connection.request(&[b"INCR", b"count"]).unwrap();
    }
    for connection in &mut connections {
        assert_eq!(connection.try_receive().unwrap(), b"+OK\r\n");
        assert!(connection.try_receive().unwrap().starts_with(b":"));
    }
    let mut last = server.connect();
    assert_eq!(last.call("GET count"), "$4\r\n1000\r\n");
    assert_eq!(last.call("DBSIZE"), ":1001\r\n");
    assert_eq!(last.info("connected_clients"), "1001");
    drop(connections);
    wait_until("the others are forgotten", || last.info("connected_clients") == "1");
}

/// More expensive reads than the read pool's queue holds: each is answered, in order for its
/// connection, and none runs under the lock.
#[test]
fn a_crowd_of_expensive_reads() {
    const READERS: usize = 400;
    let (_dir, server) = coolcache(&["--appendonly", "no", "--slow-read-elements", "1000"]);
    let mut first = server.connect();
    let keys: Vec<String> = (0..20_000).map(|n| format!("key:{n}")).collect();
    let pairs = keys.iter().flat_map(|key| [key.as_bytes(), b"x"]);
    let mset: Vec<&[u8]> = std::iter::once(&b"MSET"[..]).chain(pairs).collect();
    assert_eq!(first.try_call(&mset).unwrap(), b"+OK\r\n");
    let mut crowd: Vec<Connection> = (0..READERS).map(|_| server.connect()).collect();
    for (n, connection) in crowd.iter_mut().enumerate() {
        connection.request(&[b"KEYS", b"key:1999*"]).unwrap();
        connection.request(&[b"ECHO", format!("{n}").as_bytes()]).unwrap();
    }
    for (n, connection) in crowd.iter_mut().enumerate() {
        let found = connection.try_receive().unwrap();
        // 1999 and 19990 to 19999.
        assert!(found.starts_with(b"*11\r\n"), "{}", found.escape_ascii());
        let echo = String::from_utf8(connection.try_receive().unwrap()).unwrap();
        assert!(echo.ends_with(&format!("\r\n{n}\r\n")), "{echo}");
    }
    assert_eq!(first.info("slow_reads_processed"), READERS.to_string());
}

/// An expensive read whose reply nobody wants runs on the pool as well.
#[test]
fn expensive_reads_without_replies() {
    let (_dir, server) = coolcache(&["--appendonly", "no", "--slow-read-elements", "0"]);
    let mut connection = server.connect();
    assert_eq!(connection.call("SET key x"), "+OK\r\n");
    connection.request(&[b"CLIENT", b"REPLY", b"SKIP"]).unwrap();
    connection.request(&[b"KEYS", b"*"]).unwrap();
    assert_eq!(connection.call("PING"), "+PONG\r\n");
    connection.request(&[b"CLIENT", b"REPLY", b"OFF"]).unwrap();
    connection.request(&[b"KEYS", b"*"]).unwrap();
    connection.request(&[b"KEYS", b"*"]).unwrap();
    assert_eq!(connection.call("CLIENT REPLY ON"), "+OK\r\n");
    assert_eq!(connection.call("KEYS *"), "*1\r\n$3\r\nkey\r\n");
    assert_eq!(connection.info("slow_reads_processed"), "4");
}

#[test]
fn one_more_than_maxclients_is_told_so() {
    let (_dir, server) = coolcache(&["--appendonly", "no", "--maxclients", "3"]);
    let mut first = server.connect();
    // The connection that waited for the start may still be counted.
    wait_until("it is alone", || first.info("connected_clients") == "1");
    let mut others = [server.connect(), server.connect()];
    for other in &mut others {
        assert_eq!(other.call("PING"), "+PONG\r\n");
    }
    let came = server.connect().receive_to_end();
    assert_eq!(String::from_utf8_lossy(&came), "-ERR max number of clients reached\r\n");
    assert_eq!(first.info("rejected_connections"), "1");
    assert_eq!(first.call("CONFIG SET maxclients 4"), "+OK\r\n");
    assert_eq!(server.connect().call("PING"), "+PONG\r\n");
}

/// Those that no worker has seen yet count as well.
#[test]
fn a_burst_does_not_pass_maxclients() {
    let (_dir, server) =
        coolcache(&["--appendonly", "no", "--maxclients", "10", "--io-threads", "1"]);
    let mut first = server.connect();
    wait_until("it is alone", || first.info("connected_clients") == "1");
    first.request(&[b"DEBUG", b"SLEEP", b"0.2"]).unwrap();
    let mut burst: Vec<Connection> = (0..40).map(|_| server.connect()).collect();
    for connection in &mut burst {
        // A refused one may be closed already.
        let _refused = connection.request(&[b"PING"]);
    }
    let replies = burst.iter_mut().filter_map(|connection| connection.try_receive().ok());
    assert_eq!(replies.filter(|reply| reply == b"+PONG\r\n").count(), 9);
    assert_eq!(first.try_receive().unwrap(), b"+OK\r\n");
    assert_eq!(first.info("connected_clients"), "10");
    assert_eq!(first.info("rejected_connections"), "31");
    drop(burst);
    wait_until("there is room again", || server.connect().try_call(&[b"PING"]).is_ok());
}

#[test]
fn every_loopback_address_is_local() {
    let (_dir, server) = coolcache(&["--appendonly", "no", "--bind", "127.0.0.1 127.0.0.2"]);
    let stream = TcpStream::connect(("127.0.0.2", server.port)).unwrap();
    let mut connection = Connection::over(stream);
    assert_eq!(connection.call("PING"), "+PONG\r\n");
}

#[test]
fn idle_connections_are_closed_after_timeout() {
    let (_dir, server) = coolcache(&["--appendonly", "no", "--timeout", "1"]);
    let (mut idle, mut busy) = (server.connect(), server.connect());
    assert_eq!(idle.call("CLIENT SETNAME idle"), "+OK\r\n");
    wait_until("it is gone", || !busy.call("CLIENT LIST").contains("name=idle"));
    assert_eq!(idle.receive_to_end(), b"");
    assert_eq!(busy.call("CONFIG SET timeout 0"), "+OK\r\n");
}

#[test]
fn client_list_and_kill_of_others() {
    let (_dir, server) = coolcache(&["--appendonly", "no", "--io-threads", "2"]);
    let mut admin = server.connect();
    let mut victims: Vec<Connection> = (0..4).map(|_| server.connect()).collect();
    for (n, victim) in victims.iter_mut().enumerate() {
        assert_eq!(victim.call(&format!("CLIENT SETNAME victim-{n}")), "+OK\r\n");
    }
    let list = admin.call("CLIENT LIST");
    let id_of = |n: usize| {
        let line = list.lines().find(|line| line.contains(&format!("name=victim-{n}"))).unwrap();
        line.split_once("id=").unwrap().1.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(admin.call(&format!("CLIENT KILL ID {}", id_of(0))), ":1\r\n");
    assert_eq!(victims[0].receive_to_end(), b"");
    let address = victims[1].stream.local_addr().unwrap();
    assert_eq!(admin.call(&format!("CLIENT KILL {address}")), "+OK\r\n");
    assert_eq!(victims[1].receive_to_end(), b"");
    assert_eq!(admin.call("CLIENT KILL ID 999999"), ":0\r\n");
    assert_eq!(admin.call("CLIENT KILL 1.2.3.4:5"), "-ERR No such client\r\n");
    // Itself: the reply still comes.
    let own = id_of(2);
    victims[2].request(&[b"CLIENT", b"KILL", b"ID", own.as_bytes(), b"SKIPME", b"no"]).unwrap();
    assert_eq!(victims[2].receive_to_end(), b":1\r\n");
    wait_until("they are forgotten", || admin.info("connected_clients") == "2");
    assert_eq!(victims[3].call("PING"), "+PONG\r\n");
}

/// A peer that has sent everything and closed its half (`printf ... | nc`) still gets all replies.
#[test]
fn a_half_closed_peer_is_answered() {
    for fsync in ["everysec", "always"] {
        let (_dir, server) = coolcache(&["--appendfsync", fsync]);
        let mut connection = server.connect();
        let requests: [&[&[u8]]; 5] = [
            &[b"SET", b"key", b"value"],
            &[b"SAVE"],
            &[b"GET", b"key"],
            &[b"DEBUG", b"DIGEST-VALUE", b"none"],
            &[b"DBSIZE"],
        ];
        connection.send(&requests.map(encoded).concat());
        connection.stream.shutdown(Shutdown::Write).unwrap();
        let came = String::from_utf8(connection.receive_to_end()).unwrap();
        let zeros = "0".repeat(40);
        let expected =
            format!("+OK\r\n+OK\r\n$5\r\nvalue\r\n*1\r\n${}\r\n{zeros}\r\n:1\r\n", zeros.len());
        let expected_status =
            expected.replace(&format!("${}\r\n{zeros}", zeros.len()), &format!("+{zeros}"));
        assert!(came == expected || came == expected_status, "{fsync}: {came:?}");
    }
}

/// And then its connection is closed, whether its replies were held or came later.
#[test]
fn a_half_closed_peer_is_forgotten() {
    for fsync in ["everysec", "always"] {
        let (_dir, server) = coolcache(&["--appendfsync", fsync]);
        let mut other = server.connect();
        let value = vec![b'v'; 20 << 20];
        assert_eq!(other.try_call(&[b"SET", b"large", &value]).unwrap(), b"+OK\r\n");
        for last in [b"GET key".as_slice(), b"SET key value"] {
            // The end comes with the requests, and while one of them waits.
            let (mut together, mut apart) = (server.connect(), server.connect());
            together.send(&[b"SET key value\r\n", last, b"\r\n"].concat());
            together.stream.shutdown(Shutdown::Write).unwrap();
            apart.send(b"SAVE\r\n");
            assert_eq!(other.call("PING"), "+PONG\r\n");
            apart.send(&[last, b"\r\n"].concat());
            apart.stream.shutdown(Shutdown::Write).unwrap();
            let reply = if last.starts_with(b"GET") { "$5\r\nvalue\r\n" } else { "+OK\r\n" };
            for connection in [&mut together, &mut apart] {
                let came = String::from_utf8(connection.receive_to_end()).unwrap();
                assert_eq!(came, format!("+OK\r\n{reply}"), "{fsync}");
            }
            wait_until("they are forgotten", || other.info("connected_clients") == "1");
        }
    }
}

/// One that asks for much, and then neither reads nor asks.
#[test]
fn a_peer_above_the_soft_limit_is_closed() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let (mut other, mut lazy) = (server.connect(), server.connect());
    let limit: [&[u8]; 4] = [b"CONFIG", b"SET", b"client-output-buffer-limit", b"normal 0 1mb 1"];
    assert_eq!(other.try_call(&limit).unwrap(), b"+OK\r\n");
    let value = vec![b'v'; 32 << 20];
    assert_eq!(other.try_call(&[b"SET", b"key", &value]).unwrap(), b"+OK\r\n");
    lazy.request(&[b"GET", b"key"]).unwrap();
    wait_until("it is closed", || other.info("connected_clients") == "1");
    assert!(lazy.receive_to_end().len() < value.len());
}

/// One that has not authenticated, asks and does not read: its refusals are not kept for it.
#[test]
fn a_stranger_that_does_not_read_is_closed() {
    let (_dir, server) = coolcache(&["--appendonly", "no", "--requirepass", "secret"]);
    let (mut other, mut stranger) = (server.connect(), server.connect());
    assert_eq!(other.call("AUTH secret"), "+OK\r\n");
    // 35 bytes of refusal for 7: some 270 MB, if nobody stopped it.
    let requests = b"GET a\r\n".repeat(64 << 10);
    let sent = (0..120).try_for_each(|_| stranger.stream.write_all(&requests));
    assert!(sent.is_err(), "it was not closed");
    wait_until("it is closed", || other.info("connected_clients") == "1");
    assert_eq!(other.info("client_output_buffer_limit_disconnections"), "1");
    // Whoever has authenticated may be slow, also as a stranger again.
    let value = vec![b'v'; 20 << 20];
    assert_eq!(other.try_call(&[b"SET", b"key", &value]).unwrap(), b"+OK\r\n");
    let mut lazy = server.connect();
    lazy.send(b"AUTH secret\r\nGET key\r\nRESET\r\n");
    wait_until("it has run", || other.call("CLIENT LIST").contains("cmd=reset"));
    assert_eq!(lazy.try_receive().unwrap(), b"+OK\r\n");
    assert_eq!(lazy.try_receive().unwrap().len(), value.len() + "$20971520\r\n\r\n".len());
    assert_eq!(lazy.try_receive().unwrap(), b"+RESET\r\n");
}

/// CLIENT REPLY OFF and SKIP: neither do replies come that take their time.
#[test]
fn a_reply_that_comes_later_can_be_skipped() {
    for fsync in ["everysec", "always"] {
        let (_dir, server) = coolcache(&["--appendfsync", fsync]);
        let mut connection = server.connect();
        for later in ["SAVE", "DEBUG DIGEST"] {
            connection.send(format!("CLIENT REPLY SKIP\r\n{later}\r\nECHO on\r\n").as_bytes());
            assert_eq!(connection.try_receive().unwrap(), b"$2\r\non\r\n", "{later}");
            let silent = format!("CLIENT REPLY OFF\r\n{later}\r\nSET key 1\r\n{later}\r\n");
            connection.send(format!("{silent}CLIENT REPLY ON\r\nECHO again\r\n").as_bytes());
            assert_eq!(connection.try_receive().unwrap(), b"+OK\r\n", "{later}");
            assert_eq!(connection.try_receive().unwrap(), b"$5\r\nagain\r\n", "{later}");
        }
    }
}

#[test]
fn a_half_closed_peer_gets_a_large_reply_to_its_end() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut connection = server.connect();
    let value = vec![b'v'; 20 << 20];
    assert_eq!(connection.try_call(&[b"SET", b"key", &value]).unwrap(), b"+OK\r\n");
    connection.request(&[b"GET", b"key"]).unwrap();
    connection.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(connection.receive_to_end().len(), value.len() + "$20971520\r\n\r\n".len());
}

#[test]
fn quit_and_reset() {
    let (_dir, server) = coolcache(IN_MEMORY);
    let mut connection = server.connect();
    assert_eq!(connection.call("SELECT 3"), "+OK\r\n");
    assert_eq!(connection.call("RESET"), "+RESET\r\n");
    assert_eq!(connection.call("SET key 0"), "+OK\r\n");
    assert_eq!(connection.info("db0"), "keys=1,expires=0,keys_with_volatile_items=0");
    connection.send(b"QUIT\r\nSET key 1\r\n");
    assert_eq!(connection.receive_to_end(), b"+OK\r\n");
    assert_eq!(server.connect().call("GET key"), "$1\r\n0\r\n");
}
