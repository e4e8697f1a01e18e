//! A fast loader: pipelined writes over a few sockets, every reply checked.

use crate::Result;
use crate::server::Server;
use coolcache::resp::encode::write_request;
use std::io::{Error, Read, Write};
use std::net::{SocketAddr, TcpStream};

const SOCKETS: u64 = 4;
/// Requests sent before replies are awaited.
const PIPELINE: u64 = 64;
const OK: &[u8] = b"+OK\r\n";

/// What the values are.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    /// The key's number in decimal.
    Int,
    /// So many letters and digits, different for each key.
    Bytes(usize),
}

/// The name of key `n`: 16 bytes, as redis-benchmark names its keys.
pub fn key(n: u64) -> String {
    format!("key:{n:012}")
}

/// Sets keys `0..count`.
pub fn keys(server: &Server, count: u64, value: Value) -> Result<()> {
    requests(server, count, &|n, out| {
        write_request(out, &[b"SET", key(n).as_bytes(), &value.of(n)]);
    })
}

/// Sends requests `0..count`, as `write` writes them, each of which must be answered with OK.
pub fn requests(
    server: &Server,
    count: u64,
    write: &(dyn Fn(u64, &mut Vec<u8>) + Sync),
) -> Result<()> {
    std::thread::scope(|scope| {
        let ranges = (0..SOCKETS).map(|n| count * n / SOCKETS..count * (n + 1) / SOCKETS);
        let threads: Vec<_> = ranges
            .map(|range| scope.spawn(move || one_socket(server.port, range, write)))
            .collect();
        for thread in threads {
            thread.join().map_err(|_| Error::other("the loader panicked"))??;
        }
        Ok(())
    })
}

/// Sends requests `0..count` whose replies nobody reads (CLIENT REPLY OFF), in order, and waits
/// until all have run. Whoever calls it looks whether what was to be there is there.
pub fn unread(server: &Server, count: u64, write: &dyn Fn(u64, &mut Vec<u8>)) -> Result<()> {
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], server.port)))?;
    stream.set_nodelay(true)?;
    let mut out = Vec::new();
    write_request(&mut out, &[b"CLIENT", b"REPLY", b"OFF"]);
    for begin in (0..count).step_by(PIPELINE as usize) {
        for n in begin..count.min(begin + PIPELINE) {
            write(n, &mut out);
        }
        stream.write_all(&out)?;
        out.clear();
    }
    write_request(&mut out, &[b"CLIENT", b"REPLY", b"ON"]);
    stream.write_all(&out)?;
    let mut reply = [0; OK.len()];
    stream.read_exact(&mut reply)?;
    if reply == OK { Ok(()) } else { Err(Error::other(String::from_utf8_lossy(&reply))) }
}

fn one_socket(
    port: u16,
    range: std::ops::Range<u64>,
    write: &(dyn Fn(u64, &mut Vec<u8>) + Sync),
) -> Result<()> {
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
    stream.set_nodelay(true)?;
    let (mut out, mut replies) = (Vec::new(), Vec::new());
    let mut next = range.start;
    while next < range.end {
        let end = range.end.min(next + PIPELINE);
        out.clear();
        for n in next..end {
            write(n, &mut out);
        }
        stream.write_all(&out)?;
        replies.resize((end - next) as usize * OK.len(), 0);
        stream.read_exact(&mut replies)?;
        if !replies.chunks(OK.len()).all(|reply| reply == OK) {
            return Err(Error::other(String::from_utf8_lossy(&replies).into_owned()));
        }
        next = end;
    }
    Ok(())
}

impl Value {
    /// The value of key `n`.
    fn of(self, n: u64) -> Vec<u8> {
        match self {
            Value::Int => n.to_string().into_bytes(),
            Value::Bytes(length) => {
                let mut rng = fastrand::Rng::with_seed(n);
                (0..length).map(|_| rng.alphanumeric() as u8).collect()
            }
        }
    }
}
