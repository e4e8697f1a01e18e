//! A data set to be read, wherever it is: a file, a data folder, a server.

use super::input;
use super::target::{Login, Server, address};
use crate::base::number::parse_i64;
use crate::cli::tool::{Failure, Progress};
use crate::engine::offline::Offline;
use crate::rdb::visit::{self, Visitor};
use crate::rdb::{self, Entry};
use crate::resp::OwnedReply;
use crate::resp::encode::write_request;
use std::path::{Path, PathBuf};

/// Keys asked for at a time.
const SCAN_COUNT: &str = "512";
/// Values asked for in one go: each may be large, and none is read before the next is sent for.
const DUMPS_AT_ONCE: usize = 16;

/// A data set that can be read as often as one likes.
#[derive(Debug, Clone)]
pub enum Source {
    /// An RDB file, or JSON of rdb-dump.
    File(PathBuf),
    /// A data folder, of which a server may be running.
    Folder(PathBuf),
    /// A server's address.
    Server(String),
}

impl Source {
    /// What a word on the command line means.
    pub fn of(word: &str) -> Result<Source, Failure> {
        let path = Path::new(word);
        match path.metadata() {
            Ok(facts) if facts.is_dir() => Ok(Source::Folder(path.to_owned())),
            Ok(_) => Ok(Source::File(path.to_owned())),
            Err(_) if word.contains(':') && address(word).is_some() => {
                Ok(Source::Server(word.to_owned()))
            }
            Err(error) => Err(Failure::about(word)(error)),
        }
    }

    /// Hands all keys to the visitor. A server's keys may come twice, as SCAN gives them.
    pub fn read(&self, login: &Login, visitor: &mut dyn Visitor) -> Result<(), Failure> {
        match self {
            Source::File(path) => input::file(path)?.read_any(visitor),
            Source::Folder(path) => folder(path, visitor),
            Source::Server(address) => server(Server::connect(address, login)?, visitor),
        }
    }
}

fn folder(path: &Path, visitor: &mut dyn Visitor) -> Result<(), Failure> {
    let data = Offline::of_folder(path).map_err(|error| Failure::new(error.to_string()))?;
    data.each(|db, entry| {
        let about = || format!("{}, key \"{}\"", path.display(), entry.key().escape_ascii());
        let payload = rdb::entry::payload(entry).map_err(Failure::about(about()))?;
        let head = head(db, entry.key(), entry.expiry());
        visit::payload(&payload, &head, visitor).map_err(Failure::about(about()))
    })
}

fn head(db: u64, key: &[u8], expiry_ms: Option<u64>) -> Entry<'_> {
    Entry { db, key, expiry_ms, idle_s: None, freq: None }
}

fn server(mut server: Server, visitor: &mut dyn Visitor) -> Result<(), Failure> {
    let databases = databases(&mut server)?;
    let total = databases.iter().map(|(_, keys)| keys).sum();
    let progress = Progress::count(total, "keys");
    let mut done = 0;
    for (db, _) in databases {
        if let OwnedReply::Error(text) = server.call(&["SELECT", &db.to_string()])? {
            return Err(server.failed(&String::from_utf8_lossy(&text)));
        }
        let mut cursor = b"0".to_vec();
        loop {
            let (next, keys) = scan(&mut server, &cursor)?;
            done += keys.len() as u64;
            for group in keys.chunks(DUMPS_AT_ONCE) {
                read_keys(&mut server, db, group, visitor)?;
            }
            progress.set(done.min(total));
            cursor = next;
            if cursor == b"0" {
                break;
            }
        }
    }
    Ok(())
}

/// The databases that have keys, and how many.
fn databases(server: &mut Server) -> Result<Vec<(u64, u64)>, Failure> {
    let OwnedReply::Bulk(text) = server.call(&["INFO", "keyspace"])? else {
        return Err(server.failed("INFO keyspace is not answered"));
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = |line: &str| {
        let (db, facts) = line.strip_prefix("db")?.split_once(":keys=")?;
        Some((db.parse().ok()?, facts.split(',').next()?.parse().ok()?))
    };
    Ok(text.lines().filter_map(line).collect())
}

fn scan(server: &mut Server, cursor: &[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>), Failure> {
    let reply = server.call(&[b"SCAN", cursor, b"COUNT", SCAN_COUNT.as_bytes()])?;
    let (next, keys) = match reply {
        OwnedReply::Array(parts) => match <[OwnedReply; 2]>::try_from(parts) {
            Ok([OwnedReply::Bulk(next), OwnedReply::Array(keys)]) => (next, keys),
            _ => return Err(server.failed("SCAN: another reply than expected")),
        },
        OwnedReply::Error(text) => return Err(server.failed(&String::from_utf8_lossy(&text))),
        _ => return Err(server.failed("SCAN: another reply than expected")),
    };
    let keys = keys.into_iter().filter_map(|key| match key {
        OwnedReply::Bulk(key) => Some(key),
        _ => None,
    });
    Ok((next, keys.collect()))
}

/// Reads the values and expiries of keys, all asked for at once: give few. Those that are
/// gone are passed over.
fn read_keys(
    server: &mut Server,
    db: u64,
    keys: &[Vec<u8>],
    visitor: &mut dyn Visitor,
) -> Result<(), Failure> {
    let mut requests = Vec::new();
    write_request(&mut requests, &[b"TIME"]);
    for key in keys {
        for name in [b"DUMP".as_slice(), b"PEXPIRETIME", b"PTTL"] {
            write_request(&mut requests, &[name, key]);
        }
    }
    server.send_encoded(&requests)?;
    let now_ms = unix_ms(&server.receive()?);
    for key in keys {
        let (dumped, at, left) = (server.receive()?, server.receive()?, server.receive()?);
        let expiry_ms = match (at, left) {
            (OwnedReply::Int(at), _) => u64::try_from(at).ok(),
            // Before Redis 7.0: as exact as the clock was read.
            (_, OwnedReply::Int(left)) => {
                u64::try_from(left).ok().map(|left| now_ms.saturating_add(left))
            }
            _ => None,
        };
        match dumped {
            OwnedReply::Bulk(payload) => {
                let about = format!("key \"{}\"", key.escape_ascii());
                visit::payload(&payload, &head(db, key, expiry_ms), visitor)
                    .map_err(|error| server.failed(&format!("{about}: {}", with_cause(&error))))?;
            }
            OwnedReply::Error(text) => return Err(server.failed(&String::from_utf8_lossy(&text))),
            _ => {}
        }
    }
    Ok(())
}

fn with_cause(error: &rdb::dump::DumpError) -> String {
    match error {
        rdb::dump::DumpError::BadData(cause) => cause.to_string(),
        rdb::dump::DumpError::VersionOrChecksum => error.to_string(),
    }
}

/// TIME's reply.
fn unix_ms(reply: &OwnedReply) -> u64 {
    let OwnedReply::Array(parts) = reply else { return 0 };
    let number = |part: Option<&OwnedReply>| match part {
        Some(OwnedReply::Bulk(text)) => parse_i64(text).and_then(|n| u64::try_from(n).ok()),
        _ => None,
    };
    let seconds = number(parts.first()).unwrap_or_default();
    seconds * 1000 + number(parts.get(1)).unwrap_or_default() / 1000
}
