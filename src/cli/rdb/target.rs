//! What keys are loaded into: a server, or a data set that becomes a folder.

use crate::cli::client::connection::Connection;
use crate::cli::tool::Failure;
use crate::engine::offline::Offline;
use crate::resp::{Limits, OwnedReply, Parsed, parse_multibulk};
use clap::Args;
use std::io::Write;

/// How a server is reached and entered.
#[derive(Debug, Clone, Default, Args)]
pub struct Login {
    /// The user to authenticate as at a server
    #[arg(long, requires = "pass")]
    pub user: Option<String>,

    /// The password to authenticate with at a server; better given in the environment
    #[arg(long, env = "REDISCLI_AUTH", hide_env_values = true)]
    pub pass: Option<String>,
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A number.
    Number(i64),
    /// Something else that is no error.
    Good,
    /// An error.
    Error(String),
}

/// Takes requests.
pub trait Target {
    /// Runs `count` requests, encoded one behind the other; an answer to each, in order.
    fn run(&mut self, requests: &[u8], count: usize) -> Result<Vec<Answer>, Failure>;
}

/// A server.
pub struct Server {
    connection: Connection,
    address: String,
}

/// `HOST:PORT`. The port must be said: data is not to go where nobody meant it to go.
pub fn address(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some((if host.is_empty() { "127.0.0.1" } else { host }, port.parse().ok()?))
}

impl Server {
    /// Connects and authenticates.
    pub fn connect(address_text: &str, login: &Login) -> Result<Server, Failure> {
        let Some((host, port)) = address(address_text) else {
            return Err(Failure::new(format!("{address_text}: not HOST:PORT")));
        };
        let connection =
            Connection::open(host, port).map_err(Failure::about(format!("{host}:{port}")))?;
        let mut server = Server { connection, address: format!("{host}:{port}") };
        if let Some(pass) = &login.pass {
            let mut words = vec![b"AUTH".to_vec()];
            words.extend(login.user.as_ref().map(|user| user.clone().into_bytes()));
            words.push(pass.clone().into_bytes());
            if let OwnedReply::Error(text) = server.call(&words)? {
                return Err(server.failed(&String::from_utf8_lossy(&text)));
            }
        }
        Ok(server)
    }

    /// A failure of this server.
    pub fn failed(&self, text: &str) -> Failure {
        Failure::new(format!("{}: {text}", self.address))
    }

    /// Sends a request, and waits for its reply.
    pub fn call(&mut self, words: &[impl AsRef<[u8]>]) -> Result<OwnedReply, Failure> {
        self.connection.send(words).map_err(Failure::about(&self.address))?;
        self.receive()
    }

    /// Sends encoded requests.
    pub fn send_encoded(&mut self, requests: &[u8]) -> Result<(), Failure> {
        self.connection.stream().write_all(requests).map_err(Failure::about(&self.address))
    }

    /// Waits for a reply.
    pub fn receive(&mut self) -> Result<OwnedReply, Failure> {
        let reply = self.connection.receive().map_err(Failure::about(&self.address))?;
        reply.ok_or_else(|| self.failed("no reply"))
    }
}

impl Target for Server {
    fn run(&mut self, requests: &[u8], count: usize) -> Result<Vec<Answer>, Failure> {
        self.send_encoded(requests)?;
        let mut answers = Vec::with_capacity(count);
        while answers.len() < count {
            answers.push(match self.receive()? {
                OwnedReply::Push(_) => continue,
                OwnedReply::Int(number) => Answer::Number(number),
                OwnedReply::Error(text) => Answer::Error(String::from_utf8_lossy(&text).into()),
                _ => Answer::Good,
            });
        }
        Ok(answers)
    }
}

/// A data set in memory: writes as the server's own replay runs them, and EXISTS.
impl Target for Offline {
    fn run(&mut self, requests: &[u8], count: usize) -> Result<Vec<Answer>, Failure> {
        let mut answers = Vec::with_capacity(count);
        let (mut rest, limits, mut args) = (requests, Limits::default(), Vec::new());
        while !rest.is_empty() {
            args.clear();
            let Parsed::Frame { consumed } = parse_multibulk(rest, &limits, &mut args) else {
                return Err(Failure::new("a request that is too long for the server"));
            };
            let (frame, behind) = rest.split_at(consumed);
            let words: Vec<&[u8]> = args.iter().map(|arg| arg.of(frame)).collect();
            rest = behind;
            answers.push(match words.as_slice() {
                [b"EXISTS", key] => Answer::Number(i64::from(self.exists(key))),
                words => match self.command(words) {
                    Ok(()) => Answer::Good,
                    Err(error) => Answer::Error(error.to_string()),
                },
            });
        }
        debug_assert_eq!(answers.len(), count);
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("localhost:7000", Some(("localhost", 7000))),
            ("localhost", None),
            (":7000", Some(("127.0.0.1", 7000))),
            ("[::1]:7000", Some(("::1", 7000))),
            ("host:port", None),
            ("host:70000", None),
        ] {
            assert_eq!(address(text), expected, "{text}");
        }
    }
}
