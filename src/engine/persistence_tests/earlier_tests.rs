//! What was in the folder before: a log that is not loaded, RDB files that say odd things of
//! themselves, bases with and without checksums.

use super::*;
use crate::rdb::{Hint, StringValue, Writer, WriterOptions};
use std::path::PathBuf;

/// A disk with these files, durable.
fn disk_of(files: impl IntoIterator<Item = (PathBuf, Vec<u8>)>) -> SimDisk {
    let disk = empty_disk();
    for (path, content) in files {
        disk.put(&path, &content);
    }
    disk
}

/// An RDB file with one key, and these facts.
fn dump(aux: &[(&str, &[u8])], checksum: bool) -> Vec<u8> {
    let options = WriterOptions { checksum, ..WriterOptions::default() };
    let mut writer = Writer::begin(Vec::new(), &options, aux).unwrap();
    writer.select_db(0, 1, 0).unwrap();
    writer.string(b"key", StringValue::Bytes(b"from the dump"), None, Hint::None).unwrap();
    writer.finish().unwrap().out
}

fn dump_path() -> PathBuf {
    config(&[]).rdb_path()
}

/// The path of the log's base.
fn base_of(disk: &SimDisk) -> PathBuf {
    let is_base = |path: &PathBuf| path.to_string_lossy().ends_with(".base.rdb");
    disk.all_files().into_keys().find(is_base).unwrap()
}

/// `appendonly no` once, as any stock redis.conf has it, and then switched on while it runs.
#[test]
fn a_log_that_was_not_loaded_outlives_appendonly_yes() {
    let disk = empty_disk();
    let running = Running::start(Arc::new(disk.clone()), ON).unwrap();
    for n in 0..3 {
        assert_eq!(running.call(&format!("SET old:{n} 1")), OK);
    }
    let old = running.digest();
    let disk = disk.crash(disk.effects(), DROPPED);
    let running = Running::start(Arc::new(disk.clone()), OFF).unwrap();
    assert_eq!(running.call("DBSIZE"), ":0\r\n");
    assert_eq!(running.call("CONFIG SET appendonly yes"), OK);
    running.wait_for_files();
    assert_eq!(running.call("SET new 1"), OK);
    // Off and on again: the files are its own by now.
    assert_eq!(running.call("CONFIG SET appendonly no"), OK);
    assert_eq!(running.call("CONFIG SET appendonly yes"), OK);
    running.wait_for_files();
    assert_eq!(after_crash(&disk, ON).digest(), running.digest());
    let names = disk.list(config(&[]).dir()).unwrap();
    let kept: Vec<&String> = names.iter().filter(|name| name.ends_with(".kept")).collect();
    assert_eq!(kept.len(), 1, "{names:?}");
    let of_kept = [ON, &["--appenddirname", kept[0]]].concat();
    assert_eq!(after_crash(&disk, &of_kept).digest(), old);
}

/// Whatever an RDB file says of where it comes from, the log that begins with it starts again, with
/// all that was acknowledged.
#[test]
fn a_dump_of_any_origin_begins_a_log_that_starts_again() {
    let id = "0123456789abcdef0123456789abcdef01234567";
    let cases = [
        ("not-an-id", "100", "0"),
        ("", "100", "0"),
        (&id.to_uppercase(), "100", "0"),
        (id, "18446744073709551615", "0"),
        (id, "9223372036854775807", "9223372036854775807"),
        (id, "-5", "-5"),
        (id, "4611686018427387904", "0"),
        (id, "100", "100"),
    ];
    for (id, lsn, offset) in cases {
        let aux: [(&str, &[u8]); 3] = [
            ("repl-id", id.as_bytes()),
            ("coolcache-lsn", lsn.as_bytes()),
            ("repl-offset", offset.as_bytes()),
        ];
        let mut disk = disk_of([(dump_path(), dump(&aux, true))]);
        for n in 0..3 {
            let running = Running::start(Arc::new(disk.clone()), ON)
                .unwrap_or_else(|error| panic!("start {n}, {id} {lsn}: {error}"));
            assert_eq!(running.call("DBSIZE"), format!(":{}\r\n", n + 1), "{id} {lsn}");
            assert_eq!(running.call(&format!("SET more:{n} 1")), OK);
            if n == 1 {
                running.call("BGREWRITEAOF");
                wait_until("no rewrite runs", || running.info("aof_rewrite_in_progress") == "0");
            }
            disk = disk.crash(disk.effects(), DROPPED);
        }
    }
}

/// `rdbchecksum no` is about files that are saved for somebody: each bit of the log's base is
/// guarded all the same.
#[test]
fn the_base_has_a_checksum_whatever_rdbchecksum_says() {
    let unchecked = [ON, &["--rdbchecksum", "no"]].concat();
    let disk = empty_disk();
    let running = Running::start(Arc::new(disk.clone()), &unchecked).unwrap();
    assert_eq!(running.call("SET key value"), OK);
    assert_eq!(running.call("BGREWRITEAOF"), "+Background append only file rewriting started\r\n");
    wait_until("the rewrite is over", || running.info("aof_rewrites") == "1");
    assert_eq!(running.call("SAVE"), OK);
    let disk = disk.crash(disk.effects(), DROPPED);
    let saved = disk.content(&dump_path()).unwrap();
    assert_eq!(saved[saved.len() - 8..], [0; 8], "a save follows the parameter");
    assert_eq!(after_crash(&disk, &unchecked).call("GET key"), "$5\r\nvalue\r\n");
    let (files, base) = (disk.all_files(), base_of(&disk));
    for byte in 0..files[&base].len() {
        let mut files = files.clone();
        files.get_mut(&base).unwrap()[byte] ^= 1 << (byte % 8);
        let started = Running::start(Arc::new(disk_of(files)), &unchecked);
        assert!(started.is_err(), "a flip in byte {byte} is served");
    }
}

/// A file that has no checksum, or whose checksum need not be right, can be loaded. To become the
/// log's base it must have a right one or none: the next start would refuse it.
#[test]
fn a_dump_is_verified_as_the_parameter_says_and_as_a_base_always() {
    let unverified = ["--rdbchecksum", "no"];
    let start = |dump: &[u8], settings: &[&str]| {
        let disk = disk_of([(dump_path(), dump.to_vec())]);
        Running::start(Arc::new(disk.clone()), settings).map(|running| {
            assert_eq!(running.call("GET key"), "$13\r\nfrom the dump\r\n");
            assert_eq!(running.call("SET more 1"), OK);
            disk
        })
    };
    let without = dump(&[], false);
    for settings in [ON, &[ON, &unverified].concat()] {
        let disk = start(&without, settings).unwrap();
        assert_eq!(after_crash(&disk, settings).call("DBSIZE"), ":2\r\n");
    }
    let mut wrong = dump(&[], true);
    *wrong.last_mut().unwrap() ^= 1;
    assert!(start(&wrong, OFF).is_err());
    assert!(start(&wrong, &[OFF, &unverified].concat()).is_ok());
    assert!(start(&wrong, &[ON, &unverified].concat()).is_err());
}
