//! Storing a computed sorted set in place of a key: ZRANGESTORE, ZUNIONSTORE, ZINTERSTORE,
//! ZDIFFSTORE, and of the geo group GEOSEARCHSTORE.

use crate::base::limits::RECORD_ELEMENTS_MAX;
use crate::keyspace::record::{AddScored, Cause, Delete};
use crate::keyspace::{Key, Tx};

/// Puts a sorted set of these scores and members, which are different, in place of what stands
/// under `key`, of whatever type; its expiry goes too. No members leave nothing there (event
/// `del`). Quickest where they come in order. `event` is the storing command's keyspace event.
pub(in crate::command) fn store<M: AsRef<[u8]>>(
    tx: &mut Tx<'_>,
    key: Key<'_>,
    items: &[(f64, M)],
    event: &'static str,
) {
    if items.is_empty() {
        tx.emit(Delete::of(key));
        return;
    }
    tx.emit(Delete { key, cause: Cause::Replaced });
    let mut event = event;
    for items in items.chunks(RECORD_ELEMENTS_MAX) {
        let items: Vec<(f64, &[u8])> = items.iter().map(|item| (item.0, item.1.as_ref())).collect();
        tx.emit(AddScored { key, items: &items, event });
        event = "";
    }
}
