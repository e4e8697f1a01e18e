//! KEEPREF, DELREF and ACKED (Redis 8.2): what becomes of what groups have to do with an entry that
//! is deleted or trimmed.

use crate::command::Call;
use crate::keyspace::record::Acknowledge;
use crate::keyspace::{Key, Tx};
use crate::types::stream::{Group, Stream, StreamId};

/// What is to become of what groups have to do with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum References {
    /// KEEPREF: it stays pending where it is.
    #[default]
    Keep,
    /// DELREF: it is pending nowhere any more.
    Delete,
    /// ACKED: only entries go that every group has had and acknowledged.
    Acknowledged,
}

impl References {
    /// Reads the argument at `at`, if it is one of the three words.
    pub(super) fn parse(call: &Call<'_>, at: usize) -> Option<Self> {
        let words = [
            ("KEEPREF", References::Keep),
            ("DELREF", References::Delete),
            ("ACKED", References::Acknowledged),
        ];
        words.into_iter().find(|(word, _)| call.is(at, word)).map(|(_, references)| references)
    }

    /// Whether an entry must stay: it goes only when no group needs it, and a group has it pending,
    /// or has not had it yet.
    pub(super) fn hold(self, stream: &Stream, id: StreamId) -> bool {
        let needs = |group: &Group| group.last_id < id || group.pending(id).is_some();
        self == References::Acknowledged && stream.groups().any(needs)
    }

    /// The last id that may go: all behind it must stay, since a group has not had them yet.
    pub(super) fn last_free(self, stream: &Stream) -> StreamId {
        let groups = stream.groups().filter(|_| self == References::Acknowledged);
        groups.map(|group| group.last_id).min().unwrap_or(StreamId::MAX)
    }
}

/// Takes entries out of what is pending in any group.
pub(super) fn forget_pending(tx: &mut Tx<'_>, key: Key<'_>, ids: &[StreamId]) {
    let Some(stream) = tx.view().stream(key).ok().flatten() else { return };
    let pending_in = |group: &Group| {
        let pending = ids.iter().filter(|id| group.pending(**id).is_some());
        (group.name().to_vec(), pending.copied().collect::<Vec<_>>())
    };
    let pending: Vec<_> = stream.groups().map(pending_in).collect();
    for (group, ids) in pending.iter().filter(|(_, ids)| !ids.is_empty()) {
        tx.emit(Acknowledge { key, group, ids });
    }
}
