//! (to come)
/// Settings.
#[derive(Debug, Default)]
pub struct Config;
