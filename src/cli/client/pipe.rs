//! Mass insertion (`--pipe`): the standard input goes to the server as it is, and the replies are
//! counted.

use super::Failure;
use super::connection::Connection;
use crate::base::rng;
use crate::resp::OwnedReply;
use crate::resp::encode::write_request;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How often the reader looks whether everything was sent.
const TICK: Duration = Duration::from_secs(1);

/// Bytes sent at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// What was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Error replies; also in `replies`.
    pub errors: u64,
    /// Replies.
    pub replies: u64,
}

/// Sends the input and counts replies until the last has come. Errors are told as they come.
///
/// Sending and reading go on at the same time, else both sides could wait for the other to read.
/// Behind the input goes an ECHO of a random word: when that comes back, the replies before it were
/// all. After everything was sent, the server may be silent for `timeout_s` seconds; 0 is for ever.
pub(super) fn run(
    connection: &mut Connection,
    input: impl Read + Send + 'static,
    timeout_s: u64,
) -> Result<Tally, Failure> {
    let last = rng::hex40().into_bytes();
    let stream = connection.stream().try_clone().map_err(Failure::Connection)?;
    stream.set_read_timeout(Some(TICK)).map_err(Failure::Connection)?;
    let mut sender = Some({
        let last = last.clone();
        std::thread::spawn(move || send(input, stream, &last))
    });
    let mut tally = Tally::default();
    let mut silent_s = 0;
    loop {
        let Some(reply) = connection.receive()? else {
            if let Some(ended) = sender.take_if(|sender| sender.is_finished()) {
                ended.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            silent_s = if sender.is_none() { silent_s + TICK.as_secs() } else { 0 };
            if timeout_s > 0 && silent_s >= timeout_s {
                return Err(Failure::Silent(timeout_s));
            }
            continue;
        };
        silent_s = 0;
        match reply {
            OwnedReply::Bulk(text) if text == last => break,
            OwnedReply::Push(_) => continue,
            OwnedReply::Error(text) => {
                eprintln!("{}", String::from_utf8_lossy(&text));
                tally.errors += 1;
            }
            _ => {}
        }
        tally.replies += 1;
    }
    say("Last reply received from server.")?;
    Ok(tally)
}

/// Copies the input to the server, and behind it the request whose reply is the last.
fn send(mut input: impl Read, mut stream: TcpStream, last: &[u8]) -> Result<(), Failure> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match input.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => stream.write_all(&piece[..read]).map_err(Failure::Connection)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::Input(error)),
        }
    }
    // Ends an inline request whose line was not; an empty line means nothing.
    let mut end = b"\r\n".to_vec();
    write_request(&mut end, &[b"ECHO", last]);
    stream.write_all(&end).map_err(Failure::Connection)?;
    say("All data transferred. Waiting for the last reply...")
}

/// Tells the user how far it is.
pub(super) fn say(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{text}").map_err(Failure::Output)
}
