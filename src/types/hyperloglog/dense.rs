//! Dense registers: 6 bits each, the least significant bits of a byte first, so that four of them
//! lie in three bytes.
//!
//! ```text
//! byte 0   byte 1   byte 2
//! 11000000 22221111 33333322      the digit says whose bit it is
//! ```

use super::REGISTERS;

/// Bits of a register, and its largest value.
const BITS: usize = 6;
const MASK: u8 = (1 << BITS) - 1;
/// Bytes of all registers.
pub const BYTES: usize = REGISTERS * BITS / 8;

/// Raises a register to at least `value`. Returns whether it grew.
pub fn raise(registers: &mut [u8], index: usize, value: u8) -> bool {
    let (byte, shift) = (index * BITS / 8, index * BITS % 8);
    // The last register ends with the last byte: behind that there is nothing.
    let next = registers.get(byte + 1).copied().unwrap_or(0);
    let Some(first) = registers.get(byte) else { return false };
    let mut pair = u16::from_le_bytes([*first, next]);
    let old = (pair >> shift) as u8 & MASK;
    if old >= value {
        return false;
    }
    pair = pair & !(u16::from(MASK) << shift) | u16::from(value & MASK) << shift;
    let [low, high] = pair.to_le_bytes();
    registers[byte] = low;
    if let Some(byte) = registers.get_mut(byte + 1) {
        *byte = high;
    }
    true
}

/// Calls `see` with each register, in order.
#[inline]
pub fn each(registers: &[u8], mut see: impl FnMut(u8)) {
    let (triples, _) = registers.as_chunks::<3>();
    for [a, b, c] in triples {
        let four = u32::from_le_bytes([*a, *b, *c, 0]);
        for n in 0..4 {
            see((four >> (n * BITS)) as u8 & MASK);
        }
    }
}

/// Packs registers into `bytes`.
pub fn pack(registers: &[u8; REGISTERS], bytes: &mut [u8]) {
    for (four, to) in registers.chunks_exact(4).zip(bytes.chunks_exact_mut(3)) {
        let packed = four.iter().rev().fold(0u32, |packed, one| packed << BITS | u32::from(*one));
        to.copy_from_slice(&packed.to_le_bytes()[..3]);
    }
}
