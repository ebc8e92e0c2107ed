//! Serves a zone over UDP and TCP, and hands on what is not in it.

use crate::answer::{Outcome, answer};
use crate::draft::Draft;
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
use serve::dns::{Begun, DnsServer, Transport};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

const PORT: u16 = 53;
const MAX_CONNECTIONS: usize = 256;
/// `max_concurrent` of CoreDNS's forward plugin in EKS's file.
const MAX_FORWARDED: usize = 1000;
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
    let server = DnsServer { udp, tcp, max_connections: MAX_CONNECTIONS, max_waiting: MAX_FORWARDED };
    server.start(Resolver { zone: zone.clone(), upstream }, &runtime.tasks, &runtime.stop);
    Ok(zone)
}

struct Resolver {
    zone: SharedZone,
    upstream: Upstream,
}

/// What others have to be asked for.
enum Rest {
    All(Draft),
    Target(Draft, Name),
}

impl serve::dns::Resolver for Resolver {
    type Later = Rest;

    fn begin(&self, query: &[u8], transport: Transport) -> Begun<Rest> {
        match answer(&self.zone.read(), query, transport) {
            Outcome::Ignored => Begun::Answered(None),
            Outcome::Answered(draft) => Begun::Answered(draft.encode()),
            Outcome::Elsewhere(draft) => Begun::Later(Rest::All(draft)),
            Outcome::Aliased { draft, target } => Begun::Later(Rest::Target(draft, target)),
        }
    }

    async fn finish(&self, rest: Rest, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
        match rest {
            Rest::All(draft) => match self.upstream.ask(query, transport).await {
                Some(reply) => Some(reply),
                None => draft.failed(ResponseCode::ServFail).encode(),
            },
            Rest::Target(draft, target) => self.chase(draft, target).await.encode(),
        }
    }

    fn refuse(&self, rest: Rest) -> Option<Vec<u8>> {
        let (Rest::All(draft) | Rest::Target(draft, _)) = rest;
        draft.failed(ResponseCode::Refused).encode()
    }
}

impl Resolver {
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
