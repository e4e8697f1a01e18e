//! The estimate: Ertl's improved raw estimator ("New cardinality estimation algorithms for
//! HyperLogLog sketches", 2017), in the order of operations that Redis has, so that the numbers
//! are the same.

use super::{Corrupt, Encoding, HEADER_BYTES, REGISTERS, RUN_BITS, dense, encoding, sparse};

/// Values that a register of 6 bits can have.
pub const VALUES: usize = 64;
/// How many registers have each value.
pub type Histogram = [u32; VALUES];

/// 1 / (2 ln 2).
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// Registers unpacked, to merge HyperLogLogs.
pub struct Registers(Box<[u8; REGISTERS]>);

impl Default for Registers {
    fn default() -> Self {
        Registers(Box::new([0; REGISTERS]))
    }
}

impl Registers {
    /// Those of one HyperLogLog.
    pub fn of(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut registers = Registers::default();
        registers.merge(bytes)?;
        Ok(registers)
    }

    /// The registers.
    pub fn values(&self) -> &[u8; REGISTERS] {
        &self.0
    }

    /// Raises each to at least what it is in this HyperLogLog.
    pub fn merge(&mut self, bytes: &[u8]) -> Result<(), Corrupt> {
        let registers = bytes.get(HEADER_BYTES..).unwrap_or_default();
        if encoding(bytes) == Some(Encoding::Dense) {
            let mut own = self.0.iter_mut();
            dense::each(registers, |value| {
                if let Some(own) = own.next() {
                    *own = value.max(*own);
                }
            });
            return Ok(());
        }
        let mut at = 0;
        sparse::each_run(registers, |value, count| {
            let run = self.0.get_mut(at..at + count).unwrap_or_default();
            run.iter_mut().for_each(|own| *own = value.max(*own));
            at += count;
        })
    }

    /// The estimate.
    pub fn count(&self) -> u64 {
        let mut histogram = [0; VALUES];
        self.0.iter().for_each(|value| histogram[usize::from(*value)] += 1);
        estimate(&histogram)
    }
}

/// The estimate from how many registers have each value.
pub fn estimate(histogram: &Histogram) -> u64 {
    const M: f64 = REGISTERS as f64;
    let longest = RUN_BITS as usize;
    let mut z = M * tau((M - f64::from(histogram[longest + 1])) / M);
    for value in (1..=longest).rev() {
        z += f64::from(histogram[value]);
        z *= 0.5;
    }
    z += M * sigma(f64::from(histogram[0]) / M);
    (ALPHA * M * M / z).round() as u64
}

/// Corrects for registers that are still 0.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}

/// Corrects for registers at the longest possible run.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if before == z {
            return z / 3.0;
        }
    }
}
