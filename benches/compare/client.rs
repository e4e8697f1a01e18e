//! A plain client: one request, one reply.

use crate::Result;
use coolcache::resp::encode::write_request;
use std::io::{BufRead, BufReader, Error, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A connection to a server on this machine.
pub struct Client {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn connect(port: u16) -> Result<Client> {
        let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::with_capacity(1 << 16, stream), request: Vec::new() })
    }

    /// Calls, and returns the reply as text: a status, a number, a bulk string. An array is read to
    /// its end, and its length returned.
    ///
    /// # Errors
    /// The reply was an error, or the connection broke.
    pub fn call(&mut self, words: &[&str]) -> Result<String> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.request.clear();
        write_request(&mut self.request, &words);
        self.stream.get_mut().write_all(&self.request)?;
        self.reply()
    }

    /// One field of one section of INFO.
    pub fn info(&mut self, section: &str, field: &str) -> Result<String> {
        let text = self.call(&["INFO", section])?;
        let found = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let missing = || Error::other(format!("INFO {section} has no {field}"));
        found.map(|value| value.trim().to_owned()).ok_or_else(missing)
    }

    /// The same as a number.
    pub fn info_number(&mut self, section: &str, field: &str) -> Result<u64> {
        let value = self.info(section, field)?;
        value.parse().map_err(|_| Error::other(format!("{field}:{value} is no number")))
    }

    /// CoolCache's longest lock hold since CONFIG RESETSTAT, ms of CPU time: of the causes whose
    /// name begins so.
    pub fn longest_hold_ms(&mut self, cause: &str) -> Result<f64> {
        let text = self.call(&["INFO", "locks"])?;
        let of_cause = |line: &&str| {
            line.strip_prefix("lock_hold_").is_some_and(|rest| rest.starts_with(cause))
        };
        let fields = text.lines().filter(of_cause).flat_map(|line| line.split(','));
        let longest = fields.filter_map(|field| field.strip_prefix("longest="));
        let longest = longest.filter_map(|us| us.parse::<f64>().ok()).max_by(f64::total_cmp);
        longest.map(|us| us / 1000.0).ok_or_else(|| Error::other("INFO locks has no longest="))
    }

    fn reply(&mut self) -> Result<String> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).unwrap_or_default();
        let length = || rest.parse::<i64>().map_err(|_| Error::other(format!("odd reply {line}")));
        match kind {
            "+" | ":" => Ok(rest.to_owned()),
            "-" => Err(Error::other(rest.to_owned())),
            "$" if length()? < 0 => Ok(String::new()),
            "$" => {
                let mut bulk = vec![0; length()? as usize + 2];
                self.stream.read_exact(&mut bulk)?;
                bulk.truncate(bulk.len() - 2);
                Ok(String::from_utf8_lossy(&bulk).into_owned())
            }
            "*" => {
                for _ in 0..length()? {
                    self.reply()?;
                }
                Ok(rest.to_owned())
            }
            _ => Err(Error::other(format!("odd reply {line}"))),
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}
