//! Replication ids: which history of the log an LSN is of.
//!
//! Every start of a primary begins a new id. The earlier ones stay, each with its last LSN, so that
//! who has followed one of them may go on.

use super::Lsn;

/// The running replication id and those before it, newest first, each with its last LSN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// 40 hex digits.
    pub current: String,
    /// A replica that followed one of these may continue, if it is not beyond that LSN.
    pub before: Vec<(String, Lsn)>,
}

/// Whether who has followed an id up to an LSN may go on with a log: see [`Ids::continues`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continues {
    /// It has seen nothing that is not in this log.
    Yes,
    /// It is beyond this LSN, where that history ends here: what it saw behind is not this log's.
    Ahead(Lsn),
    /// This log has no such history.
    Unknown,
}

impl Ids {
    /// Whether who has followed `id` up to `lsn` may go on with the log of these ids, which ends at
    /// `end`. One that is ahead never may: other records stand, or will stand, under the LSNs that
    /// it has seen.
    pub fn continues(&self, id: &[u8], lsn: Lsn, end: Lsn) -> Continues {
        let before = || self.before.iter().find(|(earlier, _)| earlier.as_bytes() == id);
        let last = match id == self.current.as_bytes() {
            true => Some(end),
            false => before().map(|(_, last)| *last),
        };
        match last {
            Some(last) if lsn <= last => Continues::Yes,
            Some(last) => Continues::Ahead(last),
            None => Continues::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_ahead_of_a_history_does_not_go_on() {
        let before = vec![("b".to_owned(), Lsn(20)), ("a".to_owned(), Lsn(10))];
        let ids = Ids { current: "c".to_owned(), before };
        let continues = |id: &str, lsn| ids.continues(id.as_bytes(), Lsn(lsn), Lsn(30));
        assert_eq!(
            [10, 11].map(|lsn| continues("a", lsn)),
            [Continues::Yes, Continues::Ahead(Lsn(10))]
        );
        assert_eq!(
            [20, 21].map(|lsn| continues("b", lsn)),
            [Continues::Yes, Continues::Ahead(Lsn(20))]
        );
        assert_eq!(
            [30, 31].map(|lsn| continues("c", lsn)),
            [Continues::Yes, Continues::Ahead(Lsn(30))]
        );
        assert_eq!(continues("d", 0), Continues::Unknown);
    }
}
