//! Whoever speaks HTTP: a browser that some web page has made to send a request to this port.
//!
//! The lines of such a request would be taken for inline requests, and its body for real ones
//! (cross-protocol scripting). So the line of a POST ends the connection, and so does the `Host:`
//! line of every other request: nothing behind it is run, as in Redis and Valkey.

use super::Engine;
use super::dispatch::{Done, Flow};
use crate::admin::ClientId;
use crate::base::clock::UnixMs;

/// Between two warnings (Valkey's value): whoever is attacked is not to have the log filled too.
const WARNING_EVERY_MS: u64 = 60_000;

/// When the last warning was written.
#[derive(Default)]
pub(super) struct Warned(Option<UnixMs>);

impl Warned {
    /// Whether another one is due, which is then written.
    fn is_due(&mut self, now: UnixMs) -> bool {
        let is_due = self.0.is_none_or(|last| now.since_ms(last) > WARNING_EVERY_MS || now < last);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

/// Whether a request that names no command begins as a line of HTTP does.
#[cold]
pub(super) fn is_http(arguments: &[&[u8]]) -> bool {
    let Some(name) = arguments.first() else { return false };
    ["post", "host:"].iter().any(|word| name.eq_ignore_ascii_case(word.as_bytes()))
}

impl Engine {
    /// Ends a connection that speaks HTTP, after the replies to what came before.
    #[cold]
    pub(super) fn hang_up(&mut self, client: ClientId) -> Done {
        if self.http_warned.is_due(self.now) {
            let address = self.admin.clients.session(client).address_text();
            tracing::warn!(
                address,
                "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or \
                 Host: lines to this server, as a browser does for a web page that reaches for it \
                 (cross-protocol scripting). The connection was closed."
            );
        }
        Done::now(Flow::Close)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_a_minute_apart() {
        let mut warned = Warned::default();
        let times = [5, 6, 60_005, 60_006, 60_007, 3, 4];
        let due: Vec<bool> = times.iter().map(|ms| warned.is_due(UnixMs(*ms))).collect();
        assert_eq!(due, [true, false, false, true, false, true, false]);
    }

    #[test]
    fn lines_of_http() {
        for (line, expected) in [
            ("POST / HTTP/1.1", true),
            ("post", true),
            ("Host: example.com", true),
            ("hOsT:", true),
            ("HOST", false),
            ("Host:example.com", false),
            ("POSTS", false),
            ("", false),
        ] {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            assert_eq!(is_http(&words), expected, "{line}");
        }
        assert!(!is_http(&[]));
    }
}
