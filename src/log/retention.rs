//! Which segments older than the base are kept: the newest `log-retention-bytes`, none older than
//! `log-retention-seconds`.

use super::catalog::{Catalog, Segment};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// Bytes of segments past the base.
    pub bytes: u64,
    /// Seconds at which they go all the same; 0: no limit.
    pub seconds: u64,
}

/// Takes the segments out of the catalog that need not be kept at `now` (Unix seconds), and returns
/// them: their files may be removed once a manifest without them is durable.
pub(super) fn expire(catalog: &mut Catalog, kept: Kept, now: u64) -> Vec<Segment> {
    let mut total: u64 = 0;
    let mut keep = vec![true; catalog.segments.len()];
    for (segment, keep) in catalog.segments.iter().zip(&mut keep).rev() {
        if !segment.retained {
            continue;
        }
        total = total.saturating_add(segment.bytes);
        let age = now.saturating_sub(segment.closed);
        let old = kept.seconds > 0 && age > kept.seconds;
        if total > kept.bytes || old {
            // Nothing older than a dropped one is of use.
            total = u64::MAX;
            *keep = false;
        }
    }
    let mut keep = keep.into_iter();
    let mut dropped = Vec::new();
    catalog.segments.retain(|segment| {
        let stays = keep.next().unwrap_or(true);
        if !stays {
            dropped.push(segment.clone());
        }
        stays
    });
    dropped
}

#[cfg(test)]
mod tests {
    use super::super::Lsn;
    use super::super::manifest::Entry;
    use super::*;

    fn catalog() -> Catalog {
        let segment = |seq: u64, retained| Segment {
            entry: Entry { name: format!("s{seq}"), seq },
            first: Lsn(seq * 100),
            last: Lsn(seq * 100 + 100),
            bytes: 110,
            closed: 1000 + seq,
            retained,
            readable: true,
            index: Vec::new(),
        };
        let segments =
            vec![segment(1, true), segment(2, true), segment(3, true), segment(4, false)];
        Catalog { segments, ..Catalog::default() }
    }

    #[test]
    fn keeps_the_newest_bytes_and_nothing_too_old() {
        let left = |bytes, seconds, now| {
            let mut catalog = catalog();
            expire(&mut catalog, Kept { bytes, seconds }, now);
            catalog.segments.iter().map(|segment| segment.entry.seq).collect::<Vec<_>>()
        };
        assert_eq!(left(1000, 0, 9999), [1, 2, 3, 4]);
        assert_eq!(left(220, 0, 9999), [2, 3, 4]);
        assert_eq!(left(0, 0, 9999), [4]);
        assert_eq!(left(1000, 10, 1012), [2, 3, 4]);
        assert_eq!(catalog().window_start(), Some(Lsn(100)));
    }
}
