//! The host's way to load balancers by UDP: a socket on a loopback address for each of their UDP ports. What a client sends
//! there goes on from a socket inside the VPC that is the client's own, so that answers find back to it.

use super::host_listeners::Destination;
use super::table::FLOW_IDLE;
use parking_lot::Mutex;
use reconcile::Runtime;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::JoinHandle;

/// Of one port at a time: further clients are not heard until one of these has gone.
const MAX_FLOWS: usize = 4096;
/// Datagrams that wait to go on; what comes when there is no room is lost, as anywhere.
const QUEUE: usize = 64;
/// After an error of the socket itself.
const PAUSE: Duration = Duration::from_millis(100);
const MAX_DATAGRAM_BYTES: usize = 65_535;

struct Open {
    destination: Arc<Mutex<Destination>>,
    runtime: Runtime,
    relaying: JoinHandle<Option<()>>,
}

pub struct HostDatagrams {
    runtime: Runtime,
    open: BTreeMap<SocketAddr, Open>,
}

impl HostDatagrams {
    pub fn new(runtime: &Runtime) -> Self {
        Self { runtime: runtime.clone(), open: BTreeMap::new() }
    }

    /// Takes datagrams at these addresses and no others; says where that cannot be. Flows go on where they go.
    pub async fn ensure(&mut self, wanted: BTreeMap<SocketAddr, Destination>) -> Vec<(SocketAddr, io::Error)> {
        let gone: Vec<Open> = self.open.extract_if(.., |at, _| !wanted.contains_key(at)).map(|(_, open)| open).collect();
        gone.iter().for_each(|open| open.runtime.stop.cancel());
        for open in gone {
            // When this returns the relay has let go of its socket. That it panicked would be as good.
            drop(open.relaying.await);
        }
        let mut failed = Vec::new();
        for (at, destination) in wanted {
            match self.open.get(&at) {
                Some(open) => *open.destination.lock() = destination,
                None => match self.start(at, destination) {
                    Ok(open) => drop(self.open.insert(at, open)),
                    Err(error) => failed.push((at, error)),
                },
            }
        }
        failed
    }

    fn start(&self, at: SocketAddr, destination: Destination) -> io::Result<Open> {
        let socket = std::net::UdpSocket::bind(at)?;
        socket.set_nonblocking(true)?;
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let (runtime, destination) = (self.runtime.child(), Arc::new(Mutex::new(destination)));
        let relay = Relay { socket, port: at.port(), destination: destination.clone(), runtime: runtime.clone() };
        let stop = runtime.stop.clone();
        let relaying = runtime.tasks.spawn(async move { stop.run_until_cancelled(relay.run()).await });
        Ok(Open { destination, runtime, relaying })
    }
}

struct Relay {
    socket: Arc<UdpSocket>,
    port: u16,
    destination: Arc<Mutex<Destination>>,
    runtime: Runtime,
}

impl Relay {
    async fn run(self) {
        let mut flows: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
        let mut bytes = vec![0; MAX_DATAGRAM_BYTES];
        let mut turn = 0;
        loop {
            let (length, client) = match self.socket.recv_from(&mut bytes).await {
                Ok(received) => received,
                Err(error) => {
                    tracing::warn!(%error, "cannot take a datagram for a load balancer");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let datagram = match flows.get(&client).map(|flow| flow.try_send(bytes[..length].to_vec())) {
                Some(Ok(()) | Err(TrySendError::Full(_))) => continue,
                Some(Err(TrySendError::Closed(datagram))) => datagram,
                None => bytes[..length].to_vec(),
            };
            flows.retain(|_, flow| !flow.is_closed());
            if flows.len() < MAX_FLOWS {
                flows.insert(client, self.begin(client, datagram, turn));
                turn = turn.wrapping_add(1);
            }
        }
    }

    /// A flow to the load balancer's address whose turn it is, with its first datagram.
    fn begin(&self, client: SocketAddr, first: Vec<u8>, turn: usize) -> mpsc::Sender<Vec<u8>> {
        let (sender, datagrams) = mpsc::channel(QUEUE);
        // There is room: it is the first.
        drop(sender.try_send(first));
        let (outside, stop) = (self.socket.clone(), self.runtime.stop.clone());
        let (destination, port) = (self.destination.lock().clone(), self.port);
        self.runtime.tasks.spawn(async move {
            let flow = flow(&destination, port, turn, (&outside, client), datagrams);
            if let Some(Err(error)) = stop.run_until_cancelled(flow).await {
                tracing::debug!(%error, port, "a flow to a load balancer ended");
            }
        });
        sender
    }
}

async fn flow(
    destination: &Destination,
    port: u16,
    turn: usize,
    (outside, client): (&UdpSocket, SocketAddr),
    mut datagrams: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    let Destination { dialer, addresses } = destination;
    let Some(address) = addresses.get(turn % addresses.len().max(1)) else { return Ok(()) };
    let inside = dialer.connect_udp(SocketAddrV4::new(*address, port)).await?;
    let mut bytes = vec![0; MAX_DATAGRAM_BYTES];
    loop {
        tokio::select! {
            datagram = datagrams.recv() => match datagram {
                Some(datagram) => drop(inside.send(&datagram).await?),
                None => return Ok(()),
            },
            answer = inside.recv(&mut bytes) => drop(outside.send_to(&bytes[..answer?], client).await?),
            () = tokio::time::sleep(FLOW_IDLE) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use node_os::net::Dialer;
    use node_os::netns::NetNs;
    use std::net::Ipv4Addr;

    fn here() -> NetNs {
        NetNs::current().expect("the test's own")
    }

    async fn ask(client: &UdpSocket, at: SocketAddr, said: &[u8]) -> Vec<u8> {
        client.send_to(said, at).await.expect("sent");
        let mut heard = [0; 64];
        let (length, from) = client.recv_from(&mut heard).await.expect("an answer");
        assert_eq!(from, at, "the answer comes from where the question went");
        heard[..length].to_vec()
    }

    #[tokio::test]
    async fn each_client_has_a_flow_of_its_own() {
        let runtime = Runtime::new();
        let server = here().bind_udp((Ipv4Addr::LOCALHOST, 0).into()).expect("a server");
        let port = server.local_addr().expect("an address").port();
        let at = SocketAddr::from((Ipv4Addr::new(127, 64, 0, 9), port));
        let destination = Destination { dialer: Arc::new(Dialer::new(here())), addresses: vec![Ipv4Addr::LOCALHOST] };
        let wanted = || BTreeMap::from([(at, destination.clone())]);
        let mut datagrams = HostDatagrams::new(&runtime);
        assert!(datagrams.ensure(wanted()).await.is_empty());
        assert_eq!(HostDatagrams::new(&runtime).ensure(wanted()).await.len(), 1, "one is there already");
        // Says who asks, as the server sees them.
        runtime.tasks.spawn(async move {
            let mut bytes = [0; 64];
            while let Ok((_, from)) = server.recv_from(&mut bytes).await {
                server.send_to(from.port().to_string().as_bytes(), from).await.expect("answered");
            }
        });
        let clients = [(); 2].map(|()| here().bind_udp((Ipv4Addr::LOCALHOST, 0).into()).expect("a client"));
        let first = [ask(&clients[0], at, b"a").await, ask(&clients[1], at, b"b").await];
        assert_ne!(first[0], first[1]);
        assert_eq!([ask(&clients[0], at, b"c").await, ask(&clients[1], at, b"").await], first, "flows are kept");
        assert!(datagrams.ensure(BTreeMap::new()).await.is_empty());
        assert!(here().bind_udp(at).is_ok(), "nobody is there any more");
    }
}
