//! The hash that places a key: rapidhash v3 with secrets drawn once per process.
//!
//! The top bits choose the page (see `node.rs`), the low twelve are kept in the page and compared
//! before an entry is touched. All secrets, not only the seed, differ from process to process, so
//! that nobody outside can prepare keys that meet in one page.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use rapidhash::v3::{RapidSecrets, rapidhash_v3_inline};

static SECRETS: OnceLock<RapidSecrets> = OnceLock::new();

/// Hashes a key with the secrets of this process.
#[inline]
pub fn hash(key: &[u8]) -> u64 {
    let secrets = SECRETS.get_or_init(random_secrets);
    rapidhash_v3_inline::<true, false, false>(key, secrets)
}

/// Fixes the secrets, so that a test or a simulation finds every key in the same page on each run.
///
/// Returns false, and changes nothing, if a key was already hashed: keys placed under other secrets
/// could not be found again.
pub fn fix_hash_seed(seed: u64) -> bool {
    SECRETS.set(RapidSecrets::seed(seed)).is_ok()
}

/// The standard library keys its own hash tables from the operating system's randomness; its first
/// output is as good a seed as reading the source again.
#[cold]
fn random_secrets() -> RapidSecrets {
    RapidSecrets::seed(RandomState::new().hash_one(0u64))
}
