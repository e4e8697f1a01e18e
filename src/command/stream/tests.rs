//! The transcripts of the group.
