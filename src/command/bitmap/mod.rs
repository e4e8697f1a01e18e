//! The commands of strings as bitmaps.
//!
//! | file | commands |
//! |---|---|
//! | `bit` | SETBIT, GETBIT: one bit |
//! | `search` | BITCOUNT, BITPOS: bits of a range |
//! | `combine` | BITOP: strings combined |
//! | `field` | BITFIELD, BITFIELD_RO: integers of any width |
//!
//! Records: SETBIT as itself; BITFIELD as the SETs that it came to; BITOP as itself where Redis 7.0
//! knows the operation, else as the SET of the result.

mod bit;
mod combine;
mod field;
mod search;
#[cfg(test)]
mod tests;

use super::{Command, DEFAULT, Error, Group, Result};
use crate::base::number;

/// What the entries of this group have in common.
const BITMAP: Command = Command { group: Group::Bitmap, ..DEFAULT };

/// The entries of this group.
pub const COMMANDS: &[Command] = &[
    search::BITCOUNT,
    field::BITFIELD,
    field::BITFIELD_RO,
    combine::BITOP,
    search::BITPOS,
    bit::GETBIT,
    bit::SETBIT,
];

const BAD_OFFSET: Error = Error::text("ERR bit offset is not an integer or out of range");

/// A bit's position, within a string of `bytes_max`. With `width` it may be `#n`: the n-th field of
/// so many bits.
fn offset(text: &[u8], width: Option<u64>, bytes_max: u64) -> Result<u64> {
    let (digits, unit) = match (text, width) {
        ([b'#', digits @ ..], Some(width)) => (digits, width),
        _ => (text, 1),
    };
    let number = number::parse_i64(digits).and_then(|number| u64::try_from(number).ok());
    let offset = number.and_then(|number| number.checked_mul(unit)).ok_or(BAD_OFFSET)?;
    if offset / 8 < bytes_max { Ok(offset) } else { Err(BAD_OFFSET) }
}
