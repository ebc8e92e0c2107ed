//! Serves a zone over UDP and TCP, and hands on what is not in it.

use crate::answer::{Outcome, answer};
use crate::draft::{Draft, Transport};
use crate::follow::follow;
use crate::upstream::Upstream;
use crate::zone::{SharedZone, Zone};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use ipnet::Ipv4Net;
use meta::time::SharedClock;
use node_os::link::{LOOPBACK, Links};
use node_os::netns::NetNs;
use parking_lot::RwLock;
use reconcile::{Informers, Runtime};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;

const PORT: u16 = 53;
/// The longest query that is read from a datagram.
const DATAGRAM_BYTES: usize = 4096;
/// Connections at a time; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 256;
/// Queries by datagram that others are asked about at a time: `max_concurrent` of CoreDNS's forward plugin in EKS's file.
const MAX_FORWARDED: usize = 1000;
/// How long a connection may say nothing (RFC 7766 leaves it to the server).
const IDLE: Duration = Duration::from_secs(10);
/// After an error of the socket itself.
const PAUSE: Duration = Duration::from_millis(100);
/// What an upstream may answer in one datagram.
const UPSTREAM_BYTES: u16 = 1232;

/// Whose names, and where they are answered.
pub struct Config {
    /// `cluster.local`
    pub domain: String,
    /// The cluster's DNS address, which becomes one of the namespace's own.
    pub address: Ipv4Addr,
    /// Who knows all other names: the VPC's resolver.
    pub upstreams: Vec<SocketAddr>,
    pub namespace: NetNs,
}

/// Answers until the runtime stops, from the first moment on: names of the cluster once they are known.
pub async fn start(config: Config, informers: &Informers, clock: SharedClock, runtime: &Runtime) -> io::Result<SharedZone> {
    let links = Links::open(&config.namespace)?;
    links.add_address(LOOPBACK, Ipv4Net::from(config.address)).await?;
    let at = SocketAddr::from((config.address, PORT));
    let (udp, tcp) = (config.namespace.bind_udp(at)?, config.namespace.listen_tcp(at)?);
    let upstream = Upstream::open(&config.upstreams, config.namespace, clock, runtime).await?;
    let zone = Arc::new(RwLock::new(Zone::new(&config.domain, config.address.into())));
    follow(informers, &zone, runtime);
    serve(udp, tcp, Resolver { zone: zone.clone(), upstream }, runtime);
    Ok(zone)
}

fn serve(udp: UdpSocket, tcp: TcpListener, resolver: Resolver, runtime: &Runtime) {
    let resolver = Arc::new(resolver);
    let (tasks, stop) = (runtime.tasks.clone(), runtime.stop.clone());
    let datagrams = datagrams(Arc::new(udp), resolver.clone(), runtime.clone());
    tasks.spawn(async move { stop.run_until_cancelled(datagrams).await });
    let stop = runtime.stop.clone();
    let connections = connections(tcp, resolver, runtime.clone());
    tasks.spawn(async move { stop.run_until_cancelled(connections).await });
}

struct Resolver {
    zone: SharedZone,
    upstream: Upstream,
}

/// What is left to do for an answer.
enum Rest {
    Nothing(Option<Vec<u8>>),
    Forward(Draft),
    Chase(Draft, Name),
}

impl Resolver {
    /// What can be said at once.
    fn begin(&self, query: &[u8], transport: Transport) -> Rest {
        match answer(&self.zone.read(), query, transport) {
            Outcome::Ignored => Rest::Nothing(None),
            Outcome::Answered(draft) => Rest::Nothing(draft.encode()),
            Outcome::Elsewhere(draft) => Rest::Forward(draft),
            Outcome::Aliased { draft, target } => Rest::Chase(draft, target),
        }
    }

    async fn finish(&self, rest: Rest, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
        match rest {
            Rest::Nothing(reply) => reply,
            Rest::Forward(draft) => match self.upstream.ask(query, transport).await {
                Some(reply) => Some(reply),
                None => draft.failed(ResponseCode::ServFail).encode(),
            },
            Rest::Chase(draft, target) => self.chase(draft, target).await.encode(),
        }
    }

    /// Adds what others say of the name that an alias leads to.
    async fn chase(&self, mut draft: Draft, target: Name) -> Draft {
        let kind = draft.message.queries.first().map_or(RecordType::A, Query::query_type);
        let query = question(target, kind).to_vec().ok();
        let reply = match query {
            Some(query) => self.upstream.ask_whole(&query).await,
            None => None,
        };
        match reply.and_then(|reply| Message::from_vec(&reply).ok()) {
            Some(reply) => {
                draft.message.metadata.response_code = reply.metadata.response_code;
                draft.message.add_answers(reply.answers);
                draft
            }
            None => draft.failed(ResponseCode::ServFail),
        }
    }
}

fn question(name: Name, kind: RecordType) -> Message {
    let mut message = Message::new(0, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, kind));
    let mut edns = Edns::new();
    edns.set_max_payload(UPSTREAM_BYTES);
    message.set_edns(edns);
    message
}

async fn datagrams(socket: Arc<UdpSocket>, resolver: Arc<Resolver>, runtime: Runtime) {
    let places = Arc::new(Semaphore::new(MAX_FORWARDED));
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(%error, "cannot receive DNS queries");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let query = &buffer[..length];
        let rest = match resolver.begin(query, Transport::Datagram) {
            Rest::Nothing(reply) => {
                send(&socket, reply, client).await;
                continue;
            }
            rest => rest,
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            send(&socket, refused(rest), client).await;
            continue;
        };
        let (socket, resolver, query, stop) = (socket.clone(), resolver.clone(), query.to_vec(), runtime.stop.clone());
        runtime.tasks.spawn(async move {
            let finished = stop.run_until_cancelled(resolver.finish(rest, &query, Transport::Datagram)).await;
            send(&socket, finished.flatten(), client).await;
            drop(place);
        });
    }
}

/// Too many others wait.
fn refused(rest: Rest) -> Option<Vec<u8>> {
    match rest {
        Rest::Nothing(reply) => reply,
        Rest::Forward(draft) | Rest::Chase(draft, _) => draft.failed(ResponseCode::Refused).encode(),
    }
}

async fn send(socket: &UdpSocket, reply: Option<Vec<u8>>, client: SocketAddr) {
    if let Some(reply) = reply
        && let Err(error) = socket.send_to(&reply, client).await
    {
        tracing::debug!(%client, %error, "a DNS answer was not sent");
    }
}

async fn connections(listener: TcpListener, resolver: Arc<Resolver>, runtime: Runtime) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors: others may close some.
                tracing::warn!(%error, "cannot accept a DNS connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (resolver, stop) = (resolver.clone(), runtime.stop.clone());
        runtime.tasks.spawn(async move {
            if let Some(Err(error)) = stop.run_until_cancelled(exchange(stream, &resolver)).await {
                tracing::debug!(%client, %error, "a DNS connection ended");
            }
            drop(place);
        });
    }
}

/// Queries, each with its length before it (RFC 1035, 4.2.2), until the client has no more.
async fn exchange(mut stream: TcpStream, resolver: &Resolver) -> io::Result<()> {
    let timed_out = |_| io::Error::from(io::ErrorKind::TimedOut);
    loop {
        let length = match timeout(IDLE, stream.read_u16()).await.map_err(timed_out)? {
            Ok(length) => usize::from(length),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut query = vec![0; length];
        timeout(IDLE, stream.read_exact(&mut query)).await.map_err(timed_out)??;
        let rest = resolver.begin(&query, Transport::Stream);
        let Some(reply) = resolver.finish(rest, &query, Transport::Stream).await else { return Ok(()) };
        let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes()[..], &reply].concat();
        timeout(IDLE, stream.write_all(&framed)).await.map_err(timed_out)??;
    }
}
