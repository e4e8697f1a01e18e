//! Placeholder of the flips tests.
