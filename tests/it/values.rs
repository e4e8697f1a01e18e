//! Large values, both ways.

use crate::support::{Connection, coolcache};

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
