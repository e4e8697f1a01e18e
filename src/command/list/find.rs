//! LPOS: where in a list a value stands.

use super::LIST;
use crate::command::arguments::{natural, signed};
use crate::command::{Access, Call, Command, Error, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::Reply;
use crate::types::list::Side;

pub(super) const LPOS: Command = Command {
    name: "lpos",
    summary: "Returns the indexes of elements that are a value, seeking from either end.",
    syntax: "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
    example: r#"
        > RPUSH letters a b c a b c
        (integer) 6
        > LPOS letters b
        (integer) 1
        > LPOS letters b RANK -1
        (integer) 4
        > LPOS letters b COUNT 0
        1) (integer) 1
        2) (integer) 4
        > LPOS letters x
        (nil)
    "#,
    since: "6.0.6",
    complexity: "O(N) where N is the number of elements in the list, for the average case. When \
                 searching for elements near the head or the tail of the list, or when the MAXLEN \
                 option is provided, the command may run in constant time.",
    keys: &[Keys::One(1, Access::Read)],
    handler: Handler::Read(lpos),
    cost: Some(lpos_cost),
    ..LIST
};

#[derive(Debug, PartialEq, Eq)]
struct Options {
    side: Side,
    /// Matches to skip.
    skip: usize,
    /// Matches wanted, if the reply is an array.
    count: Option<usize>,
    /// Elements to look at.
    examine: usize,
}

impl Options {
    fn parse(call: &Call<'_>) -> Result<Options> {
        let mut options = Options { side: Side::Left, skip: 0, count: None, examine: usize::MAX };
        let mut at = 3;
        while at < call.len() {
            let Some(value) = call.get(at + 1) else { return Err(Error::Syntax) };
            // 0 is no limit.
            let limit = |limit: usize| if limit == 0 { usize::MAX } else { limit };
            if call.is(at, "RANK") {
                (options.side, options.skip) = rank(signed(call, at + 1)?)?;
            } else if call.is(at, "COUNT") {
                const NEGATIVE: Error = Error::text("ERR COUNT can't be negative");
                options.count = Some(limit(natural(value).ok_or(NEGATIVE)?));
            } else if call.is(at, "MAXLEN") {
                const NEGATIVE: Error = Error::text("ERR MAXLEN can't be negative");
                options.examine = limit(natural(value).ok_or(NEGATIVE)?);
            } else {
                return Err(Error::Syntax);
            }
            at += 2;
        }
        Ok(options)
    }
}

/// From which end a rank counts, and how many matches come before it.
fn rank(rank: i64) -> Result<(Side, usize)> {
    let side = match rank {
        ..=-1 => Side::Right,
        0 => {
            return Err(Error::text(
                "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second \
                 ... or use negative to start from the end of the list",
            ));
        }
        1.. => Side::Left,
    };
    Ok((side, usize::try_from(rank.unsigned_abs() - 1).unwrap_or(usize::MAX)))
}

fn lpos<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let Options { side, mut skip, count, examine } = Options::parse(call)?;
    let mut found = Vec::new();
    if let Some(list) = view.list(call.key(1))? {
        list.find_each(call.arg(2), side, examine, |index| {
            if skip > 0 {
                skip -= 1;
                return true;
            }
            found.push(Reply::Int(index as i64));
            found.len() < count.unwrap_or(1)
        });
    }
    Ok(match count {
        Some(_) => Reply::Array(found),
        None => found.pop().unwrap_or(Reply::Null),
    })
}

/// As many elements as there are, unless what is wanted stands near the end where it is sought.
fn lpos_cost<'a>(view: View<'a>, call: &Call<'a>) -> u64 {
    /// So many elements are tried to find that out.
    const TRIED: usize = 1000;
    let (Ok(options), Ok(Some(list))) = (Options::parse(call), view.list(call.key(1))) else {
        return 0;
    };
    let looked_at = list.len().min(options.examine);
    let wanted = options.skip.saturating_add(options.count.unwrap_or(1));
    if looked_at <= TRIED || wanted > TRIED {
        return looked_at as u64;
    }
    let mut found = 0;
    list.find_each(call.arg(2), options.side, TRIED, |_| {
        found += 1;
        found < wanted
    });
    if found == wanted { TRIED as u64 } else { looked_at as u64 }
}
