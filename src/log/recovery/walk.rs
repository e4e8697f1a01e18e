//! One file, from its first byte to its last: openers, batches, groups, and commands outside
//! batches; and where it is cut if it is torn.

use std::ops::Range;
use std::path::Path;

use super::super::Lsn;
use super::super::catalog::Segment;
use super::super::error::RecoverError;
use super::super::manifest::Entry;
use super::super::planted::{Bug, planted};
use super::super::record::{self, Frame, Places};
use super::super::segment::{self, Damage, Head, Next};
use super::{Records, Recovery, Torn, WINDOW, corrupt, refused};

impl Recovery<'_> {
    /// `opens_the_log`: there is no base, so it must begin at 0.
    pub(super) fn segment(
        &mut self,
        entry: &Entry,
        last: bool,
        opens_the_log: bool,
    ) -> Result<(), RecoverError> {
        let path = self.folder.file(&entry.name);
        let bytes = self.disk.map(&path).map_err(RecoverError::io(&path))?;
        let wanted = if opens_the_log { Some(Lsn(0)) } else { self.position };
        let mut first = wanted.unwrap_or_default();
        let mut walk = Walk { good: 0, readable: true, seconds: 0, index: Vec::new() };
        match segment::read_head(&bytes) {
            // Its opener was durable before our manifest listed it.
            Head::Foreign if last && self.durable.is_some() => {
                let expected = "the opener that was durable before the manifest listed this file";
                return Err(corrupt(&path, segment::damage(&bytes, 0, expected)).into());
            }
            Head::Foreign => {
                let (good, record_bytes) = self.foreign(&path, &bytes, 0, last)?;
                self.foreign_after(first, record_bytes);
                walk = Walk { good, readable: false, ..walk };
            }
            Head::Incomplete(damage) if last && self.durable.is_none() => {
                self.tear(&path, &bytes, 0, damage)?;
            }
            Head::Incomplete(damage) | Head::Damaged(damage) => {
                return Err(corrupt(&path, damage).into());
            }
            Head::Ours(opener, at) => {
                if wanted.is_some_and(|wanted| wanted != opener.first) {
                    let expected =
                        format!("a segment that begins at LSN {}", wanted.unwrap_or_default());
                    let found = format!("one that begins at LSN {}", opener.first);
                    return Err(corrupt(&path, Damage { offset: 0, expected, found }).into());
                }
                first = opener.first;
                self.position = Some(first);
                self.claim = self.claim.max(opener.first);
                let database = opener.database.to_string();
                self.records += 1;
                self.replay
                    .record(&[b"SELECT", database.as_bytes()])
                    .map_err(|source| refused(&path, 0, source))?;
                self.ids = opener.ids.before.clone();
                self.ids.insert(0, (opener.ids.current.clone(), opener.first));
                self.batches(&path, &bytes, at, opener.salt, last, &mut walk)?;
            }
        }
        let position = *self.position.get_or_insert(first);
        let Walk { good, readable, seconds, index } = walk;
        let durable = readable && self.claim >= position && good == bytes.len();
        if last && !durable {
            self.plan.rewrite = Some(good as u64);
        }
        self.plan.catalog.segments.push(Segment {
            entry: entry.clone(),
            first,
            last: position,
            bytes: good as u64,
            closed: seconds,
            retained: false,
            readable,
            index,
        });
        Ok(())
    }

    /// Our batches from `at`, behind an opener.
    fn batches(
        &mut self,
        path: &Path,
        bytes: &[u8],
        at: usize,
        salt: u64,
        last: bool,
        walk: &mut Walk,
    ) -> Result<(), RecoverError> {
        let mut position = self.position.unwrap_or_default();
        walk.good = at;
        walk.index.push((position, at as u64));
        loop {
            match segment::next(bytes, walk.good, salt, position) {
                Next::End => return self.holds_the_durable(path, bytes, walk.good, last),
                Next::Batch(batch) => {
                    self.groups(path, bytes, batch.payload.clone())?;
                    let noted = walk.index.last().map_or(0, |(_, offset)| *offset);
                    if walk.good as u64 - noted >= 1 << 20 {
                        walk.index.push((position, walk.good as u64));
                    }
                    walk.good = batch.payload.end;
                    walk.seconds = batch.seconds.unwrap_or(walk.seconds);
                    position = batch.last;
                    self.position = Some(position);
                    self.claim = self.claim.max(batch.durable);
                    if let Some(current) = self.ids.first_mut() {
                        current.1 = position;
                    }
                }
                Next::Foreign => {
                    self.holds_the_durable(path, bytes, walk.good, last)?;
                    let (good, record_bytes) = self.foreign(path, bytes, walk.good, last)?;
                    self.foreign_after(position, record_bytes);
                    (walk.good, walk.readable) = (good, false);
                    return Ok(());
                }
                Next::Damaged(damage) => {
                    if self.next_begins_at(position)? {
                        tracing::warn!("{} has a damaged seal; no record is lost", path.display());
                        return Ok(());
                    }
                    let behind = segment::highest_claim(bytes, walk.good, salt, position);
                    let claimed = behind.map_or(self.claim, |(_, lsn)| lsn.max(self.claim));
                    let durable = claimed > position && !planted(Bug::DurableTailCut);
                    if !last || durable {
                        return Err(corrupt(path, damage).into());
                    }
                    return self.tear(path, bytes, walk.good, damage);
                }
            }
        }
    }

    /// Whether our batches, which end at `good` in the last segment, go as far as the manifest says
    /// that they are durable. They end between two batches, where nothing else tells that there
    /// were more.
    fn holds_the_durable(
        &self,
        path: &Path,
        bytes: &[u8],
        good: usize,
        last: bool,
    ) -> Result<(), RecoverError> {
        let position = self.position.unwrap_or_default();
        let Some(durable) = self.durable.filter(|durable| last && position < *durable) else {
            return Ok(());
        };
        let expected = format!("the records from LSN {position} to {durable}, which were durable");
        Err(corrupt(path, segment::damage(bytes, good, &expected)).into())
    }

    /// Whether the following segment begins at `position`: then this one holds all its records, and
    /// what is damaged behind them is its seal, which was never synced if closing the file failed.
    fn next_begins_at(&self, position: Lsn) -> Result<bool, RecoverError> {
        let Some(path) = &self.after else { return Ok(false) };
        let bytes = self.disk.map(path).map_err(RecoverError::io(path))?;
        let head = segment::read_head(&bytes);
        Ok(matches!(head, Head::Ours(opener, _) if opener.first == position))
    }

    /// After foreign records the position goes on, but no earlier id reaches over them.
    fn foreign_after(&mut self, position: Lsn, record_bytes: u64) {
        self.position = Some(Lsn(position.0.saturating_add(record_bytes)));
    }

    /// All groups of an intact batch.
    fn groups(
        &mut self,
        path: &Path,
        bytes: &[u8],
        range: Range<usize>,
    ) -> Result<(), RecoverError> {
        let payload = bytes.get(..range.end).unwrap_or(&[]);
        let mut places = Places::default();
        let mut at = range.start;
        while at < range.end {
            let (offset, expected) = match record::group(payload, at, &mut places) {
                Frame::Whole(end) => {
                    at = end;
                    if places.records.len() >= WINDOW || at == range.end {
                        self.deliver(path, payload, &mut places)?;
                    }
                    continue;
                }
                Frame::Incomplete => (at, "a whole group in the batch"),
                Frame::Bad(offset, expected) => (offset, expected),
            };
            return Err(corrupt(path, segment::damage(bytes, offset, expected)).into());
        }
        Ok(())
    }

    /// Commands outside batches, from `at` to the end. Returns where they end, and their record
    /// bytes.
    pub(super) fn foreign(
        &mut self,
        path: &Path,
        bytes: &[u8],
        mut at: usize,
        last: bool,
    ) -> Result<(usize, u64), RecoverError> {
        let mut places = Places::default();
        let mut record_bytes = 0;
        while at < bytes.len() {
            // A #TS line may stand last, alone.
            if record::skip_timestamp(bytes, at) == Some(Some(bytes.len())) {
                at = bytes.len();
                break;
            }
            let (records, read) = (places.records.len(), places.bytes);
            match record::group(bytes, at, &mut places) {
                Frame::Whole(end) => {
                    at = end;
                    self.foreign += (places.records.len() - records) as u64;
                    record_bytes += places.bytes - read;
                    if places.records.len() >= WINDOW {
                        self.deliver(path, bytes, &mut places)?;
                    }
                }
                Frame::Incomplete if last => {
                    self.deliver(path, bytes, &mut places)?;
                    let damage = segment::damage(bytes, at, "a whole record or MULTI...EXEC");
                    self.tear(path, bytes, at, damage)?;
                    return Ok((at, record_bytes));
                }
                Frame::Incomplete => {
                    return Err(corrupt(path, segment::damage(bytes, at, "a whole record")).into());
                }
                Frame::Bad(offset, expected) => {
                    return Err(corrupt(path, segment::damage(bytes, offset, expected)).into());
                }
            }
        }
        self.deliver(path, bytes, &mut places)?;
        Ok((at, record_bytes))
    }

    /// Replays whole groups, and forgets their places.
    fn deliver(
        &mut self,
        path: &Path,
        bytes: &[u8],
        places: &mut Places,
    ) -> Result<(), RecoverError> {
        let args = places.args.iter().filter_map(|range| bytes.get(range.clone()));
        let args: Vec<&[u8]> = args.collect();
        self.records += places.records.len() as u64;
        let records = Records { args: &args, ends: &places.records };
        self.replay.records(&records).map_err(|(index, source)| {
            let at = places.records.get(index).map_or(0, |(at, _)| *at);
            refused(path, at as u64, source)
        })?;
        places.clear();
        Ok(())
    }

    /// Decides that the file ends at `good`.
    fn tear(
        &mut self,
        path: &Path,
        bytes: &[u8],
        good: usize,
        damage: Damage,
    ) -> Result<(), RecoverError> {
        let place = corrupt(path, damage);
        if !self.settings.load_truncated {
            return Err(RecoverError::Torn(place));
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("log");
        let kept = self.folder.file(&format!("{name}.torn-{good}"));
        self.torn = Some(Torn { place, bytes: (bytes.len() - good) as u64, kept });
        Ok(())
    }
}

/// What walking a segment found.
struct Walk {
    /// Up to here every byte is accounted for.
    good: usize,
    readable: bool,
    seconds: u64,
    index: Vec<(Lsn, u64)>,
}
