//! Listening: binding addresses, accepting connections, and refusing those that may not come in.

use crate::admin::Config;
use crate::engine::{Outbox, Shared};
use crossbeam_channel::Sender;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::TcpListener;

/// How a worker is given a connection.
#[derive(Clone)]
pub(super) struct Hand {
    pub connections: Sender<TcpStream>,
    pub outbox: Outbox,
}

/// How long accepting pauses when the process has run out of descriptors: others must close first.
const OUT_OF_DESCRIPTORS_PAUSE: Duration = Duration::from_millis(100);

const MAXCLIENTS: &[u8] = b"-ERR max number of clients reached\r\n";

const PROTECTED: &[u8] = b"-DENIED Redis is running in protected mode because protected mode is enabled and no password \
is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to \
connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode \
sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host \
the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE \
to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration \
file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually \
just for testing, restart it with the '--protected-mode no' option. 4) Set up an authentication password for the default \
user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the \
outside.\r\n";

/// A bound address that nobody can connect to yet.
pub(super) struct Bound {
    socket: Socket,
    backlog: i32,
}

impl Bound {
    /// Listens from now on.
    pub(super) fn listen(self) -> io::Result<TcpListener> {
        self.socket.listen(self.backlog)?;
        self.socket.set_nonblocking(true)?;
        let listener = TcpListener::from_std(self.socket.into())?;
        tracing::info!(address = %listener.local_addr()?, "listening");
        Ok(listener)
    }
}

/// Binds the configured addresses. As in Redis, an address with a `-` before it may be missing, `*`
/// and `::*` are all IPv4 and IPv6 addresses.
pub(super) fn bind(config: &Config) -> io::Result<Vec<Bound>> {
    let port = config.port();
    let mut all = Vec::new();
    for address in config.bind() {
        let (address, optional) = match address.strip_prefix('-') {
            Some(address) => (address, true),
            None => (address.as_str(), false),
        };
        match bind_one(address, port, config.tcp_backlog()) {
            Ok(bound) => all.push(bound),
            Err(error) if optional => tracing::debug!(address, %error, "not listening"),
            Err(error) => {
                let text = format!(
                    "Could not create server TCP listening socket {address}:{port}: {error}"
                );
                return Err(io::Error::new(error.kind(), text));
            }
        }
    }
    Ok(all)
}

fn bind_one(address: &str, port: u16, backlog: u32) -> io::Result<Bound> {
    let ip: IpAddr = match address {
        "*" => Ipv4Addr::UNSPECIFIED.into(),
        "::*" => Ipv6Addr::UNSPECIFIED.into(),
        other => other
            .parse()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "not an IP address"))?,
    };
    let domain = if ip.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if ip.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SocketAddr::new(ip, port).into())?;
    Ok(Bound { socket, backlog: i32::try_from(backlog).unwrap_or(i32::MAX) })
}

/// Accepts for ever, and gives connections to the workers in turn.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>, workers: Vec<Hand>) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(OUT_OF_DESCRIPTORS_PAUSE).await;
                continue;
            }
        };
        let stream = match stream.into_std() {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was lost while accepting it");
                continue;
            }
        };
        if let Some(refusal) = refusal(&shared, peer) {
            // The peer may be gone already; it is refused either way.
            let _unsent = (&stream).write(refusal);
            continue;
        }
        let keepalive = shared.lock().admin.config.tcp_keepalive();
        if let Err(error) = prepare(&stream, keepalive) {
            tracing::debug!(%error, "setting a connection's options failed");
        }
        let hand = &workers[NEXT.fetch_add(1, Relaxed) % workers.len()];
        match hand.connections.send(stream) {
            Ok(()) => hand.outbox.wake(),
            Err(_worker_is_gone) => shared.lock().arrived(),
        }
    }
}

/// Why a connection may not come in. None: it may, and is counted from now on.
fn refusal(shared: &Shared, peer: SocketAddr) -> Option<&'static [u8]> {
    let mut engine = shared.lock();
    let config = &engine.admin.config;
    let open = config.requirepass().is_empty();
    let protected = config.protected_mode() && open && !is_loopback(peer.ip());
    let refusal = if !engine.accept() {
        MAXCLIENTS
    } else if protected {
        engine.arrived();
        PROTECTED
    } else {
        return None;
    };
    engine.admin.stats.connections_rejected += 1;
    Some(refusal)
}

fn is_loopback(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback())
        }
    }
}

fn prepare(stream: &TcpStream, keepalive_seconds: u32) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if keepalive_seconds > 0 {
        // As Redis: the first probe after the time, then three at a third of it.
        let idle = Duration::from_secs(keepalive_seconds.into());
        let interval = Duration::from_secs((keepalive_seconds / 3).max(1).into());
        let keepalive = TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(3);
        SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}
