//! Sparse registers: runs of equal ones, in order.
//!
//! ```text
//! 00xxxxxx            ZERO    a run of 1 to 64 zeros
//! 01xxxxxx yyyyyyyy   XZERO   a run of 1 to 16,384 zeros
//! 1vvvvvxx            VAL     a run of 1 to 4 registers of value 1 to 32
//! ```
//!
//! Lengths and values are stored less one. Which runs are joined after a change, and which are not,
//! is Redis' choice followed step by step, because the bytes are visible to clients.

use super::{Corrupt, REGISTERS};

/// 16,384 zeros.
pub const EMPTY: [u8; 2] = [0x7F, 0xFF];

const ZERO_RUN_MAX: usize = 64;
const VALUE_RUN_MAX: usize = 4;
const VALUE_MAX: u8 = 32;
/// Operations looked at for joins after a change: what one change can have made, and a neighbour.
const JOINED_MAX: usize = 5;

/// One run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Zero(usize),
    LongZero(usize),
    Value(u8, usize),
}

impl Run {
    /// The run at the beginning of `bytes`; none at their end. A second byte that is missing
    /// counts as 0.
    fn read(bytes: &[u8]) -> Option<Run> {
        let first = *bytes.first()?;
        Some(match first >> 6 {
            0 => Run::Zero(usize::from(first & 0x3F) + 1),
            1 => {
                let low = bytes.get(1).copied().unwrap_or(0);
                Run::LongZero((usize::from(first & 0x3F) << 8 | usize::from(low)) + 1)
            }
            _ => Run::Value((first >> 2 & 0x1F) + 1, usize::from(first & 3) + 1),
        })
    }

    /// Zeros, in their shortest form; nothing if there are none.
    fn zeros(count: usize) -> Option<Run> {
        match count {
            0 => None,
            1..=ZERO_RUN_MAX => Some(Run::Zero(count)),
            _ => Some(Run::LongZero(count)),
        }
    }

    fn registers(self) -> usize {
        match self {
            Run::Zero(count) | Run::LongZero(count) | Run::Value(_, count) => count,
        }
    }

    fn value(self) -> u8 {
        match self {
            Run::Value(value, _) => value,
            _ => 0,
        }
    }

    /// Its length in bytes.
    fn bytes(self) -> usize {
        if matches!(self, Run::LongZero(_)) { 2 } else { 1 }
    }

    fn write(self, out: &mut Vec<u8>) {
        match self {
            Run::Zero(count) => out.push((count - 1) as u8),
            Run::LongZero(count) => {
                let [high, low] = ((count - 1) as u16).to_be_bytes();
                out.extend_from_slice(&[0x40 | high, low]);
            }
            Run::Value(value, count) => out.push(0x80 | (value - 1) << 2 | (count - 1) as u8),
        }
    }
}

/// What raising a register did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// It was as great already.
    Kept,
    /// It has the new value.
    Grown,
    /// Nothing: runs cannot say such a value.
    TooGreat,
    /// Nothing: the string would have become longer than allowed.
    TooLong,
}

/// Where a register lies.
struct Found {
    run: Run,
    /// Position of its run, and of the run before it, if there is one.
    at: usize,
    before: Option<usize>,
    /// The run's first register.
    first: usize,
}

/// Raises a register to at least `value`. The runs begin at `begin`; `bytes_max` is for the whole
/// string.
pub fn raise(
    bytes: &mut Vec<u8>,
    begin: usize,
    index: usize,
    value: u8,
    bytes_max: usize,
) -> Result<Raised, Corrupt> {
    if value > VALUE_MAX {
        return Ok(Raised::TooGreat);
    }
    let found = find(bytes, begin, index)?;
    let (run, at) = (found.run, found.at);
    if run.value() >= value {
        return Ok(Raised::Kept);
    }
    let mut pieces = Vec::with_capacity(5);
    let (before, after) = (index - found.first, found.first + run.registers() - 1 - index);
    let part = |count: usize| match run {
        Run::Value(old, _) => (count > 0).then_some(Run::Value(old, count)),
        Run::Zero(_) | Run::LongZero(_) => Run::zeros(count),
    };
    let parts = [part(before), Some(Run::Value(value, 1)), part(after)];
    parts.into_iter().flatten().for_each(|part| part.write(&mut pieces));
    let longer = pieces.len() > run.bytes();
    if longer && bytes.len() + pieces.len() - run.bytes() > bytes_max {
        return Ok(Raised::TooLong);
    }
    let end = (at + run.bytes()).min(bytes.len());
    bytes.splice(at..end, pieces);
    join(bytes, found.before.unwrap_or(begin));
    Ok(Raised::Grown)
}

fn find(bytes: &[u8], begin: usize, index: usize) -> Result<Found, Corrupt> {
    let (mut at, mut first, mut before) = (begin, 0, None);
    loop {
        let run = Run::read(bytes.get(at..).unwrap_or_default()).ok_or(Corrupt)?;
        if index < first + run.registers() {
            return Ok(Found { run, at, before, first });
        }
        before = Some(at);
        first += run.registers();
        at += run.bytes();
    }
}

/// Joins runs of equal values from `at` on.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED_MAX {
        let Some(run) = Run::read(bytes.get(at..).unwrap_or_default()) else { return };
        let next = Run::read(bytes.get(at + run.bytes()..).unwrap_or_default());
        if let (Run::Value(value, count), Some(Run::Value(next, more))) = (run, next)
            && value == next
            && count + more <= VALUE_RUN_MAX
        {
            let mut joined = Vec::with_capacity(1);
            Run::Value(value, count + more).write(&mut joined);
            bytes.splice(at..at + 2, joined);
            // It may be joined with what follows as well.
            continue;
        }
        at += run.bytes();
    }
}

/// Calls `see` with each run's value and count, if they are 16,384 registers in all.
pub fn each_run(bytes: &[u8], mut see: impl FnMut(u8, usize)) -> Result<(), Corrupt> {
    let (mut rest, mut seen) = (bytes, 0);
    while let Some(run) = Run::read(rest) {
        seen += run.registers();
        if seen > REGISTERS {
            return Err(Corrupt);
        }
        see(run.value(), run.registers());
        rest = rest.get(run.bytes()..).unwrap_or_default();
    }
    if seen == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

/// The runs in words: `z:` zeros, `Z:` many zeros, `v:` value and count.
pub fn describe(bytes: &[u8]) -> String {
    let (mut rest, mut words) = (bytes, Vec::new());
    while let Some(run) = Run::read(rest) {
        words.push(match run {
            Run::Zero(count) => format!("z:{count}"),
            Run::LongZero(count) => format!("Z:{count}"),
            Run::Value(value, count) => format!("v:{value},{count}"),
        });
        rest = rest.get(run.bytes()..).unwrap_or_default();
    }
    words.join(" ")
}
