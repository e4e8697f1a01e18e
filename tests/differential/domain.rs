//! The arguments' values: few and small, so that commands meet each other, with the edges among
//! them.

use super::collections::Collections;
use super::keys::Pool;
use coolcache::base::rng::Rng;
use coolcache::command::Group;

/// Databases that are used; the others stay empty.
pub const DATABASES: u64 = 3;

/// Draws values.
pub struct Domain {
    /// Chance.
    pub rng: Rng,
    /// DUMP payloads that were answered.
    pub payloads: Vec<Vec<u8>>,
    /// Whether the peer is Redis 7.0. It keeps what is set with an expiry that is past until it
    /// looks at it, and counts it in DBSIZE and DEBUG DIGEST until then: Valkey, except for MSETEX,
    /// and we do not store it. It prints some scores with 17 digits, as nobody else does. And its
    /// XSETID goes below what was deleted, from where XADD goes on.
    pub is_old: bool,
    /// The pool of the request in hand.
    pub pool: Pool,
    /// The key that was drawn last.
    pub last_key: Vec<u8>,
    /// What the values of collections need.
    pub collections: Collections,
    /// How many times from now were drawn.
    times: u64,
}

impl Domain {
    /// A domain whose draws follow from `seed`.
    pub fn new(seed: u64) -> Domain {
        let rng = Rng::from_seed(seed);
        Domain {
            rng,
            payloads: Vec::new(),
            is_old: false,
            pool: Pool::String,
            last_key: Vec::new(),
            collections: Collections::default(),
            times: 0,
        }
    }

    /// Begins a request of a command of `group`; of one that grows collections, now and then with
    /// many different members.
    pub fn begin(&mut self, group: Group, is_growing: bool) {
        const RUN_PERCENT: u64 = 4;
        self.pool = Pool::of_group(group, &mut self.rng);
        self.collections.run = (is_growing && self.percent(RUN_PERCENT))
            .then(|| self.rng.below(3) * 1_000_000 + self.rng.below(700));
    }

    /// Whether many different members are to come.
    pub fn has_run(&self) -> bool {
        self.collections.run.is_some()
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.rng.below(100) < percent
    }

    pub(super) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.rng.index(of.len())].clone()
    }

    pub(super) fn text(&mut self, of: &[&str]) -> Vec<u8> {
        of[self.rng.index(of.len())].as_bytes().to_vec()
    }

    /// A key, mostly of the pool in hand.
    pub fn key(&mut self) -> Vec<u8> {
        let key = self.pool.key(&mut self.rng);
        self.last_key.clone_from(&key);
        key
    }

    /// What stands for the argument `name` of `command`, which is of `group`.
    ///
    /// # Panics
    /// If nobody said what it may be: a new command's arguments get their values here.
    pub fn value(&mut self, group: Group, command: &str, name: &str) -> Vec<u8> {
        self.of_collection(group, command, name).unwrap_or_else(|| self.of_any(command, name))
    }

    fn of_any(&mut self, command: &str, name: &str) -> Vec<u8> {
        if command.starts_with("cluster|") || command.starts_with("module|") {
            return self.text(&["0", "1", "16383", "node", ""]);
        }
        match (command, name) {
            ("config|get", "parameter") => self.text(PARAMETER_PATTERNS),
            ("object|help" | "memory|usage", "count") => self.text(&["0", "5"]),
            ("incrbyfloat", "increment") => self.float(),
            ("restore", "ttl") => self.ttl(),
            ("restore", "seconds") => {
                self.text(&["0", "1000", "1000", "50000", "50000", "-1", "x"])
            }
            ("restore", "frequency") => self.text(&["0", "5", "255", "256", "-1", "x"]),
            ("client|kill" | "client|list", _) => self.filter(name),
            ("bitfield" | "bitfield_ro", "increment" | "value") => self.integer(),
            ("bitfield" | "bitfield_ro", "offset") => self.field_offset(),
            ("setbit", "value") => self.text(&["0", "1", "1", "0", "1", "2", "x"]),
            ("increx", "increment" | "lowerbound" | "upperbound") => self.integer(),
            ("pfdebug", "subcommand") => self.text(&["ENCODING", "DECODE", "TODENSE", "GETREG"]),
            (_, "key" | "key1" | "key2" | "newkey" | "source" | "destination") => self.key(),
            (_, "destkey" | "sourcekey") => self.key(),
            (_, "bit") => self.text(&["0", "1", "1", "0", "1", "2", "x"]),
            (_, "encoding") => self.text(ENCODINGS),
            (_, "element") => self.integer(),
            (_, "comparison-digest") => self.text(&["2d06800538d394c2", "9555e8555c62dcfd", "x"]),
            (_, "value" | "message" | "comparison-value" | "error-text") => self.string(),
            (_, "increment" | "decrement" | "integer") => self.integer(),
            (_, "offset") => self.offset(),
            (_, "start" | "end") => self.index(),
            (_, "min-match-len") => self.text(&["0", "1", "2", "4", "-1", "100", "x"]),
            ("client|unblock", "client-id") => self.text(&["999999999", "0", "-1", "x"]),
            (_, "seconds") => self.time(1, false),
            (_, "milliseconds") => self.time(1000, false),
            (_, "unix-time-seconds" | "unix-time-milliseconds") => {
                let units = if name.ends_with("milliseconds") { 1000 } else { 1 };
                let time = self.time(units, true);
                let is_past = matches!(time.as_slice(), b"1" | b"1000");
                let keeps = command == "msetex" || !command.contains("expire") && self.is_old;
                if is_past && keeps { b"0".to_vec() } else { time }
            }
            (_, "serialized-value") => self.payload(),
            (_, "pattern") => self.text(PATTERNS),
            (_, "cursor") => self.text(&["0", "0", "0", "0", "0", "0", "x", "-1", ""]),
            (_, "count") => self.text(&["1", "2", "10", "1000", "1000", "0", "-1", "x"]),
            (_, "type") => self.text(TYPES),
            (_, "db" | "destination-db" | "index" | "index1" | "index2") => self.database(),
            (_, "username") => self.text(&["default", "default", "nobody", ""]),
            (_, "password") => self.text(&["", "secret"]),
            (_, "protover") => self.text(&["2", "3", "2", "3", "2", "3", "1", "4", "x"]),
            (_, "clientname" | "connection-name" | "libname" | "libver") => {
                self.text(&["bob", "alice", "", "bob smith", "lib-1.0", "a\nb"])
            }
            (_, "capability") => self.text(&["redirect", "REDIRECT", "telepathy"]),
            ("latency|graph" | "latency|history" | "latency|reset", "event") => {
                self.text(&["command", "fast-command", "fork", "nosuch", ""])
            }
            (_, "on-off") => self.text(&["0", "1"]),
            _ => panic!("no values are known for the argument {name} of {command}"),
        }
    }

    /// A parameter and its value, for CONFIG SET.
    pub fn parameter(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (name, values) = PARAMETERS[self.rng.index(PARAMETERS.len())];
        (name.as_bytes().to_vec(), self.text(values))
    }

    /// A string value.
    pub fn string(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..3 => self.text(&["", "a", "hello", "ohmytext", "mynewtext"]),
            3..6 => self.integer(),
            6 => self.float(),
            7 => b"\x00\xff\r\n\x80binary".to_vec(),
            _ => {
                let length = self.one(&[7, 43, 44, 45, 63, 64, 65, 128, 511, 512, 513]);
                self.long(length)
            }
        }
    }

    fn long(&mut self, length: usize) -> Vec<u8> {
        let period = self.one(&[1usize, 7, 1000]);
        let mut bytes = Vec::with_capacity(length);
        for n in 0..length {
            let byte = if n < period { b'a' + self.rng.index(26) as u8 } else { bytes[n - period] };
            bytes.push(byte);
        }
        bytes
    }

    pub(super) fn integer(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..14 => (self.rng.below(200) as i64 - 50).to_string().into_bytes(),
            14 => self.text(&["9223372036854775807", "-9223372036854775808"]),
            15 => {
                self.text(&["9223372036854775806", "-9223372036854775807", "4611686018427387904"])
            }
            16 => self.text(&["9999", "10000", "127", "128", "-129", "32768", "2147483648"]),
            17 => (self.rng.u64() as i64 >> self.rng.below(63)).to_string().into_bytes(),
            _ => self.text(&["+1", " 1", "1 ", "01", "-0", "9223372036854775808", "1.0", "x", ""]),
        }
    }

    pub(super) fn float(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..5 => {
                let number = self.rng.below(20_000) as f64 / 100.0 - 100.0;
                number.to_string().into_bytes()
            }
            5 => self.integer(),
            6 => self.text(&["1e3", "5e-324", "1e17", "-1.5E+2", "0x10", "1e308", "-1e308"]),
            7 => self.text(&["0.1", "0.2", "3.0000000000000001", "1.7976931348623157e308", ".5"]),
            8 => self.text(&["1e4000", "-1e4932", "1e-4940", "100000000000000000000", "5."]),
            _ => self.text(&["nan", "inf", "-inf", "1,5", " 1", "1 ", "", "x", "0x"]),
        }
    }

    fn offset(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..8 => self.rng.below(600).to_string().into_bytes(),
            // Not 536870911: half a gigabyte each time.
            8 => self.text(&["536870912", "9223372036854775807"]),
            _ => self.text(&["-1", "x", "1.5", ""]),
        }
    }

    /// A bit's position, or a field's with `#`.
    fn field_offset(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..4 => format!("#{}", self.rng.below(80)).into_bytes(),
            4 => self.text(&["#-1", "#x", "#", "4294967296", "#9223372036854775807"]),
            _ => self.offset(),
        }
    }

    pub(super) fn index(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..6 => (self.rng.below(40) as i64 - 20).to_string().into_bytes(),
            6..9 => (self.rng.below(1200) as i64 - 600).to_string().into_bytes(),
            _ => self.text(&["9223372036854775807", "-9223372036854775808", "x", "1.0"]),
        }
    }

    fn database(&mut self) -> Vec<u8> {
        match self.rng.below(12) {
            0..7 => b"0".to_vec(),
            7..11 => self.rng.below(DATABASES).to_string().into_bytes(),
            _ => self.text(&["16", "-1", "x", "9223372036854775807", "2147483648"]),
        }
    }

    /// Far in the future, or past, or invalid: nothing expires during a run. Times from now are all
    /// different, and differ by more than a run takes, so that GT and LT are decided alike in both
    /// servers.
    fn time(&mut self, units_per_second: u64, absolute: bool) -> Vec<u8> {
        let edges = ["0", "-1", "9223372036854775807", "9223372036854775", "-9223372036854775808"];
        match self.rng.below(20) {
            0 => self.text(&edges),
            1 => self.text(&["x", "", "1.5", "99999999999999999999"]),
            2 if absolute => self.text(&["1", "1000"]),
            _ if absolute => {
                let seconds = 4_000_000_000 + self.rng.below(4) * 1_000_000;
                (seconds * units_per_second).to_string().into_bytes()
            }
            _ => {
                self.times += 1;
                // A permutation of the first million.
                let seconds = 1_000_000 + self.times * 7919 % 1_000_000 * 100;
                (seconds * units_per_second).to_string().into_bytes()
            }
        }
    }

    /// Zero is no expiry; with ABSTTL a time from now is past.
    fn ttl(&mut self) -> Vec<u8> {
        if self.percent(40) {
            return b"0".to_vec();
        }
        let absolute = self.percent(50);
        let time = self.time(1000, absolute);
        // Not the largest: the peers add it to the clock without looking, and it overflows. Nor the
        // past times, which without ABSTTL would be the near future.
        let is_odd = matches!(time.as_slice(), b"9223372036854775807" | b"1" | b"1000");
        if is_odd { b"0".to_vec() } else { time }
    }

    fn payload(&mut self) -> Vec<u8> {
        if self.payloads.is_empty() || self.percent(5) {
            return self.text(&["", "x", "no payload, but longer than its trailer"]);
        }
        let payloads = std::mem::take(&mut self.payloads);
        let mut payload = self.one(&payloads);
        self.payloads = payloads;
        if self.percent(15) && !payload.is_empty() {
            let at = self.rng.index(payload.len());
            payload[at] ^= 1 << self.rng.below(8);
        }
        payload
    }

    /// Filters that match nobody but by accident; CLIENT KILL gets one more that never does.
    fn filter(&mut self, name: &str) -> Vec<u8> {
        match name.trim_start_matches("not-") {
            "client-id" => self.text(&["999999999", "888888888", "0", "-1", "x"]),
            "ip:port" => self.text(&["192.0.2.1:1", "nowhere", ""]),
            "username" => self.text(&["default", "default", "default", "nobody"]),
            "maxage" | "idle" => self.text(&["1000000", "0", "-1", "x"]),
            "db" => self.text(&["0", "1", "99", "-1", "x"]),
            "ip" => self.text(&["192.0.2.1", "127.0.0.1"]),
            "flags" => self.text(&["N", "P", "?"]),
            "capa" => self.text(&["r", "?"]),
            _ => self.text(&["nobody", "", "a b"]),
        }
    }

    /// What is in no domain, for spoiling a request. Never a time in the near future, nor one that
    /// overflows.
    pub fn junk(&mut self) -> Vec<u8> {
        if !self.is_old && self.percent(10) {
            return b"9223372036854775808".to_vec();
        }
        self.text(&["x", "", "NX", "-1", "1.5", "\u{fffd}\r\n", "EX", "GET"])
    }
}

const ENCODINGS: &[&str] = &[
    "u1", "u2", "u7", "u8", "u8", "u16", "u32", "u63", "i1", "i5", "i8", "i8", "i16", "i33", "i64",
    "u64", "i65", "u0", "x", "U8",
];

const TYPES: &[&str] = &["string", "STRING", "list", "set", "hash", "zset", "stream"];

const PATTERNS: &[&str] = &[
    "*", "*", "k*", "k[0-4]", "k[^0-4]", "k?", "?", "", "k3", "[a-", "k\\3", "\\", "*k*", "m*",
    "[^k]*", "[a-e]", "*1*",
];

const PARAMETERS: &[(&str, &[&str])] = &[
    ("tcp-keepalive", &["300", "60", "0", "-1", "x", "99999999999", ""]),
    ("rdbcompression", &["yes", "yes", "YES", "no", "maybe"]),
    ("stop-writes-on-bgsave-error", &["yes", "no", "0"]),
    ("no-appendfsync-on-rewrite", &["yes", "no"]),
    // Not `always`: together with the one above we refuse it, for it would acknowledge what is not
    // on the disk.
    ("appendfsync", &["everysec", "no", "never"]),
    ("auto-aof-rewrite-percentage", &["100", "50", "-1", "5%"]),
    ("auto-aof-rewrite-min-size", &["64mb", "1k", "2GB", "-1", "1x"]),
    ("databases", &["16"]),
    ("nosuchparameter", &["1"]),
];

const PARAMETER_PATTERNS: &[&str] = &[
    "tcp-keepalive",
    "RDBCOMPRESSION",
    "stop-writes-*",
    "auto-aof-rewrite-*",
    "appendfsync",
    "databases",
    "nosuchparameter",
    "[a-",
    "data?ases",
];
