//! The disk's promises, on both disks.

use std::path::PathBuf;

use super::testing::{EIO, Effect, Failure, Fate, SimDisk, Unsynced};
use super::*;

/// What every disk must do.
fn check(disk: &dyn Disk, dir: &Path) {
    let (one, two) = (dir.join("one"), dir.join("two"));
    let file = disk.create(&one).unwrap();
    file.write_all_vectored(&[b"ab", b"", b"cde"]).unwrap();
    let many: Vec<&[u8]> = std::iter::repeat_n(&b"x"[..], PARTS_PER_WRITE * 2 + 1).collect();
    file.write_all_vectored(&many).unwrap();
    file.sync_data().unwrap();
    assert_eq!(file.len().unwrap(), 5 + many.len() as u64);
    let mut buffer = [0; 4];
    file.read_exact_at(&mut buffer, 3).unwrap();
    assert_eq!(&buffer, b"dexx");
    let past = file.read_exact_at(&mut buffer, file.len().unwrap() - 3);
    assert_eq!(past.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    match file.reserve(0, 1 << 16) {
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported),
        Ok(()) => assert_eq!(file.len().unwrap(), 5 + many.len() as u64, "the length stays"),
    }
    file.set_len(5).unwrap();

    disk.hard_link(&one, &two).unwrap();
    assert!(disk.hard_link(&one, &two).is_err());
    let fresh = disk.create(&one).unwrap();
    assert_eq!(fresh.len().unwrap(), 0);
    assert_eq!(&*disk.map(&two).unwrap(), b"abcde", "another name keeps the old file");
    assert!(disk.map(&one).unwrap().is_empty());
    disk.open_append(&one).unwrap().write_all(b"more").unwrap();
    disk.rename(&one, &two).unwrap();
    assert!(!disk.exists(&one).unwrap() && disk.open_read(&one).is_err());
    assert_eq!(&*disk.map(&two).unwrap(), b"more");
    copy_range(disk, &two, &one, 1, 2).unwrap();
    assert_eq!(&*disk.map(&one).unwrap(), b"or");
    replace(disk, &dir.join("temp"), &one, b"whole").unwrap();
    assert_eq!(&*disk.map(&one).unwrap(), b"whole");
    disk.create_dir_all(&dir.join("a/b")).unwrap();
    disk.create_dir_all(&dir.join("a/b")).unwrap();
    disk.sync_dir(dir).unwrap();
    assert_eq!(disk.list(dir).unwrap(), ["a", "one", "two"]);
    disk.remove(&two).unwrap();
    assert!(disk.remove(&two).is_err());
    disk.modified(&one).unwrap();
}

#[test]
fn both_disks_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    check(&RealDisk, folder.path());
    let dir = PathBuf::from("/data");
    check(&SimDisk::new(&dir), &dir);
}

#[test]
fn short_writes_and_interruptions_are_completed() {
    let dir = PathBuf::from("/data");
    let disk = SimDisk::new(&dir);
    let file = disk.create(&dir.join("file")).unwrap();
    disk.fail(1, Failure::Short, true);
    file.write_all_vectored(&[b"hello ", b"long ", b"world"]).unwrap();
    assert_eq!(disk.content(&dir.join("file")).unwrap(), b"hello long world");
    assert!(disk.effects() > 4);
}

#[test]
fn a_crash_keeps_what_was_synced_and_only_that() {
    let dir = PathBuf::from("/data");
    let path = dir.join("file");
    let disk = SimDisk::new(&dir);
    let file = disk.create(&path).unwrap();
    file.write_all(b"synced").unwrap();
    file.sync_data().unwrap();
    let crash = |bytes, names| disk.crash(disk.effects(), Unsynced { bytes, names }).content(&path);
    assert_eq!(crash(Fate::Dropped, Fate::Dropped), None, "the name was not");
    assert_eq!(crash(Fate::Dropped, Fate::Kept).unwrap(), b"synced");
    disk.sync_dir(&dir).unwrap();
    file.write_all(b" lost").unwrap();
    let crash = |bytes, names| disk.crash(disk.effects(), Unsynced { bytes, names }).content(&path);
    assert_eq!(crash(Fate::Dropped, Fate::Dropped).unwrap(), b"synced");
    assert_eq!(crash(Fate::Kept, Fate::Dropped).unwrap(), b"synced lost");
    let cuts: std::collections::BTreeSet<usize> =
        (0..200).map(|seed| crash(Fate::Cut(seed), Fate::Kept).unwrap().len()).collect();
    assert!(cuts.into_iter().eq(6..=11), "every cut happens for some seed");

    // A failed sync loses what was pending, for good, although it still reads.
    disk.fail(1, Failure::Error(EIO), false);
    file.sync_data().unwrap_err();
    file.write_all(b" new").unwrap();
    file.sync_data().unwrap();
    assert_eq!(disk.content(&path).unwrap(), b"synced lost new");
    let crash = disk.crash(disk.effects(), Unsynced { bytes: Fate::Kept, names: Fate::Kept });
    assert_eq!(crash.content(&path).unwrap(), b"synced\0\0\0\0\0 new");
    assert!(matches!(disk.effect_list().last(), Some(Effect::Sync(_))));
}

/// Whatever fails, the content has at least one name, and what is told to be kept is; a second
/// time nothing more is kept, and other content of the same wanted name gets a name of its own.
#[test]
fn what_is_kept_outlives_its_name() {
    let (dir, path) = (Path::new("/d"), Path::new("/d/dump"));
    let wanted = with_suffix(path, ".kept");
    let mut failed = 0;
    for nth in 1..20 {
        let disk = testing::SimDisk::new(dir);
        disk.put(path, b"a backup");
        disk.fail(nth, testing::Failure::Error(testing::EIO), false);
        let kept = keep(&disk, path, &wanted);
        disk.repair();
        assert_eq!(disk.content(path).as_deref(), Some(&b"a backup"[..]));
        failed += usize::from(kept.is_err());
        assert!(kept.is_err() || kept.is_ok_and(|kept| kept == wanted));
        assert_eq!(keep(&disk, path, &wanted).unwrap(), wanted);
        replace(&disk, Path::new("/d/temporary"), path, b"another").unwrap();
        assert_eq!(disk.content(&wanted).as_deref(), Some(&b"a backup"[..]));
        let second = with_suffix(&wanted, ".2");
        assert_eq!(keep(&disk, path, &wanted).unwrap(), second);
        assert_eq!(disk.content(&second).as_deref(), Some(&b"another"[..]));
        assert_eq!(disk.all_files().len(), 3);
    }
    assert!(failed > 0);
}
