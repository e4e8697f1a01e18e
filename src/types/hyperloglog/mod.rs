//! HyperLogLog: an estimate of how many different elements were added, in at most 12 KiB.
//!
//! The bytes are those of Redis (`hyperloglog.c`), since they are an ordinary string: clients GET
//! them, SET them elsewhere, and compare them.
//!
//! ```text
//! "HYLL"  encoding: 0 dense, 1 sparse   3 unused bytes   cardinality: u64 LE, top bit: outdated
//!   4                1                        3                8                then registers
//! ```
//!
//! There are 16,384 registers of 6 bits. An element's hash names one by its low 14 bits; the
//! register keeps the longest run of zeros seen in the other 50, plus one. Dense: all registers
//! packed, 12,288 bytes ([`dense`]). Sparse: runs of equal registers ([`sparse`]), as long as no
//! register is above 32 and the string no longer than `hll-sparse-max-bytes`.

mod dense;
mod estimate;
mod hash;
mod sparse;
#[cfg(test)]
mod tests;

pub use estimate::Registers;

/// Registers of a HyperLogLog: 2^14.
pub const REGISTERS: usize = 1 << INDEX_BITS;
const INDEX_BITS: u32 = 14;
/// Bits of a hash that runs of zeros are looked for in.
const RUN_BITS: u32 = 64 - INDEX_BITS;

const HEADER_BYTES: usize = 16;
const MAGIC: &[u8] = b"HYLL";
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// The byte of the header that says whether the cached cardinality is outdated, by its top bit.
const OUTDATED_AT: usize = HEADER_BYTES - 1;
const OUTDATED: u8 = 0x80;

/// Length of a dense HyperLogLog in bytes.
pub const DENSE_BYTES: usize = HEADER_BYTES + dense::BYTES;

/// How a HyperLogLog's registers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// All of them, 6 bits each.
    Dense,
    /// Runs of equal ones.
    Sparse,
}

impl Encoding {
    /// What PFDEBUG ENCODING calls it.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        }
    }
}

/// The header is one, but the sparse registers behind it are not 16,384.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// What adding did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// Registers that grew.
    pub updated: u64,
    /// Whether sparse registers became dense only because they would have taken more bytes than
    /// allowed: whoever repeats the same without that limit gets other bytes.
    pub by_limit: bool,
}

/// The encoding of a string, if it is a HyperLogLog by its header and, if dense, by its length.
pub fn encoding(bytes: &[u8]) -> Option<Encoding> {
    let header = bytes.get(..HEADER_BYTES)?;
    match *header.strip_prefix(MAGIC)?.first()? {
        DENSE if bytes.len() == DENSE_BYTES => Some(Encoding::Dense),
        SPARSE => Some(Encoding::Sparse),
        _ => None,
    }
}

/// An empty one: sparse, its cardinality outdated as after every change.
pub fn empty() -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[MAGIC.len()] = SPARSE;
    bytes[OUTDATED_AT] = OUTDATED;
    bytes.extend_from_slice(&sparse::EMPTY);
    bytes
}

/// Adds elements to a HyperLogLog. Sparse registers become dense if the string would be longer than
/// `sparse_bytes_max` bytes, or a register greater than 32. On an error the bytes may be half
/// changed.
pub fn add(
    bytes: &mut Vec<u8>,
    elements: &[&[u8]],
    sparse_bytes_max: usize,
) -> Result<Added, Corrupt> {
    let mut added = Added::default();
    for element in elements {
        let (index, run) = place(element);
        raise(bytes, index, run, sparse_bytes_max, &mut added)?;
    }
    if added.updated > 0 {
        set_outdated(bytes);
    }
    Ok(added)
}

/// Adds elements to dense registers where they lie; returns how many grew.
pub fn add_dense(bytes: &mut [u8], elements: &[&[u8]]) -> u64 {
    let Some((header, registers)) = bytes.split_at_mut_checked(HEADER_BYTES) else { return 0 };
    let mut updated = 0;
    for element in elements {
        let (index, run) = place(element);
        updated += u64::from(dense::raise(registers, index, run));
    }
    if updated > 0 {
        header[OUTDATED_AT] |= OUTDATED;
    }
    updated
}

/// The register that an element belongs to, and the value it raises it to at least.
pub fn place(element: &[u8]) -> (usize, u8) {
    let hash = hash::murmur64a(element);
    // The extra bit ends the longest possible run.
    let runs = hash >> INDEX_BITS | 1 << RUN_BITS;
    (hash as usize % REGISTERS, runs.trailing_zeros() as u8 + 1)
}

/// Raises one register to at least `value`.
fn raise(
    bytes: &mut Vec<u8>,
    index: usize,
    value: u8,
    sparse_bytes_max: usize,
    added: &mut Added,
) -> Result<(), Corrupt> {
    if encoding(bytes) == Some(Encoding::Sparse) {
        match sparse::raise(bytes, HEADER_BYTES, index, value, sparse_bytes_max)? {
            sparse::Raised::Kept => return Ok(()),
            sparse::Raised::Grown => {
                added.updated += 1;
                return Ok(());
            }
            sparse::Raised::TooGreat => {}
            sparse::Raised::TooLong => added.by_limit = true,
        }
        make_dense(bytes)?;
    }
    let registers = bytes.get_mut(HEADER_BYTES..).unwrap_or_default();
    added.updated += u64::from(dense::raise(registers, index, value));
    Ok(())
}

/// Makes the registers dense. Returns whether they were not; the cached cardinality stays.
pub fn make_dense(bytes: &mut Vec<u8>) -> Result<bool, Corrupt> {
    if encoding(bytes) == Some(Encoding::Dense) {
        return Ok(false);
    }
    let registers = Registers::of(bytes)?;
    let mut dense = vec![0; DENSE_BYTES];
    let (header, packed) = dense.split_at_mut(HEADER_BYTES);
    header.copy_from_slice(bytes.get(..HEADER_BYTES).ok_or(Corrupt)?);
    header[MAGIC.len()] = DENSE;
    dense::pack(registers.values(), packed);
    *bytes = dense;
    Ok(true)
}

/// Raises the registers of `bytes` to `registers`, in which they are merged already (how many grew
/// is not counted), after making them dense if `make_it_dense`. What was said of `sparse_bytes_max`
/// at [`add`] goes here too.
pub fn merge(
    bytes: &mut Vec<u8>,
    registers: &Registers,
    make_it_dense: bool,
    sparse_bytes_max: usize,
) -> Result<Added, Corrupt> {
    if make_it_dense {
        make_dense(bytes)?;
    }
    let mut added = Added::default();
    if encoding(bytes) == Some(Encoding::Dense) {
        dense::pack(registers.values(), bytes.get_mut(HEADER_BYTES..).unwrap_or_default());
        set_outdated(bytes);
        return Ok(added);
    }
    for (index, value) in registers.values().iter().enumerate().filter(|(_, value)| **value > 0) {
        raise(bytes, index, *value, sparse_bytes_max, &mut added)?;
    }
    set_outdated(bytes);
    Ok(added)
}

/// The cardinality in the header, unless it is outdated. Redis keeps the one of the last PFCOUNT
/// there; we only use what came with the bytes.
pub fn cached_count(bytes: &[u8]) -> Option<u64> {
    let card = bytes.get(HEADER_BYTES - 8..)?.first_chunk()?;
    (card[7] & OUTDATED == 0).then(|| u64::from_le_bytes(*card))
}

/// Puts the estimate into the header, as Redis' PFCOUNT does.
pub fn cache_count(bytes: &mut [u8]) -> Result<(), Corrupt> {
    let count = count(bytes)?;
    let card = bytes.get_mut(HEADER_BYTES - 8..HEADER_BYTES).ok_or(Corrupt)?;
    card.copy_from_slice(&count.to_le_bytes());
    Ok(())
}

/// The estimate from the registers of one HyperLogLog.
pub fn count(bytes: &[u8]) -> Result<u64, Corrupt> {
    let registers = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let mut histogram = [0; estimate::VALUES];
    match encoding(bytes) {
        Some(Encoding::Dense) => dense::each(registers, |value| histogram[usize::from(value)] += 1),
        _ => sparse::each_run(registers, |value, run| histogram[usize::from(value)] += run as u32)?,
    }
    Ok(estimate::estimate(&histogram))
}

/// Sparse registers as PFDEBUG DECODE shows them.
pub fn describe(bytes: &[u8]) -> String {
    sparse::describe(bytes.get(HEADER_BYTES..).unwrap_or_default())
}

fn set_outdated(bytes: &mut [u8]) {
    if let Some(byte) = bytes.get_mut(OUTDATED_AT) {
        *byte |= OUTDATED;
    }
}
