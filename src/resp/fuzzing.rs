//! What the fuzz targets check (`fuzz/fuzz_targets`); the tests run the same over the seeds.
//!
//! These functions panic on a finding, which is what a fuzzer looks for. No server code calls them.

#![allow(clippy::panic, clippy::indexing_slicing, reason = "a finding is a panic")]

use super::decode::{Decoded, Decoder, OwnedReply};
use super::request::{Arg, Limits, Parsed, ProtocolError, Resume, parse};

/// Parses a stream whole and cut into pieces, and compares.
///
/// `data`: a byte that chooses limits, a count n, n piece lengths (0 as 256, used in turn), then
/// the stream.
pub fn request(data: &[u8]) {
    let Some((limits, data)) = data.split_first() else { return };
    let Some((cuts, stream)) = split_cuts(data) else { return };
    let limits = match limits % 4 {
        0 => Limits::default(),
        1 => Limits::unauthenticated(),
        2 => Limits { inline_max: 32, bulk_max: 64, args_max: 4, ..Limits::default() },
        _ => Limits::trusted(),
    };
    compare_cuts(stream, pieces(stream, cuts), &limits);
}

/// Decodes a stream of replies whole and cut into pieces, and compares. `data` is as for
/// [`request`], its first byte being the depth allowed.
pub fn reply(data: &[u8]) {
    let Some((&depth_max, data)) = data.split_first() else { return };
    let Some((cuts, stream)) = split_cuts(data) else { return };
    let whole = replies(stream, &[], usize::from(depth_max));
    let pieces = replies(stream, cuts, usize::from(depth_max));
    // By their text, since NaN is not equal to itself.
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
}

/// Checks that a stream parses the same whole and in the given pieces, and that every argument lies
/// in its frame.
pub(super) fn compare_cuts<'a>(
    stream: &[u8],
    pieces: impl Iterator<Item = &'a [u8]>,
    limits: &Limits,
) -> Session {
    let whole = requests_whole(stream, limits);
    assert_eq!(whole, requests_in_pieces(pieces, limits));
    whole
}

/// What a stream came to: its non-empty frames, and how it ended.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Session {
    pub(super) frames: Vec<Vec<Vec<u8>>>,
    pub(super) error: Option<ProtocolError>,
    /// Bytes of a frame that did not end.
    pub(super) rest: usize,
}

impl Session {
    /// Takes what was parsed at the beginning of `buffer`; returns how much that was, 0 to stop.
    fn take(&mut self, parsed: Parsed, buffer: &[u8], args: &mut Vec<Arg>) -> usize {
        match parsed {
            Parsed::Frame { consumed } => {
                assert!((1..=buffer.len()).contains(&consumed));
                for arg in args.iter() {
                    assert!(arg.range().end <= consumed, "an argument behind its frame");
                }
                if !args.is_empty() {
                    self.frames.push(args.drain(..).map(|arg| arg.of(buffer).to_vec()).collect());
                }
                consumed
            }
            Parsed::Partial { need } => {
                assert!(need > 0);
                assert!(args.is_empty());
                0
            }
            Parsed::Error(error) => {
                assert!(args.is_empty());
                self.error = Some(error);
                0
            }
        }
    }
}

/// Parses a stream that is there at once.
fn requests_whole(stream: &[u8], limits: &Limits) -> Session {
    let mut session = Session::default();
    let mut args = Vec::new();
    let mut buffer = stream.to_vec();
    let mut at = 0;
    loop {
        let rest = &mut buffer[at..];
        let parsed = parse(rest, limits, &mut args);
        let consumed = session.take(parsed, rest, &mut args);
        at += consumed;
        if consumed == 0 || at == buffer.len() {
            break;
        }
    }
    session.rest = if session.error.is_none() { buffer.len() - at } else { 0 };
    session
}

/// Parses a stream the way a connection does: new bytes behind the partial frame, which is resumed.
fn requests_in_pieces<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: &Limits) -> Session {
    let mut session = Session::default();
    let mut args = Vec::new();
    let mut buffer = Vec::new();
    let mut resume: Option<Resume> = None;
    let mut need = 0;
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let announced = std::mem::take(&mut need);
        while !buffer.is_empty() && session.error.is_none() {
            let parsed = match &mut resume {
                Some(resume) => resume.parse(&mut buffer, limits, &mut args),
                None => parse(&mut buffer, limits, &mut args),
            };
            if announced > piece.len() && resume.is_some() {
                assert!(
                    matches!(parsed, Parsed::Partial { .. } | Parsed::Error(_)),
                    "need was too high"
                );
            }
            let consumed = session.take(parsed, &buffer, &mut args);
            if let Parsed::Partial { need: more } = parsed {
                need = more;
                resume.get_or_insert_default();
                break;
            }
            resume = None;
            buffer.drain(..consumed);
        }
    }
    session.rest = if session.error.is_none() { buffer.len() } else { 0 };
    session
}

/// Decodes a stream of replies that arrives in pieces.
fn replies(stream: &[u8], cuts: &[u8], depth_max: usize) -> (Vec<OwnedReply>, Option<Decoded>) {
    let mut values = Vec::new();
    let mut buffer = Vec::new();
    let mut decoder = Decoder::new(depth_max);
    for piece in pieces(stream, cuts) {
        buffer.extend_from_slice(piece);
        while !buffer.is_empty() {
            match decoder.decode(&buffer) {
                Decoded::Value { consumed, value } => {
                    assert!((1..=buffer.len()).contains(&consumed));
                    values.push(value);
                    buffer.drain(..consumed);
                }
                Decoded::Partial => break,
                error => return (values, Some(error)),
            }
        }
    }
    (values, None)
}

/// Splits off piece lengths: a count, then as many bytes.
fn split_cuts(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&count, data) = data.split_first()?;
    data.split_at_checked(usize::from(count))
}

/// Cuts a stream into pieces of the given lengths, in turn; without any, into one.
fn pieces<'a>(stream: &'a [u8], cuts: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = stream;
    let mut lengths = cuts.iter().cycle();
    std::iter::from_fn(move || {
        let length = match lengths.next() {
            Some(0) => 256,
            Some(&length) => usize::from(length),
            None => rest.len(),
        };
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}
