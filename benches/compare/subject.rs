//! What is measured.

/// A server in one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Ours without a log.
    CoolCache,
    /// Ours with its log (`appendfsync everysec` unless the row says otherwise).
    Logged,
    /// Valkey 9.1.
    Valkey,
    /// Redis 7.0.
    Redis,
    /// The echo server: what the kernel alone costs.
    Floor,
}

impl Subject {
    /// Those that hold data, each without a log.
    pub const SERVERS: [Subject; 3] = [Subject::CoolCache, Subject::Valkey, Subject::Redis];
    /// Those of the rows about CPU.
    pub const ALL: [Subject; 5] =
        [Subject::CoolCache, Subject::Logged, Subject::Valkey, Subject::Redis, Subject::Floor];

    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Subject::CoolCache => "CoolCache",
            Subject::Logged => "CoolCache, log on",
            Subject::Valkey => "Valkey",
            Subject::Redis => "Redis",
            Subject::Floor => "floor",
        }
    }

    /// Ours, in whichever setting.
    pub fn is_ours(self) -> bool {
        matches!(self, Subject::CoolCache | Subject::Logged)
    }

    /// Persistence of this setting, as arguments that all servers understand. The log is not
    /// rewritten meanwhile: a rewrite would fall into the runs of one round and not of another.
    pub fn persistence(self) -> &'static [&'static str] {
        match self {
            Subject::Floor => &[],
            Subject::Logged => &[
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "everysec",
                "--auto-aof-rewrite-percentage",
                "0",
            ],
            _ => &["--save", "", "--appendonly", "no"],
        }
    }
}
