//! Large values, both ways.

use crate::support::{Connection, coolcache, encoded, wait_until};

fn bulk(value: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}

fn filled(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let words = (0..len.div_ceil(8)).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(len).collect()
}

/// Equal? (An assertion that prints 64 MiB helps nobody.)
fn assert_same(left: &[u8], right: &[u8], what: &str) {
    assert_eq!(left.len(), right.len(), "{what}");
    let place = left.iter().zip(right).position(|(left, right)| left != right);
    assert_eq!(place, None, "{what}");
}

#[test]
fn values_of_a_mebibyte_and_of_64() {
    let (_dir, mut server) = coolcache(&[]);
    let (mib, large) = (filled(1 << 20, 1), filled(64 << 20, 2));
    let mut connection = server.connect();
    assert_eq!(connection.try_call(&[b"SET", b"mib", &mib]).unwrap(), b"+OK\r\n");
    assert_eq!(connection.try_call(&[b"SET", b"large", &large]).unwrap(), b"+OK\r\n");
    assert_same(&connection.try_call(&[b"GET", b"mib"]).unwrap(), &bulk(&mib), "1 MiB");
    assert_same(&connection.try_call(&[b"GET", b"large"]).unwrap(), &bulk(&large), "64 MiB");
    assert_eq!(server.terminate(), Some(0));
    server.restart();
    let mut connection = server.connect();
    assert_same(&connection.try_call(&[b"GET", b"large"]).unwrap(), &bulk(&large), "restarted");
    assert_same(&connection.try_call(&[b"GET", b"mib"]).unwrap(), &bulk(&mib), "restarted");
}

/// A reply that is being sent is of the value as it was, whatever happens to the key meanwhile.
#[test]
fn a_value_is_sent_as_it_was_while_it_is_overwritten() {
    let (_dir, server) = coolcache(&["--appendonly", "no"]);
    let first = filled(16 << 20, 3);
    let mut writer = server.connect();
    assert_eq!(writer.try_call(&[b"SET", b"key", &first]).unwrap(), b"+OK\r\n");
    let mut readers: Vec<Connection> = (0..4).map(|_| server.connect()).collect();
    for reader in &mut readers {
        reader.request(&[b"GET", b"key"]).unwrap();
        reader.request(&[b"GETRANGE", b"key", b"5", b"-7"]).unwrap();
        reader.request(&[b"PING"]).unwrap();
        // It has run when its first bytes are here; most of them cannot be.
        let mut byte = [0];
        reader.stream.peek(&mut byte).unwrap();
    }
    // In place, anew, and not at all.
    assert_eq!(
        writer.try_call(&[b"SETRANGE", b"key", b"100", b"changed"]).unwrap(),
        b":16777216\r\n"
    );
    assert_eq!(writer.try_call(&[b"APPEND", b"key", b"more"]).unwrap(), b":16777220\r\n");
    assert_eq!(writer.try_call(&[b"SET", b"key", b"small"]).unwrap(), b"+OK\r\n");
    assert_eq!(writer.try_call(&[b"DEL", b"key"]).unwrap(), b":1\r\n");
    for reader in &mut readers {
        assert_same(&reader.try_receive().unwrap(), &bulk(&first), "GET");
        let range = reader.try_receive().unwrap();
        // It ran in the same round as GET.
        assert_same(&range, &bulk(&first[5..first.len() - 6]), "GETRANGE");
        assert_eq!(reader.try_receive().unwrap(), b"+PONG\r\n");
    }
}

#[test]
fn a_pipeline_of_large_replies_to_a_slow_reader() {
    let (_dir, server) = coolcache(&["--appendonly", "no"]);
    let value = filled(300_000, 4);
    let mut connection = server.connect();
    assert_eq!(connection.try_call(&[b"SET", b"key", &value]).unwrap(), b"+OK\r\n");
    for _ in 0..100 {
        connection.request(&[b"MGET", b"key", b"none", b"key"]).unwrap();
        connection.request(&[b"ECHO", b"between"]).unwrap();
    }
    // The server does not wait for it.
    assert_eq!(server.connect().call("PING"), "+PONG\r\n");
    let both = [b"*3\r\n".to_vec(), bulk(&value), b"$-1\r\n".to_vec(), bulk(&value)].concat();
    for _ in 0..100 {
        assert_same(&connection.try_receive().unwrap(), &both, "MGET");
        assert_eq!(connection.try_receive().unwrap(), b"$7\r\nbetween\r\n");
    }
}

/// Large values are kept and recorded as they came: in pipelines with small ones, under each way in
/// which the log is kept, and after a crash.
#[test]
fn large_values_in_pipelines_are_on_the_log() {
    let (long, longer) = (filled(100_000, 5), filled(3 << 20, 6));
    let requests: [&[&[u8]]; 10] = [
        &[b"SET", b"a", &long],
        &[b"APPEND", b"a", &longer],
        &[b"SET", b"small", b"value"],
        &[b"SETEX", b"b", b"1000", &longer],
        &[b"MSET", b"c", &long, b"small", b"other", b"d", &longer],
        &[b"GETSET", b"c", &longer],
        &[b"SETRANGE", b"d", b"10", &long],
        &[b"SET", b"d", &long, b"NX"],
        &[b"APPEND", b"fresh", &longer],
        &[b"SETBIT", b"fresh", b"8", b"1"],
    ];
    let mut patched = longer.clone();
    patched[10..10 + long.len()].copy_from_slice(&long);
    let mut flipped = longer.clone();
    flipped[1] |= 0x80;
    let joined = [&long[..], &longer].concat();
    let expected: [(&[u8], &[u8]); 6] = [
        (b"a", &joined),
        (b"b", &longer),
        (b"c", &longer),
        (b"d", &patched),
        (b"fresh", &flipped),
        (b"small", b"other"),
    ];
    let check = |connection: &mut Connection, when: &str| {
        for (key, value) in expected {
            let reply = connection.try_call(&[b"GET", key]).unwrap();
            assert_same(&reply, &bulk(value), &format!("{when}: {}", String::from_utf8_lossy(key)));
        }
    };
    for arguments in [&["--appendfsync", "always"][..], &["--appendonly", "no"]] {
        let (_dir, mut server) = coolcache(arguments);
        let mut connection = server.connect();
        let pipeline: Vec<u8> = requests.iter().flat_map(|request| encoded(request)).collect();
        connection.send(&pipeline);
        for request in requests {
            let reply = connection.try_receive().unwrap();
            assert!(!reply.starts_with(b"-"), "{}", String::from_utf8_lossy(request[0]));
        }
        check(&mut connection, "at once");
        if arguments[1] == "always" {
            let digest = connection.call("DEBUG DIGEST");
            server.kill_and_restart();
            let mut connection = server.connect();
            check(&mut connection, "after a crash");
            assert_eq!(connection.call("DEBUG DIGEST"), digest);
        }
    }
}

/// One large value does not cost its memory for ever, with or without the log on disk.
#[test]
fn memory_of_a_large_value_comes_back() {
    const MIB: usize = 1 << 20;
    for appendonly in ["yes", "no"] {
        let (_dir, server) = coolcache(&["--appendonly", appendonly]);
        let mut connection = server.connect();
        let used = |connection: &mut Connection| {
            connection.info("used_memory").parse::<usize>().expect("a number")
        };
        let before = used(&mut connection);
        let large = filled(64 * MIB, 7);
        assert_eq!(connection.try_call(&[b"SET", b"large", &large]).unwrap(), b"+OK\r\n");
        // It is sampled now and then.
        wait_until("it is counted", || used(&mut connection) > before + 64 * MIB);
        // Workers that then have nothing to do.
        let mut readers = [server.connect(), server.connect()];
        for reader in &mut readers {
            assert_same(&reader.try_call(&[b"GET", b"large"]).unwrap(), &bulk(&large), "GET");
        }
        assert_eq!(connection.call("DEL large"), ":1\r\n");
        wait_until("the memory is given back", || used(&mut connection) < before + 4 * MIB);
    }
}
