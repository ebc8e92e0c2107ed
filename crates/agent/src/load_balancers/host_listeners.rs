//! The host's way to load balancers by TCP: a listener on a loopback address for each of their TCP ports. What connects there is
//! handed on to the load balancer's address inside the VPC.

use node_os::net::Dialer;
use parking_lot::Mutex;
use reconcile::Runtime;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Connections of one listener at a time; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 4096;
/// How long the other side may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// After an error of the listener itself, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);
const BUFFER_BYTES: usize = 16 << 10;

/// Where a listener leads.
#[derive(Clone)]
pub struct Destination {
    /// In the router.
    pub dialer: Arc<Dialer>,
    /// Of the load balancer, in turn.
    pub addresses: Vec<Ipv4Addr>,
}

struct Open {
    destination: Arc<Mutex<Destination>>,
    runtime: Runtime,
    accepting: JoinHandle<Option<()>>,
}

pub struct HostListeners {
    runtime: Runtime,
    open: BTreeMap<SocketAddr, Open>,
}

impl HostListeners {
    pub fn new(runtime: &Runtime) -> Self {
        Self { runtime: runtime.clone(), open: BTreeMap::new() }
    }

    /// Listens at these addresses and no others; says where that cannot be. Connections of listeners that stay are not
    /// touched.
    pub async fn ensure(&mut self, wanted: BTreeMap<SocketAddr, Destination>) -> Vec<(SocketAddr, io::Error)> {
        let gone = self.open.extract_if(.., |at, _| !wanted.contains_key(at));
        let gone: Vec<Open> = gone.map(|(_, listener)| listener).collect();
        gone.iter().for_each(|listener| listener.runtime.stop.cancel());
        for listener in gone {
            // When this returns nobody listens there. That the task panicked would be as good.
            drop(listener.accepting.await);
        }
        let mut failed = Vec::new();
        for (at, destination) in wanted {
            if let Some(listener) = self.open.get(&at) {
                *listener.destination.lock() = destination;
                continue;
            }
            match self.start(at, destination) {
                Ok(listener) => drop(self.open.insert(at, listener)),
                Err(error) => failed.push((at, error)),
            }
        }
        failed
    }

    fn start(&self, at: SocketAddr, destination: Destination) -> io::Result<Open> {
        let listener = std::net::TcpListener::bind(at)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let (runtime, destination) = (self.runtime.child(), Arc::new(Mutex::new(destination)));
        let (own, leads_to) = (runtime.clone(), destination.clone());
        let accepting = async move { own.stop.run_until_cancelled(accept(listener, at.port(), leads_to, &own)).await };
        let accepting = runtime.tasks.spawn(accepting);
        Ok(Open { destination, runtime, accepting })
    }
}

async fn accept(listener: TcpListener, port: u16, destination: Arc<Mutex<Destination>>, runtime: &Runtime) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let turn = AtomicUsize::new(0);
    loop {
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let (client, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection to a load balancer");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Destination { dialer, addresses } = destination.lock().clone();
        let start = turn.fetch_add(1, Ordering::Relaxed);
        let stop = runtime.stop.clone();
        runtime.tasks.spawn(async move {
            let forwarding = forward(client, &dialer, &addresses, start, port);
            if let Some(Err(error)) = stop.run_until_cancelled(forwarding).await {
                tracing::debug!(%error, port, "a connection to a load balancer ended");
            }
            drop(place);
        });
    }
}

async fn forward(mut client: TcpStream, dialer: &Dialer, addresses: &[Ipv4Addr], start: usize, port: u16) -> io::Result<()> {
    match dial(dialer, addresses, start, port).await {
        Ok(mut server) => {
            client.set_nodelay(true)?;
            tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER_BYTES, BUFFER_BYTES).await.map(drop)
        }
        Err(error) => {
            // It is told that it was refused: an orderly end would look like an empty answer.
            client.set_zero_linger()?;
            Err(error)
        }
    }
}

/// The first address, from the one whose turn it is, that takes the connection.
async fn dial(dialer: &Dialer, addresses: &[Ipv4Addr], start: usize, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the load balancer has no address");
    for offset in 0..addresses.len() {
        let address = addresses[(start.wrapping_add(offset)) % addresses.len()];
        match tokio::time::timeout(PATIENCE, dialer.connect_tcp(SocketAddrV4::new(address, port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use node_os::netns::NetNs;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const SERVER: Ipv4Addr = Ipv4Addr::LOCALHOST;

    /// A client of the host.
    async fn dial(at: SocketAddr) -> io::Result<TcpStream> {
        NetNs::current()?.connect_tcp(at).await
    }

    #[tokio::test]
    async fn connections_are_handed_on_whole() {
        let runtime = Runtime::new();
        let mut listeners = HostListeners::new(&runtime);
        let server = TcpListener::bind((SERVER, 0)).await.expect("a server");
        let port = server.local_addr().expect("an address").port();
        let at = SocketAddr::from((Ipv4Addr::new(127, 64, 0, 9), port));
        let dialer = Arc::new(Dialer::new(NetNs::current().expect("the test's own")));
        // Nobody is at the first address: it is the next one's turn.
        let wanted = |addresses: &[Ipv4Addr]| {
            BTreeMap::from([(at, Destination { dialer: dialer.clone(), addresses: addresses.to_vec() })])
        };
        let both = [Ipv4Addr::new(127, 64, 0, 10), SERVER];
        assert!(listeners.ensure(wanted(&both)).await.is_empty());
        assert!(HostListeners::new(&runtime).ensure(wanted(&both)).await.len() == 1, "one listens there already");
        let echo = async {
            let (mut stream, _) = server.accept().await.expect("a connection");
            let mut said = Vec::new();
            stream.read_to_end(&mut said).await.expect("all of it");
            said.reverse();
            stream.write_all(&said).await.expect("answered");
        };
        let ask = async {
            let mut stream = dial(at).await.expect("connected");
            stream.write_all(&[b'a', b'b', b'c'].repeat(100_000)).await.expect("said");
            stream.shutdown().await.expect("no more to say");
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).await.expect("all of it");
            assert_eq!(heard, [b'c', b'b', b'a'].repeat(100_000));
        };
        tokio::join!(echo, ask);
        drop(server);
        let mut refused = dial(at).await.expect("the host's listener takes it");
        let reset = refused.read(&mut [0; 1]).await.expect_err("nobody is behind it");
        assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
        assert!(listeners.ensure(BTreeMap::new()).await.is_empty());
        assert!(dial(at).await.is_err(), "nobody listens any more");
        runtime.shutdown().await;
    }
}
