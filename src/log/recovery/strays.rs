//! Files in the folder that the log is not made of.
//!
//! A crash between two steps leaves some, and they are removed; but so do a lost manifest, one from
//! another day, and whoever copies files about. So a file is removed only if it is known what it is
//! and that the log can do without it:
//!
//! - one in the making, by its name;
//! - a base or segment of a lower number than those that a manifest of ours lists: numbers only go
//!   up, and the manifest is replaced before anything is removed;
//! - a segment that was created and got no record;
//! - a base that holds nothing but what the log has, or, without a manifest, what the file has that
//!   was being taken over.
//!
//! A segment with records that should be in the log is refused. What is left is set aside under
//! another name, or stays.

use std::path::{Path, PathBuf};

use super::super::error::RecoverError;
use super::super::manifest::Manifest;
use super::super::segment::{self, Head, Next};
use super::{Recovery, Source, is_within};
use crate::base::disk::same_content;

/// Longer than any opener: what a crash leaves of one is not.
const OPENER_BYTES_MAX: usize = 64 << 10;

/// What is in the file of a segment that no manifest lists.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// An opener, or its beginning: nothing was ever logged there.
    Nothing,
    /// Records, whole or not.
    Records,
    /// As large as an opener at most, and damaged.
    Unknown,
}

impl Recovery<'_> {
    /// Sorts the files that the manifest does not list. It has been replayed.
    pub(super) fn strays(
        &mut self,
        names: &[String],
        manifest: &Manifest,
    ) -> Result<(), RecoverError> {
        let listed: Vec<&str> = manifest.names().collect();
        for name in names.iter().filter(|name| !listed.contains(&name.as_str())) {
            let path = self.folder.file(name);
            if self.folder.is_temporary(name) {
                self.plan.remove.push(path);
            } else if let Some(seq) = self.folder.base_seq(name) {
                self.plan.base_seq_floor = self.plan.base_seq_floor.max(seq + 1);
                let older = manifest.base.as_ref().is_some_and(|base| seq < base.seq);
                // What a stock server has left is its own.
                if !manifest.ours {
                    continue;
                }
                let known = older || is_within(&self.ids, &self.replay.origin(&path));
                self.sort(path, known);
            } else if let Some(seq) = self.folder.segment_seq(name) {
                self.plan.segment_seq_floor = self.plan.segment_seq_floor.max(seq + 1);
                let content = self.content(&path)?;
                let older = seq < manifest.next_segment_seq();
                match content {
                    Content::Records if !older => {
                        let problem = "it holds records, and the manifest does not list it: the \
                            manifest is older than it";
                        return Err(self.folder_error(name, problem));
                    }
                    Content::Records if !manifest.ours => {}
                    content => self.sort(path, content == Content::Nothing || older),
                }
            }
        }
        Ok(())
    }

    /// `other`, if the log won over it although it is newer.
    pub(super) fn newer(
        &self,
        source: Source,
        other: &Path,
    ) -> Result<Option<PathBuf>, RecoverError> {
        if source == Source::DumpRdb || source == Source::Fresh || !self.exists(other)? {
            return Ok(None);
        }
        let newest = match (self.plan.catalog.segments.last(), &self.plan.take_over) {
            (Some(segment), _) => self.folder.file(&segment.entry.name),
            (None, Some((path, _, _))) => path.clone(),
            (None, None) => self.folder.manifest(),
        };
        let time = |path: &Path| self.disk.modified(path).map_err(RecoverError::io(path));
        Ok((time(other)? > time(&newest)?).then(|| other.to_path_buf()))
    }

    /// What is there of a log and is not loaded, since the log is to have no files.
    pub(super) fn unread(&self) -> Result<Option<PathBuf>, RecoverError> {
        if self.settings.appendonly {
            return Ok(None);
        }
        let single = self.settings.dir.join(&self.settings.appendfilename);
        for path in [self.folder.manifest(), single] {
            if self.exists(&path)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Sorts the files of a folder without a manifest. A log of ours gets one before anything is
    /// logged, so what can be there is what a crash has left of taking over `source`, the file that
    /// becomes the first base; whatever else there is, a manifest has been lost.
    pub(super) fn without_manifest(
        &mut self,
        names: &[String],
        source: Option<&Path>,
    ) -> Result<(), RecoverError> {
        for name in names {
            let path = self.folder.file(name);
            if self.folder.is_temporary(name) {
                self.plan.remove.push(path);
            } else if let Some(seq) = self.folder.base_seq(name) {
                if seq != 1 || !self.was_copied(source, &path)? {
                    return Err(self.lost_manifest(name, "it is a base"));
                }
                self.plan.remove.push(path);
            } else if let Some(seq) = self.folder.segment_seq(name) {
                self.plan.segment_seq_floor = self.plan.segment_seq_floor.max(seq + 1);
                match self.content(&path)? {
                    Content::Records => return Err(self.lost_manifest(name, "it holds records")),
                    content => self.sort(path, content == Content::Nothing),
                }
            }
        }
        Ok(())
    }

    fn sort(&mut self, path: PathBuf, known: bool) {
        let place = if known { &mut self.plan.remove } else { &mut self.plan.set_aside };
        place.push(path);
    }

    /// The error for a file of the log that nobody lists.
    fn lost_manifest(&self, name: &str, what: &str) -> RecoverError {
        let manifest = self.folder.manifest();
        let problem = format!(
            "{what}, and there is no manifest that lists it. Bring back {}; or write it anew: a \
             line \"file NAME seq NUMBER type b\" for the newest base, then one with \"type i\" \
             for each segment after it, in order; or move {} away to begin without this log",
            manifest.display(),
            self.folder.path.display()
        );
        self.folder_error(name, &problem)
    }

    /// Whether a base is a copy of the first bytes of `source`, or the same file by another name.
    fn was_copied(&self, source: Option<&Path>, base: &Path) -> Result<bool, RecoverError> {
        let Some(source) = source else { return Ok(false) };
        let whole = self.disk.map(source).map_err(RecoverError::io(source))?;
        let copy = self.disk.map(base).map_err(RecoverError::io(base))?;
        Ok(whole.starts_with(&copy))
    }

    fn content(&self, path: &Path) -> Result<Content, RecoverError> {
        let bytes = self.disk.map(path).map_err(RecoverError::io(path))?;
        Ok(content(&bytes))
    }

    /// A dump that the log won over. The base itself, which a dump may have become, is none.
    pub(super) fn unloaded_dump(&self, source: Source) -> Result<Option<PathBuf>, RecoverError> {
        let dump = self.settings.dir.join(&self.settings.dbfilename);
        if source == Source::DumpRdb || source == Source::Fresh || !self.exists(&dump)? {
            return Ok(None);
        }
        if let Some(base) = &self.plan.catalog.base {
            let base = self.folder.file(&base.name);
            let same = same_content(self.disk, &dump, &base).map_err(RecoverError::io(&dump))?;
            return Ok((!same).then_some(dump));
        }
        Ok(Some(dump))
    }
}

fn content(bytes: &[u8]) -> Content {
    match segment::read_head(bytes) {
        Head::Ours(opener, mut at) => loop {
            match segment::next(bytes, at, opener.salt, opener.first) {
                Next::End => return Content::Nothing,
                // A seal.
                Next::Batch(batch) if batch.last == batch.first => at = batch.payload.end,
                // Nothing is written behind an opener before the segment is listed.
                Next::Batch(_) | Next::Foreign | Next::Damaged(_) => return Content::Records,
            }
        },
        Head::Foreign if bytes.is_empty() => Content::Nothing,
        Head::Foreign => Content::Records,
        Head::Incomplete(_) => Content::Nothing,
        Head::Damaged(_) => {
            let places = memchr::memmem::find_iter(bytes, b"#CC:");
            let mut headers = places.filter_map(|at| segment::peek_header(bytes.get(at..)?));
            let has_batch = headers.any(|(header, _)| header.last > header.first);
            if has_batch || bytes.len() > OPENER_BYTES_MAX {
                Content::Records
            } else {
                Content::Unknown
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::segment::{Opener, encode_batch, encode_opener};
    use super::super::super::{Ids, Lsn};
    use super::*;

    #[test]
    fn a_segment_holds_nothing_only_if_nothing_was_logged_in_it() {
        let ids = Ids { current: "a".repeat(40), before: Vec::new() };
        let opener = Opener { first: Lsn(7), salt: 5, ids, database: 0 };
        let empty = encode_opener(&opener);
        let mut sealed = empty.clone();
        encode_batch(&mut sealed, empty.len(), 5, None, (Lsn(7), Lsn(7), Lsn(7)), b"");
        for nothing in [&b""[..], &empty[..40], &empty, &sealed] {
            assert_eq!(content(nothing), Content::Nothing);
        }
        let payload = b"*1\r\n$4\r\nPING\r\n";
        let mut written = sealed.clone();
        encode_batch(&mut written, sealed.len(), 5, None, (Lsn(7), Lsn(21), Lsn(7)), payload);
        written.extend_from_slice(payload);
        for bit in 0..written.len() * 8 {
            let mut flipped = written.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Wherever the damage is, it does not make the record of no account.
            assert_ne!(content(&flipped), Content::Nothing, "bit {bit}");
        }
        assert_eq!(content(&written), Content::Records);
        assert_eq!(content(payload), Content::Records);
        let mut torn = empty.clone();
        torn[..30].fill(0);
        assert_eq!(content(&torn), Content::Unknown);
    }
}
