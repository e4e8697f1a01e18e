//! Placeholder of the faults tests.
