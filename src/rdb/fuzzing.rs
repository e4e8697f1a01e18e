//! Entry points for fuzzers. Each takes any bytes and asserts what must hold for all of them;
//! the tests run them over damaged files.

use super::{
    Entry, Fed, LoadError, LoadOptions, Loader, Modules, Refused, Rest, Sink, StringValue, Summary,
    dump, load,
};

/// Everything a sink can be told, as text that can be compared.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told(Vec<String>);

impl Sink for Told {
    fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        self.0.push(format!("aux {} {}", name.escape_ascii(), value.escape_ascii()));
        Ok(())
    }

    fn database(&mut self, db: u64) -> Result<(), Refused> {
        self.0.push(format!("db {db}"));
        Ok(())
    }

    fn resize(&mut self, db: u64, keys: u64, expires: u64) -> Result<(), Refused> {
        self.0.push(format!("resize {db} {keys} {expires}"));
        Ok(())
    }

    fn string(&mut self, entry: &Entry<'_>, value: StringValue<'_>) -> Result<(), Refused> {
        self.0.push(format!("{entry:?} {value:?}"));
        Ok(())
    }

    fn function(&mut self, code: &[u8]) -> Result<(), Refused> {
        self.0.push(format!("function {}", code.escape_ascii()));
        Ok(())
    }
}

/// Loads `bytes` as a file, whole and in pieces: both must tell the sink the same and end alike.
pub fn file(bytes: &[u8]) {
    let options = LoadOptions { verify_checksum: false, modules: Modules::Skip, rest: Rest::Allow };
    let mut told_whole = Told::default();
    let whole = load(bytes, &options, &mut told_whole);
    for size in [1, 7, 1024] {
        let mut told = Told::default();
        let pieces = in_pieces(bytes, size, options, &mut told);
        match (&whole, &pieces) {
            (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces),
            (Err(whole), Err(pieces)) => {
                assert_eq!(std::mem::discriminant(whole), std::mem::discriminant(pieces));
            }
            _ => panic!("whole: {whole:?}, in pieces of {size}: {pieces:?}"),
        }
        assert_eq!(told_whole, told);
    }
}

fn in_pieces(
    bytes: &[u8],
    size: usize,
    options: LoadOptions,
    sink: &mut dyn Sink,
) -> Result<Summary, LoadError> {
    let mut loader = Loader::new(options);
    for piece in bytes.chunks(size) {
        if let Fed::Ended { summary, .. } = loader.feed(piece, sink)? {
            return Ok(summary);
        }
    }
    Err(loader.ended_early())
}

/// Decodes `bytes` as a DUMP payload as they are, and once more with a right footer put behind
/// them; what decodes is encoded again to the same value.
pub fn dump(bytes: &[u8]) {
    again(bytes);
    again(&framed(bytes));
}

/// `body` (a type and a value) with the footer that makes it a DUMP payload.
pub fn framed(body: &[u8]) -> Vec<u8> {
    let mut payload = body.to_vec();
    payload.extend_from_slice(&super::opcodes::VERSION_WRITTEN.to_le_bytes());
    let checksum = super::crc::crc64(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

fn again(payload: &[u8]) {
    let (mut scratch, mut scratch2) = (Vec::new(), Vec::new());
    let Ok(dump::DumpValue::String(value)) = dump::decode(payload, &mut scratch) else { return };
    let mut encoded = Vec::new();
    dump::encode_string(value, true, &mut encoded);
    let decoded = dump::decode(&encoded, &mut scratch2).expect("our own payload is readable");
    let dump::DumpValue::String(decoded) = decoded;
    assert_eq!(text(value), text(decoded));
}

/// A value's text: an integer's digits and those digits as bytes are the same value.
fn text(value: StringValue<'_>) -> Vec<u8> {
    match value {
        StringValue::Bytes(bytes) => bytes.to_vec(),
        StringValue::Int(integer) => integer.to_string().into_bytes(),
    }
}
