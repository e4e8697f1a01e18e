//! A session as one line of CLIENT LIST: Valkey 9.1's fields, in its order.
//!
//! What this server has no counterpart of is 0: a connection has no reply buffer of its own (`rbs`,
//! `rbp`, `obl`, `oll`: its worker's output arena has them all), and an idle one no query buffer
//! (`qbuf-free`). Fields of features that are not there yet stand at what Redis prints for a client
//! that does not use them.

use super::Session;
use crate::base::clock::UnixMs;
use crate::resp::Protocol;
use std::io::Write;
use std::net::SocketAddr;

/// Every letter that `flags=` may have in Valkey, which is what the FLAGS filter accepts.
pub const FLAGS: &[u8] = b"bcdeirtuxABEIMNOPRSTU";
/// Every letter that `capa=` may have.
pub const CAPABILITIES: &[u8] = b"r";

impl Session {
    /// Whole seconds since it connected.
    pub fn age_seconds(&self, now: UnixMs) -> u64 {
        now.0.saturating_sub(self.connected_at.0) / 1000
    }

    /// Whole seconds since its last command.
    pub fn idle_seconds(&self, now: UnixMs) -> u64 {
        now.0.saturating_sub(self.last_seen.0) / 1000
    }

    /// The peer as CLIENT LIST shows it: `ip:port`, `?:0` without a socket.
    pub fn address_text(&self) -> String {
        text_of(self.address)
    }

    /// The local address, likewise.
    pub fn local_address_text(&self) -> String {
        text_of(self.local_address)
    }

    /// `flags=`: b blocked, c closing, r READONLY, e NO-EVICT, T NO-TOUCH; N if there is none.
    pub fn flags(&self) -> String {
        let all = [
            (self.is_blocked(), 'b'),
            (self.closing, 'c'),
            (self.readonly, 'r'),
            (self.no_evict, 'e'),
            (self.no_touch, 'T'),
        ];
        let set: String = all.iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect();
        if set.is_empty() { "N".to_owned() } else { set }
    }

    /// `capa=`: r for redirect.
    pub fn capabilities(&self) -> &'static str {
        if self.redirect_capable { "r" } else { "" }
    }

    /// The user it runs as. There is one until ACLs come.
    pub fn user(&self) -> &'static str {
        "default"
    }

    /// Appends its line, with the newline. `argument_bytes` is the length of the arguments of the
    /// command it runs, 0 if it runs none.
    pub fn describe(&self, now: UnixMs, argument_bytes: usize, out: &mut Vec<u8>) {
        let own_bytes = size_of::<Session>()
            + self.name.capacity()
            + self.library_name.capacity()
            + self.library_version.capacity();
        let total = own_bytes + argument_bytes + self.query_buffer_bytes + self.output_bytes;
        let events = if self.output_bytes > 0 { "rw" } else { "r" };
        let resp = match self.protocol {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        };
        // Names are printable ASCII: CLIENT SETNAME and SETINFO take nothing else.
        let name = String::from_utf8_lossy(&self.name);
        let library_name = String::from_utf8_lossy(&self.library_name);
        let library_version = String::from_utf8_lossy(&self.library_version);
        writeln!(
            out,
            "id={} addr={} laddr={} fd={} name={name} age={} idle={} flags={} capa={} db={} \
             sub=0 psub=0 ssub=0 multi=-1 watch=0 qbuf={} qbuf-free=0 argv-mem={argument_bytes} \
             multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem={} tot-mem={total} events={events} cmd={} \
             user={} redir=-1 resp={resp} lib-name={library_name} lib-ver={library_version} \
             tot-net-in={} tot-net-out={} tot-cmds={}",
            self.id,
            self.address_text(),
            self.local_address_text(),
            self.descriptor,
            self.age_seconds(now),
            self.idle_seconds(now),
            self.flags(),
            self.capabilities(),
            self.db.0,
            self.query_buffer_bytes,
            self.output_bytes,
            self.last_command,
            self.user(),
            self.bytes_in,
            self.bytes_out,
            self.commands,
        )
        .expect("writing to memory does not fail");
    }
}

fn text_of(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "?:0".to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::Db;

    #[test]
    fn the_line_has_every_field_in_order() {
        let mut session = Session::new(12, 0, 3, UnixMs(10_000), true);
        session.address = "127.0.0.1:50000".parse().ok();
        session.local_address = "[::1]:6379".parse().ok();
        session.descriptor = 11;
        session.name = b"bob".to_vec();
        session.db = Db(5);
        session.last_seen = UnixMs(12_500);
        session.last_command = "client|info";
        session.no_touch = true;
        session.readonly = true;
        session.redirect_capable = true;
        session.library_name = b"jedis".to_vec();
        session.library_version = b"1.2".to_vec();
        (session.bytes_in, session.bytes_out, session.commands) = (26, 300, 4);
        (session.query_buffer_bytes, session.output_bytes) = (7, 9);
        let mut line = Vec::new();
        session.describe(UnixMs(14_000), 10, &mut line);
        let line = String::from_utf8(line).unwrap();
        let total = line.split(" tot-mem=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        assert!(total.parse::<usize>().unwrap() > size_of::<Session>());
        assert_eq!(
            line.replace(total, "T"),
            "id=12 addr=127.0.0.1:50000 laddr=[::1]:6379 fd=11 name=bob age=4 idle=1 flags=rT capa=r \
             db=5 sub=0 psub=0 ssub=0 multi=-1 watch=0 qbuf=7 qbuf-free=0 argv-mem=10 multi-mem=0 \
             rbs=0 rbp=0 obl=0 oll=0 omem=9 tot-mem=T events=rw cmd=client|info user=default \
             redir=-1 resp=2 lib-name=jedis lib-ver=1.2 tot-net-in=26 tot-net-out=300 tot-cmds=4\n"
        );
    }

    #[test]
    fn a_session_without_a_socket_and_without_flags() {
        let session = Session::new(1, 0, 0, UnixMs(0), true);
        assert_eq!((session.address_text(), session.flags()), ("?:0".to_owned(), "N".to_owned()));
        assert_eq!(session.capabilities(), "");
        // A clock that was set back gives no huge age.
        let later = Session::new(1, 0, 0, UnixMs(9000), true);
        assert_eq!((later.age_seconds(UnixMs(1000)), later.idle_seconds(UnixMs(1000))), (0, 0));
    }
}
