//! Truncation at every byte, every bit flipped, blocks overwritten, files missing or swapped:
//! detected or harmless, never served.

use super::segment::Head;
use super::*;
use crate::base::disk::testing::SimDisk;

/// A folder with a base, retained and listed segments, and the last segment sealed or not.
fn folder(sealed: bool) -> (Vec<(PathBuf, Vec<u8>)>, Settings, Lsn) {
    let disk = SimDisk::new(&dir());
    let settings = Settings { segment_bytes: 900, ..small_settings() };
    let log = begin(&disk, &settings, 1);
    for n in 0..13 {
        commit(&log, n);
    }
    let at = log.roll();
    log.write_step();
    let path = log.snapshot_path("x");
    disk.create(&path).unwrap().write_all(&snapshot(stream(13))).unwrap();
    log.install_base(&path, at).unwrap();
    for n in 13..27 {
        commit(&log, n);
    }
    let end = log.positions().synced;
    if sealed {
        log.seal_and_close().unwrap();
    }
    drop(log);
    (disk.all_files().into_iter().collect(), settings, end)
}

fn disk_of(files: &[(PathBuf, Vec<u8>)]) -> SimDisk {
    let disk = SimDisk::new(&dir());
    for (path, content) in files {
        disk.put(path, content);
    }
    disk
}

fn is_segment(path: &Path) -> bool {
    path.to_str().unwrap().ends_with(".incr.aof")
}

/// The last file that is a segment.
fn last_segment(files: &[(PathBuf, Vec<u8>)]) -> usize {
    let seq = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        Folder::of(&Settings::new(dir())).segment_seq(name)
    };
    (0..files.len()).max_by_key(|index| seq(&files[*index].0)).unwrap()
}

/// Recovers, and if that succeeds asserts that nothing wrong was served; returns how far it came.
fn outcome(files: &[(PathBuf, Vec<u8>)], settings: &Settings) -> Option<(Lsn, Recovered)> {
    let (recovered, engine) = recovered(&disk_of(files), settings).ok()?;
    let last = recovered.last_lsn;
    assert!(whole().1.contains(&last.0), "ends inside a group, at {last}");
    assert!(engine.stream == whole().0[..last.0 as usize], "served something else, up to {last}");
    Some((last, recovered))
}

/// The length of a segment's opener.
fn opener(segment: &[u8]) -> usize {
    let Head::Ours(_, end) = segment::read_head(segment) else { panic!("a segment of ours") };
    end
}

#[test]
fn a_last_segment_cut_at_any_byte_loses_only_what_was_cut() {
    let (files, settings, end) = folder(false);
    let index = last_segment(&files);
    let length = files[index].1.len();
    let mut before = Lsn(0);
    // The opener was durable before the manifest listed the file: no crash takes it away.
    for cut in 0..opener(&files[index].1) {
        let mut files = files.clone();
        files[index].1.truncate(cut);
        let refused = self::recovered(&disk_of(&files), &settings).err();
        let Some(RecoverError::Corrupt(place)) = refused else { panic!("cut at {cut}") };
        assert_eq!(place.file, files[index].0);
    }
    for cut in opener(&files[index].1)..=length {
        let mut files = files.clone();
        files[index].1.truncate(cut);
        let (last, recovered) = outcome(&files, &settings).expect("a cut is a torn tail");
        assert!(last >= before, "more bytes, fewer records, at {cut}");
        before = last;
        let torn = recovered.torn.as_ref().map_or(0, |torn| torn.bytes);
        assert!(torn <= cut as u64);
        let strict = Settings { load_truncated: false, ..settings.clone() };
        assert_eq!(outcome(&files, &strict).is_none(), recovered.torn.is_some(), "strict, {cut}");

        // It goes on from there, the cut bytes are kept, and the next start finds a whole log.
        let kept = recovered.torn.clone().filter(|torn| torn.bytes > 0);
        let disk = disk_of(&files);
        let again = self::recovered(&disk, &settings).unwrap().0;
        again.start_stepped(start(7)).unwrap().seal_and_close().unwrap();
        if let Some(torn) = kept {
            let bytes = disk.content(&torn.kept).unwrap();
            assert_eq!(bytes, files[index].1[cut - torn.bytes as usize..]);
        }
        let (next, _) = self::recovered(&disk, &settings).unwrap();
        assert_eq!((next.last_lsn, next.torn), (last, None));
    }
    assert_eq!(before, end);
}

/// After a clean stop, and where a segment was rolled, the manifest knows how far the log went.
#[test]
fn a_last_segment_that_was_sealed_is_not_taken_for_whole_if_it_is_shorter() {
    let (files, settings, end) = folder(true);
    let index = last_segment(&files);
    let whole = files[index].1.clone();
    let (mut refused, mut at_boundaries) = (0, 0);
    for cut in 0..=whole.len() {
        let mut files = files.clone();
        files[index].1.truncate(cut);
        let disk = disk_of(&files);
        match self::recovered(&disk, &settings) {
            // The seal itself holds no record.
            Ok((recovered, _)) => assert_eq!(recovered.last_lsn, end, "cut at {cut}"),
            Err(RecoverError::Corrupt(place)) => {
                refused += 1;
                at_boundaries += usize::from(place.expected.contains("which were durable"));
                assert_eq!(place.file, files[index].0);
                assert!(place.to_string().contains("expected"), "{place}");
            }
            Err(error) => panic!("cut at {cut}: {error}"),
        }
        // Whoever reads it without a server sees the same.
        let archive = Archive::open(Arc::new(disk.clone()), &place(&settings));
        let read = archive.and_then(|archive| archive.end());
        let is_whole = self::recovered(&disk, &settings).is_ok();
        assert_eq!(read.ok(), is_whole.then_some(end), "cut at {cut}");
    }
    assert!(refused > whole.len() / 2 && at_boundaries > 1, "{refused}, {at_boundaries}");
    // A stock server may have appended to it since: it is shorter than sealed that counts.
    let foreign = [command(&["SELECT", "0"]), command(&["SET", "theirs", "1"])].concat();
    let mut more = files.clone();
    more[index].1.extend(&foreign);
    let (recovered, _) = self::recovered(&disk_of(&more), &settings).unwrap();
    assert_eq!((recovered.foreign_records, recovered.last_lsn > end), (2, true));
    more[index].1 = [&whole[..opener(&whole)], &foreign].concat();
    assert!(matches!(self::recovered(&disk_of(&more), &settings), Err(RecoverError::Corrupt(_))));
}

/// What `check --fix --cut-corruption` makes of it can be started.
#[test]
fn a_shortened_segment_can_be_cut_away_when_told_to() {
    let (files, settings, _) = folder(true);
    let index = last_segment(&files);
    let sealed = opener(&files[index].1);
    for cut in [0, sealed / 2, sealed, sealed + 90] {
        let mut files = files.clone();
        files[index].1.truncate(cut);
        let disk = disk_of(&files);
        let Err(RecoverError::Corrupt(damage)) = self::recovered(&disk, &settings) else {
            panic!("cut at {cut}")
        };
        repair::cut(&disk, &place(&settings), &damage.file, damage.offset).unwrap();
        let last = self::recovered(&disk, &settings).unwrap().0.last_lsn;
        begin(&disk, &settings, 5);
        assert_eq!(self::recovered(&disk, &settings).unwrap().0.last_lsn, last);
    }
    // The first one after a base, and there is nothing in it.
    let disk = SimDisk::new(&dir());
    let log = begin(&disk, &settings, 1);
    commit(&log, 0);
    let at = log.roll();
    log.write_step();
    let path = log.snapshot_path("x");
    disk.create(&path).unwrap().write_all(&snapshot(stream(1))).unwrap();
    log.install_base(&path, at).unwrap();
    drop(log);
    let (last, _) = disk.all_files().into_iter().rfind(|(path, _)| is_segment(path)).unwrap();
    disk.create(&last).unwrap();
    assert!(self::recovered(&disk, &settings).is_err());
    repair::cut(&disk, &place(&settings), &last, 0).unwrap();
    assert_eq!(self::recovered(&disk, &settings).unwrap().0.last_lsn, at);
    begin(&disk, &settings, 2);
    assert_eq!(self::recovered(&disk, &settings).unwrap().0.last_lsn, at);
}

fn place(settings: &Settings) -> Place {
    let Settings { dir, appenddirname, appendfilename, .. } = settings.clone();
    Place { dir, appenddirname, appendfilename }
}

#[test]
fn an_earlier_segment_cut_anywhere_is_refused() {
    let (files, settings, end) = folder(false);
    let last = last_segment(&files);
    let manifest = String::from_utf8(
        files.iter().find(|(path, _)| path.ends_with("appendonly.aof.manifest")).unwrap().1.clone(),
    );
    let manifest = manifest.unwrap();
    let listed = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        manifest.contains(&format!("\nfile {name} "))
    };
    let mut refused = 0;
    for index in (0..files.len()).filter(|index| *index != last && is_segment(&files[*index].0)) {
        for cut in 0..files[index].1.len() {
            let mut files = files.clone();
            files[index].1.truncate(cut);
            match outcome(&files, &settings) {
                None => refused += 1,
                // A retained segment is not loaded; losing the seal alone loses nothing.
                Some((got, _)) => assert!(got == end && (!listed(&files[index].0) || cut > 0)),
            }
        }
    }
    assert!(refused > 300, "{refused}");
}

/// Flips every bit of every file, and says which flips did harm: fewer records although nothing was
/// said to be torn or although all was durable, or other replication ids.
pub(super) fn flips() -> Vec<String> {
    let mut found = Vec::new();
    for sealed in [true, false] {
        let (files, settings, end) = folder(sealed);
        let last = last_segment(&files);
        let ids = outcome(&files, &settings).unwrap().1.ids;
        for index in 0..files.len() {
            let base = files[index].0.to_str().unwrap().ends_with(".rdb");
            if base || (!sealed && index != last) {
                continue; // The RDB reader guards bases; the others are the same in both.
            }
            for bit in 0..files[index].1.len() * 8 {
                let mut files = files.clone();
                files[index].1[bit / 8] ^= 1 << (bit % 8);
                if let Some((got, recovered)) = outcome(&files, &settings) {
                    let may_lose = index == last && !sealed && recovered.torn.is_some();
                    let same = got == end && recovered.ids == ids;
                    if !same && !may_lose {
                        found.push(format!("bit {bit} of {}", files[index].0.display()));
                    }
                }
            }
        }
    }
    found
}

#[test]
fn every_flipped_bit_is_seen_or_harmless() {
    assert_eq!(flips(), [""; 0]);
}

#[test]
fn overwritten_blocks_are_never_served() {
    let (files, settings, _) = folder(false);
    let index = last_segment(&files);
    let length = files[index].1.len();
    for size in [16, 64, 200] {
        for at in (0..length).step_by(7) {
            let span = at..(at + size).min(length);
            for fill in 0..3 {
                let mut files = files.clone();
                let old = files[index].1.clone();
                for (place, byte) in span.clone().enumerate() {
                    files[index].1[byte] = match fill {
                        0 => 0,
                        1 => 0xff,
                        _ => old[place],
                    };
                }
                outcome(&files, &settings);
            }
        }
        // A block of the file, repeated at its end.
        for at in (0..length - size).step_by(5) {
            let mut files = files.clone();
            let block = files[index].1[at..at + size].to_vec();
            if block.starts_with(b"*2\r\n$6\r\nSELECT") {
                continue; // Nobody can tell that from a stock server's commands.
            }
            files[index].1.extend(block);
            outcome(&files, &settings);
        }
    }
}

#[test]
fn a_folder_with_files_missing_or_swapped_is_refused() {
    let (files, settings, end) = folder(true);
    let places: Vec<usize> = (0..files.len()).collect();
    let listed = |index: usize| {
        let manifest = &files.iter().find(|(path, _)| path.ends_with("appendonly.aof.manifest"));
        let text = String::from_utf8(manifest.unwrap().1.clone()).unwrap();
        let name = files[index].0.file_name().unwrap().to_str().unwrap();
        text.lines().any(|line| line.starts_with(&format!("file {name} ")))
            || name.ends_with(".manifest")
    };
    for index in places.iter().copied() {
        let mut without = files.clone();
        without.remove(index);
        let got = outcome(&without, &settings).map(|(lsn, _)| lsn);
        assert_eq!(got, (!listed(index)).then_some(end), "{} missing", files[index].0.display());
    }
    let segments: Vec<usize> =
        places.into_iter().filter(|index| is_segment(&files[*index].0) && listed(*index)).collect();
    for (one, two) in segments.iter().zip(&segments[1..]) {
        let mut swapped = files.clone();
        swapped[*one].1 = files[*two].1.clone();
        assert!(outcome(&swapped, &settings).is_none(), "a segment twice");
        swapped[*two].1 = files[*one].1.clone();
        assert!(outcome(&swapped, &settings).is_none(), "two segments swapped");
    }
    // A segment that the manifest does not know.
    let mut more = files.clone();
    let path = dir().join("appendonlydir/appendonly.aof.99.incr.aof");
    more.push((path, files[last_segment(&files)].1.clone()));
    assert!(outcome(&more, &settings).is_none(), "an unlisted segment with records");
    // An unfinished file is removed.
    let mut more = files.clone();
    let stale = dir().join("appendonlydir/temp-appendonly.aof.manifest");
    more.push((stale.clone(), b"half".to_vec()));
    let disk = disk_of(&more);
    begin(&disk, &settings, 3);
    assert_eq!(disk.content(&stale), None);
}

#[test]
fn a_client_cannot_forge_a_batch() {
    // A value that holds what looks like later batches claims durability in a torn tail: not
    // believed.
    let disk = SimDisk::new(&dir());
    let log = begin(&disk, &small_settings(), 1);
    let mut forged = Vec::new();
    for durable in [500_u64, 5000] {
        segment::encode_batch(&mut forged, 0, 0, None, (Lsn(90), Lsn(durable), Lsn(durable)), b"");
    }
    let value = String::from_utf8(forged).unwrap();
    log.append(&command(&["SET", "k", &value.repeat(3)]), 0);
    log.write_step();
    drop(log);
    let mut files: Vec<_> = disk.all_files().into_iter().collect();
    let index = last_segment(&files);
    files[index].1.pop();
    let (recovered, _) = recovered(&disk_of(&files), &small_settings()).unwrap();
    assert!(recovered.torn.is_some());
    assert_eq!(recovered.last_lsn, Lsn(0));
}

#[test]
fn damage_is_named() {
    let (mut files, settings, _) = folder(true);
    let index = last_segment(&files);
    let place = files[index].1.len() / 2;
    files[index].1[place] ^= 4;
    let Err(RecoverError::Corrupt(corrupt)) = recovered(&disk_of(&files), &settings) else {
        panic!("damage below what was durable is refused");
    };
    assert_eq!(corrupt.file, files[index].0);
    assert!(corrupt.offset <= place as u64);
    let text = corrupt.to_string();
    assert!(text.contains("expected") && text.contains("found"), "{text}");
}
