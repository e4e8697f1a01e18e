//! Files in the folder that the log is not made of.

use std::path::{Path, PathBuf};

use super::super::error::RecoverError;
use super::super::manifest::Manifest;
use super::super::segment::{self, Head, Next};
use super::{Recovery, Source};

impl Recovery<'_> {
    /// Files of the log that the manifest does not list: left by a crash between two steps, and
    /// then empty of records or older than the manifest; or the manifest is not this folder's, and
    /// we refuse.
    pub(super) fn strays(
        &mut self,
        names: &[String],
        manifest: &Manifest,
    ) -> Result<(), RecoverError> {
        let listed: Vec<&str> = manifest.names().collect();
        let newest = manifest.next_segment_seq();
        for name in names.iter().filter(|name| !listed.contains(&name.as_str())) {
            let path = self.folder.file(name);
            let old_base = self.folder.base_seq(name).is_some() && manifest.ours;
            if old_base || self.folder.is_temporary(name) {
                self.plan.remove.push(path);
            } else if let Some(seq) = self.folder.segment_seq(name) {
                self.plan.segment_seq_floor = self.plan.segment_seq_floor.max(seq + 1);
                let bytes = self.disk.map(&path).map_err(RecoverError::io(&path))?;
                let (ours, holds_records) = match segment::read_head(&bytes) {
                    Head::Ours(opener, at) => {
                        let next = segment::next(&bytes, at, opener.salt, opener.first);
                        (true, matches!(next, Next::Batch(batch) if batch.last > batch.first))
                    }
                    Head::Foreign => (false, !bytes.is_empty()),
                    Head::Incomplete(_) | Head::Damaged(_) => (true, false),
                };
                if holds_records && seq >= newest {
                    let problem = "it holds records, and no manifest lists it";
                    return Err(self.folder_error(name, problem));
                }
                if !holds_records || (ours && manifest.ours) {
                    self.plan.remove.push(path);
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
}
