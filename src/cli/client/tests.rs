//! The client against a server that answers from a list.

use super::console::Trouble;
use super::options::{Options, Times};
use super::runner::Runner;
use super::{Failure, console, pipe};
use crate::resp::{Limits, Parsed, parse_multibulk};
use clap::Parser;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// What a server that answers from a list was sent: the requests of each connection.
type Seen = JoinHandle<Vec<Vec<String>>>;

/// Serves one connection after the other. Each is a list of answers, one a request; then it closes.
fn server(connections: &'static [&'static [&'static str]]) -> (u16, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move |answers: &&'static [&'static str]| {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = Vec::new();
        let answer = |answer: &&'static str| {
            let words = request(&mut stream, &mut buffer);
            stream.write_all(answer.as_bytes()).unwrap();
            words
        };
        answers.iter().map(answer).collect()
    };
    (port, std::thread::spawn(move || connections.iter().map(serve).collect()))
}

/// Reads a request and returns its words, with blanks between.
fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> String {
    loop {
        let mut words = Vec::new();
        if let Parsed::Frame { consumed } = parse_multibulk(buffer, &Limits::trusted(), &mut words)
        {
            let text =
                |word: &crate::resp::Arg| String::from_utf8_lossy(word.of(buffer)).into_owned();
            let text = words.iter().map(text).collect::<Vec<_>>().join(" ");
            buffer.drain(..consumed);
            return text;
        }
        let mut piece = [0; 1000];
        let read = stream.read(&mut piece).unwrap();
        assert_ne!(read, 0, "the client closed the connection");
        buffer.extend_from_slice(&piece[..read]);
    }
}

fn options(port: u16, more: &str) -> Options {
    let words = format!("coolcache-cli -h 127.0.0.1 -p {port} -a secret {more}");
    Options::parse_from(words.split_whitespace())
}

/// Runs lines of a console without a terminal; returns what it printed and what went wrong.
fn lines(options: Options, input: &str) -> (String, Trouble) {
    let mut out = Vec::new();
    let mut runner = Runner::new(options, false, &mut out);
    let trouble = console::run(&mut runner, input.as_bytes(), false).unwrap();
    (String::from_utf8(out).unwrap(), trouble)
}

#[test]
fn a_session_begins_with_what_was_asked_for() {
    let (port, seen) =
        server(&[&["+OK\r\n", "%1\r\n+proto\r\n:3\r\n", "+OK\r\n", "%1\r\n+a\r\n#t\r\n"]]);
    let mut out = Vec::new();
    let mut runner = Runner::new(options(port, "--user ann -n 3 -3 --no-raw"), false, &mut out);
    assert!(runner.run(&[b"HGETALL".to_vec(), b"k".to_vec()], Times::ONCE).unwrap());
    assert_eq!(runner.prompt(), format!("127.0.0.1:{port}[3]> "));
    assert_eq!(out, b"1# a => (true)\n");
    assert_eq!(seen.join().unwrap(), [["AUTH ann secret", "HELLO 3", "SELECT 3", "HGETALL k"]]);
}

#[test]
fn a_refused_password_is_told_but_a_refused_database_stops() {
    let (port, seen) = server(&[&["-ERR no password is set\r\n", "-ERR out of range\r\n"]]);
    let mut runner = Runner::new(options(port, "-n 99"), false, Vec::new());
    let outcome = runner.run(&[b"FLUSHDB".to_vec()], Times::ONCE);
    assert!(matches!(outcome, Err(Failure::Select { database: 99, .. })), "{outcome:?}");
    assert_eq!(seen.join().unwrap(), [["AUTH secret", "SELECT 99"]]);
}

#[test]
fn lines_go_on_after_errors_and_a_broken_connection() {
    let (port, seen) = server(&[
        &["+OK\r\n", "+OK\r\n", "-ERR no\r\n", "$2\r\nhi\r\n", ""],
        &["+OK\r\n", "+OK\r\n", ":2\r\n", "$6\r\na:b\r\nc\r\n", ""],
    ]);
    let input =
        "SELECT 5\n\nNO\nGET \"k\nGET 'a b'\nINCR n\nINCR n\nINFO\nSHUTDOWN\nexit\nINCR n\n";
    // The first INCR gets no reply. It may have been executed, so it is not sent again.
    let (printed, trouble) = lines(options(port, ""), input);
    let seen = seen.join().unwrap();
    assert_eq!(seen[0], ["AUTH secret", "SELECT 5", "NO", "GET a b", "INCR n"]);
    assert_eq!(seen[1], ["AUTH secret", "SELECT 5", "INCR n", "INFO", "SHUTDOWN"]);
    assert_eq!(printed, "OK\nERR no\n\nInvalid argument(s)\nhi\n2\na:b\r\nc");
    assert_eq!(trouble, Trouble { errors: true, failures: true });
}

#[test]
fn a_connection_that_was_closed_is_opened_again() {
    let (port, seen) = server(&[&["+OK\r\n", "+PONG\r\n"], &["+OK\r\n", "+PONG\r\n"]]);
    let mut out = Vec::new();
    let mut runner = Runner::new(options(port, ""), false, &mut out);
    runner.run(&[b"PING".to_vec()], Times::ONCE).unwrap();
    // The server closes behind its answer; that takes a moment to be seen.
    while !runner.is_closed() {
        std::thread::yield_now();
    }
    runner.run(&[b"PING".to_vec()], Times::ONCE).unwrap();
    assert_eq!(seen.join().unwrap(), [["AUTH secret", "PING"], ["AUTH secret", "PING"]]);
    assert_eq!(out, b"PONG\nPONG\n");
}

#[test]
fn a_transaction_shows_in_the_prompt() {
    let (port, _seen) =
        server(&[&["+OK\r\n", "+OK\r\n", "+QUEUED\r\n", ":1\r\n", "*1\r\n+OK\r\n"]]);
    let mut runner = Runner::new(options(port, ""), false, Vec::new());
    assert_eq!(runner.prompt(), "not connected> ");
    let mut prompt_after = |line: &str| {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        runner.run(&words, Times::ONCE).unwrap();
        runner.prompt()
    };
    assert_eq!(prompt_after("MULTI"), format!("127.0.0.1:{port}(TX)> "));
    assert_eq!(prompt_after("SELECT 2"), format!("127.0.0.1:{port}(TX)> "));
    assert_eq!(prompt_after("INCR n"), format!("127.0.0.1:{port}(TX)> "));
    assert_eq!(prompt_after("EXEC"), format!("127.0.0.1:{port}> "));
}

#[test]
fn a_command_repeats_until_an_error() {
    let (port, seen) = server(&[&["+OK\r\n", ":1\r\n", ":2\r\n", "-ERR full\r\n"]]);
    let (printed, trouble) = lines(options(port, "--json -2"), "5 INCR n\n");
    assert_eq!(printed, "1\n2\n{\"error\":\"ERR full\"}\n");
    assert_eq!(trouble, Trouble { errors: true, failures: false });
    assert_eq!(seen.join().unwrap()[0].len(), 4);
}

#[test]
fn a_subscription_prints_until_the_connection_ends() {
    let (port, _seen) = server(&[&[
        "+OK\r\n",
        ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n",
    ]]);
    let mut out = Vec::new();
    let mut runner = Runner::new(options(port, ""), false, &mut out);
    let outcome = runner.run(&[b"SUBSCRIBE".to_vec(), b"c".to_vec()], Times::ONCE);
    assert!(matches!(outcome, Err(Failure::Closed)), "{outcome:?}");
    assert_eq!(out, b"subscribe\nc\n1\nmessage\nc\nhi\n");
}

#[test]
fn mass_insertion_counts_replies() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = Vec::new();
        assert_eq!(request(&mut stream, &mut buffer), "AUTH secret");
        stream.write_all(b"+OK\r\n").unwrap();
        let sent = b"SET a 1\r\nNO\r\nGET a\r\n";
        let mut head = vec![0; sent.len()];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(head, sent);
        stream.write_all(b"+OK\r\n-ERR no\r\n$1\r\n1\r\n").unwrap();
        let last = request(&mut stream, &mut buffer);
        let last = last.strip_prefix("ECHO ").unwrap();
        write!(stream, "${}\r\n{last}\r\n", last.len()).unwrap();
    });
    let mut runner = Runner::new(options(port, ""), false, Vec::new());
    let input = &b"SET a 1\r\nNO\r\nGET a"[..];
    let tally = pipe::run(runner.connected().unwrap(), input, 30).unwrap();
    assert_eq!(tally, pipe::Tally { errors: 1, replies: 3 });
    server.join().unwrap();
}
