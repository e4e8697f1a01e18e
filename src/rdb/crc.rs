//! The checksum of files and payloads: CRC-64 with Jones' polynomial 0xad93d23594c935a9,
//! reflected, initial value 0, no final inversion. Its value for "123456789" is
//! 0xe9c6d914c4b8d9ca.

use crc_fast::{CrcAlgorithm, Digest};

/// Sums bytes as they pass.
pub(super) struct Crc64(Digest);

impl Crc64 {
    pub(super) fn new() -> Crc64 {
        Crc64(Digest::new(CrcAlgorithm::Crc64Redis))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.finalize()
    }
}

/// The checksum of `bytes`.
pub(super) fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Redis, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, bit by bit.
    fn naive(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |crc, &byte| {
            (0..8).fold(crc ^ u64::from(byte), |crc, _| {
                // 0x95ac9329ac4bc9b5 is the polynomial with its bits reversed.
                if crc & 1 == 1 { crc >> 1 ^ 0x95ac_9329_ac4b_c9b5 } else { crc >> 1 }
            })
        })
    }

    #[test]
    fn the_check_value() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(naive(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc64(b""), 0);
    }

    #[test]
    fn in_pieces_of_any_size() {
        let bytes: Vec<u8> = (0..5000u32).map(|i| ((i * i) >> 3) as u8).collect();
        for size in [1, 7, 64, 255, 1024] {
            let mut crc = Crc64::new();
            bytes.chunks(size).for_each(|piece| crc.update(piece));
            assert_eq!(crc.value(), naive(&bytes), "pieces of {size}");
        }
        for length in 0..600 {
            assert_eq!(crc64(&bytes[..length]), naive(&bytes[..length]), "length {length}");
        }
    }
}
