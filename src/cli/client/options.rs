//! The options of the command line client, named and meant as redis-cli's.

use clap::{ArgAction, Parser};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

/// Sends commands to CoolCache or any Redis-compatible server.
///
/// Without COMMAND it reads commands line by line from the standard input.
#[derive(Clone, Debug, Parser)]
#[command(name = "coolcache-cli", version, disable_help_flag = true)]
pub(super) struct Options {
    /// The server's host name or address
    #[arg(short = 'h', long, env = "COOLCACHE_HOST", default_value = "127.0.0.1")]
    pub host: String,

    /// The server's port
    #[arg(short, long, env = "COOLCACHE_PORT", default_value_t = 6379)]
    pub port: u16,

    /// The password to authenticate with; the environment keeps it from other users' eyes
    #[arg(
        short = 'a',
        long = "pass",
        env = "REDISCLI_AUTH",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub password: Option<String>,

    /// The user to authenticate as, with -a
    #[arg(long)]
    pub user: Option<String>,

    /// Do not warn about a password in the arguments
    #[arg(long)]
    pub no_auth_warning: bool,

    /// The database
    #[arg(short = 'n', value_name = "DB", default_value_t = 0)]
    pub database: u64,

    /// Speak RESP2 (the default)
    #[arg(short = '2', conflicts_with = "resp3")]
    pub resp2: bool,

    /// Speak RESP3
    #[arg(short = '3')]
    pub resp3: bool,

    /// Print only values (the default if the output is no terminal)
    #[arg(long, overrides_with = "no_raw")]
    pub raw: bool,

    /// Print types and quoted strings (the default on a terminal)
    #[arg(long)]
    pub no_raw: bool,

    /// Print JSON, one line a reply; speaks RESP3 unless told -2
    #[arg(long, conflicts_with_all = ["raw", "no_raw"])]
    pub json: bool,

    /// Run the command so many times; -1 is for ever
    #[arg(short, default_value_t = 1, allow_negative_numbers = true)]
    repeat: i64,

    /// With -r, wait so many seconds between two runs; 0.1 is fine
    #[arg(short, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    interval: Duration,

    /// Read the last argument from the standard input
    #[arg(short = 'x', requires = "command")]
    pub last_from_stdin: bool,

    /// Exit with code 1 if a command's reply is an error
    #[arg(short = 'e')]
    pub errors_fail: bool,

    /// Mass insertion: send the standard input, raw protocol, to the server and count the replies
    #[arg(long, conflicts_with = "command")]
    pub pipe: bool,

    /// With --pipe, give up if the server is silent for so long after all was sent; 0 is never
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub pipe_timeout: u64,

    /// Print this help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,

    /// The command and its arguments
    #[arg(trailing_var_arg = true)]
    command: Vec<OsString>,
}

/// How often a command runs, and the time between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// How often; none is for ever.
    pub count: Option<u64>,
    /// The pause after each run but the last.
    pub interval: Duration,
}

impl Times {
    /// A single run.
    pub const ONCE: Times = Times { count: Some(1), interval: Duration::ZERO };
}

/// How replies are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Tty,
    Raw,
    Json,
}

impl Options {
    /// How to print, given whether the output is a terminal.
    pub fn form(&self, to_terminal: bool) -> Form {
        match (self.json, self.raw, self.no_raw) {
            (true, ..) => Form::Json,
            (_, true, _) => Form::Raw,
            (_, _, true) => Form::Tty,
            _ if to_terminal => Form::Tty,
            _ => Form::Raw,
        }
    }

    /// Whether to speak RESP3.
    pub fn speaks_resp3(&self) -> bool {
        self.resp3 || (self.json && !self.resp2)
    }

    /// What AUTH takes: the password, behind the user if one is named; none without a password.
    pub fn credentials(&self) -> Option<Vec<Vec<u8>>> {
        // An environment variable that is set to nothing counts as not set.
        let password = self.password.as_ref().filter(|password| !password.is_empty())?;
        let user = self.user.iter();
        Some(user.chain([password]).map(|word| word.clone().into_bytes()).collect())
    }

    /// How often the command runs.
    pub fn times(&self) -> Times {
        Times { count: u64::try_from(self.repeat).ok(), interval: self.interval }
    }

    /// The command's words; none if there is no command.
    pub fn command_bytes(&self) -> Vec<Vec<u8>> {
        self.command.iter().map(|word| word.clone().into_vec()).collect()
    }

    /// The server's address as prompts and messages show it.
    pub fn address(&self) -> String {
        let (host, port) = (&self.host, self.port);
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(arguments: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(["coolcache-cli"].into_iter().chain(arguments.split_whitespace()))
    }

    #[test]
    fn clap_finds_nothing_wrong() {
        Options::command().debug_assert();
    }

    #[test]
    fn options_end_where_the_command_begins() {
        let options = parse("-h example.org -p 7000 -n 3 LRANGE -h -1 --raw -r 5").unwrap();
        assert_eq!((options.address(), options.database), ("example.org:7000".to_owned(), 3));
        let words: [&[u8]; 6] = [b"LRANGE", b"-h", b"-1", b"--raw", b"-r", b"5"];
        assert_eq!(options.command_bytes(), words);
        assert_eq!(options.times(), Times::ONCE);
        assert!(!options.raw);
    }

    #[test]
    fn long_names() {
        let options = parse("--host ::1 --port 7001 --user ann --pass secret PING").unwrap();
        assert_eq!(options.address(), "[::1]:7001");
        assert_eq!(options.credentials(), Some(vec![b"ann".to_vec(), b"secret".to_vec()]));
        let options = parse("-a -secret").unwrap();
        assert_eq!(options.credentials(), Some(vec![b"-secret".to_vec()]));
        assert!(options.command_bytes().is_empty());
    }

    #[test]
    fn the_environment_stands_in() {
        let command = Options::command();
        let variable = |id: &str| {
            let argument = command.get_arguments().find(|argument| argument.get_id() == id);
            argument.and_then(clap::Arg::get_env).map(|name| name.to_owned())
        };
        assert_eq!(variable("host"), Some("COOLCACHE_HOST".into()));
        assert_eq!(variable("port"), Some("COOLCACHE_PORT".into()));
        assert_eq!(variable("password"), Some("REDISCLI_AUTH".into()));
    }

    #[test]
    fn forms() {
        let form = |arguments, terminal| parse(arguments).unwrap().form(terminal);
        assert_eq!(form("PING", true), Form::Tty);
        assert_eq!(form("PING", false), Form::Raw);
        assert_eq!(form("--raw PING", true), Form::Raw);
        assert_eq!(form("--no-raw PING", false), Form::Tty);
        assert_eq!(form("--raw --no-raw PING", true), Form::Tty);
        assert_eq!(form("--json PING", true), Form::Json);
        assert!(parse("--json --raw PING").is_err());
        assert!(parse("--json PING").unwrap().speaks_resp3());
        assert!(!parse("--json -2 PING").unwrap().speaks_resp3());
        assert!(parse("-3 PING").unwrap().speaks_resp3());
        assert!(!parse("PING").unwrap().speaks_resp3());
    }

    #[test]
    fn repeats() {
        let times = |arguments| parse(arguments).unwrap().times();
        let interval = Duration::from_millis(100);
        assert_eq!(times("-r 5 -i 0.1 PING"), Times { count: Some(5), interval });
        assert_eq!(times("-r -1 PING"), Times { count: None, interval: Duration::ZERO });
        assert!(parse("-i -1 PING").is_err());
        assert!(parse("-i soon PING").is_err());
    }

    #[test]
    fn what_is_refused() {
        assert!(parse("--bogus PING").is_err());
        assert!(parse("-p 70000 PING").is_err());
        assert!(parse("-x").is_err());
        assert!(parse("--pipe PING").is_err());
        let help = parse("--help").unwrap_err();
        assert_eq!(help.kind(), clap::error::ErrorKind::DisplayHelp);
    }
}
