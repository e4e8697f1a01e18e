//! LMOVE, RPOPLPUSH, LMOVEM.

use super::pop::popped;
use super::{LIST, side};
use crate::command::arguments::positive;
use crate::command::element::kept;
use crate::command::replace::in_pieces;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{MoveElement, Pop, Push, push_event};
use crate::keyspace::{Key, Tx};
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::list::{ListRef, Side};

pub(super) const LMOVE: Command = Command {
    name: "lmove",
    summary: "Moves the element at an end of a list to an end of another, and returns it.",
    syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
    example: r#"
        > RPUSH todo a b
        (integer) 2
        > LMOVE todo done LEFT RIGHT
        "a"
        log: LMOVE todo done LEFT RIGHT
        event: rpush done
        event: lpop todo
        > LMOVE missing done LEFT RIGHT
        (nil)
        log:
    "#,
    since: "6.2.0",
    handler: Handler::Write(lmove),
    ..MOVE
};

/// What the entries that move elements have in common.
pub(super) const MOVE: Command = Command {
    keys: &[Keys::One(1, Access::ReadDelete), Keys::One(2, Access::Insert)],
    flags: &[Flag::DenyOom],
    ..LIST
};

fn lmove<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let ends = Ends::parse(call)?;
    Ok(ends.move_one(tx)?.unwrap_or(Reply::Null))
}

pub(super) const RPOPLPUSH: Command = Command {
    name: "rpoplpush",
    summary: "Moves the last element of a list to the head of another, and returns it.",
    syntax: "source destination",
    example: r#"
        > RPUSH todo a b
        (integer) 2
        > RPOPLPUSH todo done
        "b"
        log: LMOVE todo done RIGHT LEFT
        event: lpush done
        event: rpop todo
    "#,
    since: "1.2.0",
    handler: Handler::Write(rpoplpush),
    ..MOVE
};

fn rpoplpush<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    Ok(Ends::tail_to_head(call).move_one(tx)?.unwrap_or(Reply::Null))
}

pub(super) const LMOVEM: Command = Command {
    name: "lmovem",
    summary: "Moves elements at an end of a list to an end of another, and returns them.",
    syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT> \
             [<COUNT count | EXACTLY exactly> <OBO | BULK>]",
    example: r#"
        > RPUSH todo 1 2 3 4
        (integer) 4
        > LMOVEM todo done LEFT LEFT COUNT 2 OBO
        1) "2"
        2) "1"
        log: MULTI
        log: LPUSH done 1 2
        log: LPOP todo 2
        log: EXEC
        event: lpush done
        event: lpop todo
        > LMOVEM todo done LEFT LEFT EXACTLY 5 BULK
        (nil)
        log:
    "#,
    since: "8.10.0",
    complexity: "O(N) where N is the number of elements moved.",
    handler: Handler::Write(lmovem),
    ..MOVE
};

fn lmovem<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let ends = Ends::parse(call)?;
    let amount = Amount::parse(call, 5)?;
    Ok(ends.move_many(tx, &amount)?.unwrap_or(Reply::NullArray))
}

/// From where to where elements move.
pub(super) struct Ends<'a> {
    pub from: Key<'a>,
    to: Key<'a>,
    from_side: Side,
    to_side: Side,
}

/// How many elements LMOVEM moves, and how they end up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Amount {
    count: usize,
    /// Nothing moves if there are fewer.
    exactly: bool,
    /// They are pushed one by one, so that the last one popped is outermost; if not, they stay in
    /// the order in which they are.
    one_by_one: bool,
}

impl Amount {
    /// Reads `[<COUNT count | EXACTLY exactly> <OBO | BULK>]` from `at` to the end.
    pub(super) fn parse(call: &Call<'_>, at: usize) -> Result<Amount> {
        let exactly = match call.len() - at {
            0 => return Ok(Amount { count: 1, exactly: false, one_by_one: true }),
            3 if call.is(at, "COUNT") => false,
            3 if call.is(at, "EXACTLY") => true,
            _ => return Err(Error::Syntax),
        };
        const COUNT: Error = Error::text("ERR count should be greater than 0");
        let count = positive(call.arg(at + 1), COUNT)?;
        let one_by_one = call.is(at + 2, "OBO");
        if !one_by_one && !call.is(at + 2, "BULK") {
            return Err(Error::Syntax);
        }
        Ok(Amount { count, exactly, one_by_one })
    }
}

impl<'a> Ends<'a> {
    /// Reads `source destination <LEFT | RIGHT> <LEFT | RIGHT>`.
    pub(super) fn parse(call: &Call<'a>) -> Result<Self> {
        let (from_side, to_side) = (side(call, 3)?, side(call, 4)?);
        Ok(Ends { from: call.key(1), to: call.key(2), from_side, to_side })
    }

    /// Those of RPOPLPUSH.
    pub(super) fn tail_to_head(call: &Call<'a>) -> Self {
        Ends { from: call.key(1), to: call.key(2), from_side: Side::Right, to_side: Side::Left }
    }

    /// The source, if it is there; then the destination is a list or nothing.
    fn source<'v>(&self, tx: &'v Tx<'_>) -> Result<Option<ListRef<'v>>> {
        let Some(list) = tx.view().list(self.from)? else { return Ok(None) };
        tx.view().list(self.to)?;
        Ok(Some(list))
    }

    /// Moves an element and answers it; none if there is no source.
    pub(super) fn move_one(&self, tx: &mut Tx<'_>) -> Result<Option<Reply<'static>>> {
        let Some(list) = self.source(tx)? else { return Ok(None) };
        let reply = list.end(self.from_side, 1).next().map(kept);
        let Ends { from, to, from_side, to_side } = *self;
        tx.emit(MoveElement { from, to, from_side, to_side });
        Ok(reply)
    }

    /// Moves elements and answers them in the order in which they then are; none if there is no
    /// source, or not enough in it.
    pub(super) fn move_many(
        &self,
        tx: &mut Tx<'_>,
        amount: &Amount,
    ) -> Result<Option<Reply<'static>>> {
        let Ends { from, to, from_side, to_side } = *self;
        let Some(list) = self.source(tx)? else { return Ok(None) };
        let len = list.len();
        if amount.exactly && len < amount.count {
            return Ok(None);
        }
        let count = amount.count.min(len);
        if count == 1 {
            let reply = popped(list, from_side, 1);
            tx.emit(MoveElement { from, to, from_side, to_side });
            return Ok(Some(reply));
        }
        // From the head on, as they are in the source.
        let indexes = if from_side == Side::Left { 0..count } else { len - count..len };
        let mut moved: Vec<Vec<u8>> = list.range(indexes).map(|element| element.to_vec()).collect();
        if amount.one_by_one && from_side == to_side {
            moved.reverse();
        }
        let mut reply = BulksBuilder::new(BulksKind::Array);
        moved.iter().for_each(|element| reply.push(element));
        let mut values: Vec<&[u8]> = moved.iter().map(Vec::as_slice).collect();
        let event = push_event(to_side);
        let pop = Pop { key: from, side: from_side, count };
        if from.bytes == to.bytes && from_side == to_side && count < len {
            // Behind one another at the same end: what is pushed must not be popped.
            tx.emit(pop);
            push_in_order(tx, to, to_side, &mut values, event);
        } else {
            // The list must not vanish in between, its expiry with it: so the pop comes last. If
            // all of a list goes to its own end, either end will do.
            let is_whole = from.bytes == to.bytes && from_side == to_side;
            let side = match (is_whole, to_side) {
                (false, side) => side,
                (true, Side::Left) => Side::Right,
                (true, Side::Right) => Side::Left,
            };
            push_in_order(tx, to, side, &mut values, event);
            tx.emit(pop);
        }
        Ok(Some(reply.finish()))
    }
}

/// Pushes values so that they end up in the order given.
fn push_in_order(
    tx: &mut Tx<'_>,
    key: Key<'_>,
    side: Side,
    values: &mut [&[u8]],
    event: &'static str,
) {
    if side == Side::Left {
        values.reverse();
    }
    in_pieces(tx, values, event, |tx, values, event| {
        tx.emit(Push { key, side, values, event });
    });
}
