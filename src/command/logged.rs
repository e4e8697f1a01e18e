//! Which records of the log somebody wants who reads it: LOG READ and `coolcache log`.

use super::table::{self, Found};
use crate::base::glob;
use crate::log::Record;

/// A choice of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Records with a key that matches, and those that concern all keys (FLUSHALL, SWAPDB). `None`:
    /// all, with the MULTI and EXEC around groups.
    pub pattern: Option<Vec<u8>>,
}

impl Wanted {
    /// Whether a record is among them. SELECT never is, since a record tells its database; nor are
    /// the keep-alives of the replication stream.
    pub fn takes(&self, record: &Record<'_>) -> bool {
        if ["SELECT", "PING", "REPLCONF"].iter().any(|name| record.is(name)) {
            return false;
        }
        let Some(pattern) = &self.pattern else { return true };
        if record.is("MULTI") || record.is("EXEC") {
            return false;
        }
        let Found::Command(command) = table::find(record.args) else { return true };
        let keys = command.key_positions(record.args).unwrap_or_default();
        let mut keys = keys.iter().filter_map(|(at, _)| record.args.get(*at)).peekable();
        keys.peek().is_none() || keys.any(|key| glob::matches(pattern, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Lsn;

    #[test]
    fn keys_decide() {
        let takes = |pattern: Option<&str>, line: &str| {
            let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let (begins, lsn) = (Lsn(0), Lsn(1));
            let record =
                Record { begins, lsn, seconds: None, database: 0, in_group: false, args: &args };
            Wanted { pattern: pattern.map(|text| text.as_bytes().to_vec()) }.takes(&record)
        };
        for line in ["SET a 1", "MULTI", "EXEC", "FLUSHALL", "PUBLISH a b"] {
            assert!(takes(None, line), "{line}");
        }
        for line in ["SELECT 3", "PING", "REPLCONF GETACK *"] {
            assert!(!takes(None, line), "{line}");
        }
        for line in ["SET user:1 x", "MSET a 1 user:2 2", "FLUSHALL", "SWAPDB 0 1"] {
            assert!(takes(Some("user:*"), line), "{line}");
        }
        for line in ["SET users 1", "MULTI", "EXEC", "SET x user:1", "SELECT 1"] {
            assert!(!takes(Some("user:*"), line), "{line}");
        }
    }
}
