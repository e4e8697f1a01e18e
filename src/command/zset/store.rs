//! Storing a computed sorted set in place of a key: ZRANGESTORE, ZUNIONSTORE, ZINTERSTORE,
//! ZDIFFSTORE, and of the geo group GEOSEARCHSTORE.

use crate::command::replace::replace;
use crate::keyspace::record::AddScored;
use crate::keyspace::{Key, Tx};

/// Puts a sorted set of these scores and members, which are different, in place of what stands
/// under `key`: see [`replace`]. Quickest where they come in order.
pub(in crate::command) fn store<M: AsRef<[u8]>>(
    tx: &mut Tx<'_>,
    key: Key<'_>,
    items: &[(f64, M)],
    event: &'static str,
) {
    replace(tx, key, items, event, |tx, items, event| {
        let items: Vec<(f64, &[u8])> = items.iter().map(|item| (item.0, item.1.as_ref())).collect();
        tx.emit(AddScored { key, items: &items, event });
    });
}
