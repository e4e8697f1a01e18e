//! What modules left in a file. It cannot be understood without the module, but from version 8 it
//! delimits itself, so it can be stepped over:
//!
//! ```text
//! value    id  (tag data)*  0                   id: a length, 54 bits name and 10 bits version
//! aux      id  2 when  (tag data)*  0
//! tag      1, 2: a length    3: 4 bytes    4: 8 bytes    5: a string
//!
//! meta     count (class32 (tag data)*  0)*      of the next key, from version 13
//! ```

use super::cursor::Cursor;
use super::error::Fault;
use super::length;
use super::string::Encoded;

const END: u64 = 0;
const SINT: u64 = 1;
const UINT: u64 = 2;
const FLOAT: u64 = 3;
const DOUBLE: u64 = 4;
const STRING: u64 = 5;

/// Steps over a module's value behind its type byte and key.
pub(super) fn skip_value(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    skip_id(cursor)?;
    skip_data(cursor)
}

/// Steps over a module's auxiliary data behind its opcode.
pub(super) fn skip_aux(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    skip_id(cursor)?;
    let offset = cursor.offset();
    let tag = length::read_count(cursor, "a module's tag")?;
    if tag != UINT {
        return Err(Cursor::corrupt(offset, "tag 2", format!("tag {tag}")));
    }
    length::read_count(cursor, "when a module's data is to be loaded")?;
    skip_data(cursor)
}

/// Steps over modules' metadata of a key behind its opcode.
pub(super) fn skip_key_meta(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    let classes = length::read_count(cursor, "a number of classes of metadata")?;
    for _ in 0..classes {
        cursor.take(4)?;
        skip_data(cursor)?;
    }
    Ok(())
}

fn skip_data(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    while skip_item(cursor)? {}
    Ok(())
}

/// Steps over a module's id.
pub(super) fn skip_id(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    length::read_count(cursor, "a module's id").map(drop)
}

/// Steps over one tag with its data; answers whether more follow.
pub(super) fn skip_item(cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
    let offset = cursor.offset();
    match length::read_count(cursor, "a module's tag")? {
        END => return Ok(false),
        SINT | UINT => {
            length::read_count(cursor, "a module's integer")?;
        }
        FLOAT => {
            cursor.take(4)?;
        }
        DOUBLE => {
            cursor.take(8)?;
        }
        STRING => {
            Encoded::read(cursor)?;
        }
        tag => return Err(Cursor::corrupt(offset, "a tag of 0 to 5", format!("tag {tag}"))),
    }
    Ok(true)
}
