//! Storing what a command has computed in place of a key: the STORE forms of sets, sorted sets, geo
//! and SORT. And what they have in common with whatever changes many elements at once: no record
//! names more than [`RECORD_ELEMENTS_MAX`].

use crate::base::limits::RECORD_ELEMENTS_MAX;
use crate::keyspace::record::{Cause, Delete};
use crate::keyspace::{Key, Tx};

/// Puts a collection of these elements in place of what stands under `key`, of whatever type; its
/// expiry goes too. No elements leave nothing there (event `del`). `add` emits the change that adds
/// some of them, with a keyspace event: `event` first, then none.
pub(super) fn replace<T>(
    tx: &mut Tx<'_>,
    key: Key<'_>,
    elements: &[T],
    event: &'static str,
    add: impl FnMut(&mut Tx<'_>, &[T], &'static str),
) {
    // The look makes an expired one vanish from the log as such.
    let exists = tx.exists(key);
    if elements.is_empty() {
        tx.emit(Delete::of(key));
        return;
    }
    if exists {
        tx.emit(Delete { key, cause: Cause::Replaced });
    }
    in_pieces(tx, elements, event, add);
}

/// Has elements changed in pieces that fit a record each; only the first tells the event.
pub(super) fn in_pieces<T>(
    tx: &mut Tx<'_>,
    elements: &[T],
    event: &'static str,
    mut change: impl FnMut(&mut Tx<'_>, &[T], &'static str),
) {
    let mut event = event;
    for piece in elements.chunks(RECORD_ELEMENTS_MAX) {
        change(tx, piece, event);
        event = "";
    }
}
