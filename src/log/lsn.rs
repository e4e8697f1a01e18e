//! The log sequence number.

use std::fmt;

/// A place between two record bytes: the count of record bytes before it. It is the replication
/// offset. What is in a file only (annotations, a segment's opening SELECT) is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// Clients and replicas count in signed 64 bits. Whatever claims to be beyond is not believed.
    pub const MAX: Lsn = Lsn(i64::MAX as u64);
    /// The highest that an RDB file is believed to be of: a log that begins there has more room up
    /// to [`Lsn::MAX`] than is ever written.
    pub const BEGIN_MAX: Lsn = Lsn(1 << 62);

    /// The place `bytes` further on. The count would take millennia to overflow; it saturates.
    pub fn advance(self, bytes: usize) -> Lsn {
        Lsn(self.0.saturating_add(bytes as u64))
    }

    /// Record bytes between an earlier place and this one; 0 if `earlier` is not earlier.
    pub fn since(self, earlier: Lsn) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
