//! A control plane, the resolver of a VPC and the DNS of one node, all in a network namespace of the test's own.

use crate::plane;
use agent::dns::Zone as VpcZone;
use apiserver::ApiServer;
use client::{Client, DeleteOptions, Resource};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use meta::{Doc, SystemClock, User};
use node_os::link::{LOOPBACK, Links};
use node_os::netns::NetNs;
use parking_lot::{Mutex, RwLock};
use reconcile::{Informers, ObjectChange, ObjectKey, Runtime};
use serve::dns::{Transport, framed};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use storage::Engine;
use storage::backend::SimDisk;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

pub const NAMESPACES: Resource = Resource::new("", "v1", "namespaces");
pub const SERVICES: Resource = Resource::new("", "v1", "services");
pub const SLICES: Resource = Resource::new("discovery.k8s.io", "v1", "endpointslices");
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 100, 0, 10);
const VPC_RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// What the kubelet writes for a pod of namespace `site`.
const RESOLV_CONF: &str = "search site.svc.cluster.local svc.cluster.local cluster.local ec2.internal\n\
                           nameserver 10.100.0.10\noptions ndots:5\n";

type Seen = watch::Sender<BTreeSet<(&'static str, ObjectKey)>>;

pub struct World {
    pub admin: Client,
    namespace: NetNs,
    seen: Arc<Seen>,
    vpc: Mutex<Option<Runtime>>,
    runtime: Runtime,
    engine: Engine,
    directory: tempfile::TempDir,
    _server: Arc<ApiServer>,
}

impl World {
    pub async fn start() -> Self {
        let (runtime, namespace) = (Runtime::new(), NetNs::current().expect("a namespace"));
        let directory = tempfile::tempdir().expect("a directory");
        let until = (&runtime.tasks, &runtime.stop);
        let (engine, server, admin) = plane::start(SimDisk::default(), Arc::new(SystemClock), until, |_| {}).await;
        let node = server.client(User::authenticated("system:node:n1", ["system:nodes"]));
        let informers = Informers::new(node, runtime.tasks.clone(), runtime.stop.clone());
        let links = Links::open(&namespace).expect("netlink");
        links.add_address(LOOPBACK, VPC_RESOLVER.into()).await.expect("an address");
        let config = cluster_dns::Config {
            domain: "cluster.local".into(),
            address: ADDRESS,
            upstreams: vec![SocketAddr::from((VPC_RESOLVER, 53))],
            namespace: namespace.clone(),
        };
        cluster_dns::start(config, &informers, Arc::new(SystemClock), &runtime).await.expect("a DNS server");
        let seen = watch_seen(&informers).await;
        let vpc = Mutex::new(None);
        let world = Self { admin, namespace, seen, vpc, runtime, engine, directory, _server: server };
        world.start_vpc();
        world
    }

    /// The resolver of the VPC, as the agent runs it.
    pub fn start_vpc(&self) {
        let at = SocketAddr::from((VPC_RESOLVER, 53));
        let zone = VpcZone {
            region: "us-east-1".into(),
            hosts: BTreeSet::from([Ipv4Addr::new(10, 0, 1, 23)]),
            aws_endpoint: Some(Ipv4Addr::new(10, 0, 0, 3)),
            load_balancers: Default::default(),
        };
        let runtime = Runtime::new();
        let (udp, tcp) = (self.namespace.bind_udp(at).expect("UDP"), self.namespace.listen_tcp(at).expect("TCP"));
        agent::dns::serve(udp, tcp, &Arc::new(RwLock::new(zone)), &runtime);
        *self.vpc.lock() = Some(runtime);
    }

    pub async fn stop_vpc(&self) {
        let running = self.vpc.lock().take();
        if let Some(runtime) = running {
            runtime.shutdown().await;
        }
    }

    /// Creates it, and waits until its name is known.
    pub async fn create(&self, resource: Resource, namespace: &str, doc: Doc) -> Doc {
        let made = self.admin.create(resource, namespace, doc).await.expect("created");
        let key = (resource.plural, ObjectKey::of(&made));
        self.seen.subscribe().wait_for(|seen| seen.contains(&key)).await.expect("it is seen");
        made.to_doc()
    }

    pub async fn delete(&self, resource: Resource, namespace: &str, name: &str) {
        self.admin.delete(resource, namespace, name, DeleteOptions::default()).await.expect("deleted");
        let key = (resource.plural, ObjectKey::new(namespace, name));
        self.seen.subscribe().wait_for(|seen| !seen.contains(&key)).await.expect("it is gone");
    }

    pub async fn ask(&self, name: &str, kind: RecordType, transport: Transport) -> Message {
        let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(Name::from_ascii(name).expect("a name"), kind));
        let query = message.to_vec().expect("bytes");
        let reply = match transport {
            Transport::Datagram => self.datagram(&query).await,
            Transport::Stream => self.stream(&query).await,
        };
        let reply = Message::from_vec(&reply).expect("a message");
        assert_eq!((reply.metadata.id, reply.metadata.message_type), (4711, MessageType::Response));
        reply
    }

    async fn datagram(&self, query: &[u8]) -> Vec<u8> {
        let socket = self.namespace.bind_udp(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a socket");
        socket.send_to(query, (ADDRESS, 53)).await.expect("sent");
        let mut reply = vec![0; 4096];
        let (length, from) = socket.recv_from(&mut reply).await.expect("a reply");
        assert_eq!(from, SocketAddr::from((ADDRESS, 53)), "the address that was asked answers");
        reply.truncate(length);
        reply
    }

    async fn stream(&self, query: &[u8]) -> Vec<u8> {
        let mut stream = self.namespace.connect_tcp(SocketAddr::from((ADDRESS, 53))).await.expect("a connection");
        stream.write_all(&framed(query).expect("a short query")).await.expect("sent");
        let mut reply = vec![0; usize::from(stream.read_u16().await.expect("a length"))];
        stream.read_exact(&mut reply).await.expect("a reply");
        reply
    }

    /// Programs of this mount namespace find the node's DNS as those of a pod do.
    pub fn use_resolv_conf(&self) {
        let file = self.directory.path().join("resolv.conf");
        std::fs::write(&file, RESOLV_CONF).expect("a file");
        let nsswitch = self.directory.path().join("nsswitch.conf");
        std::fs::write(&nsswitch, "hosts: files dns\n").expect("a file");
        for (own, place) in [(file, "/etc/resolv.conf"), (nsswitch, "/etc/nsswitch.conf")] {
            let mounted = Command::new("mount").arg("--bind").arg(own).arg(place).status().expect("mount");
            assert!(mounted.success(), "{place}");
        }
    }

    /// What a program prints, while the server goes on.
    pub async fn run(&self, program: impl AsRef<OsStr>, arguments: &'static [&'static str]) -> Option<String> {
        let mut command = Command::new(program);
        let run = move || command.args(arguments).output().ok(); // None: there is no such program here
        let output = tokio::task::spawn_blocking(run).await.expect("it runs")?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A program that asks by musl's resolver. None: there is no compiler for musl here.
    pub fn musl_resolver(&self) -> Option<PathBuf> {
        let program = self.directory.path().join("resolve");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/resolve.c");
        let built = Command::new("musl-gcc").args(["-static", "-o"]).arg(&program).arg(source).status().ok()?; // as said
        assert!(built.success(), "{source}");
        Some(program)
    }

    pub async fn stop(self) {
        self.stop_vpc().await;
        self.runtime.shutdown().await;
        self.engine.close().await;
    }
}

/// Handlers run in the order they were added: what is seen here the DNS has taken in before.
async fn watch_seen(informers: &Informers) -> Arc<Seen> {
    let seen: Arc<Seen> = Arc::new(watch::channel(BTreeSet::new()).0);
    for resource in [NAMESPACES, SERVICES, SLICES] {
        let noted = seen.clone();
        let informer = informers.get(resource);
        informer.synced().await;
        informer.on_change(move |change: &ObjectChange| {
            let key = (resource.plural, ObjectKey::of(change.object()));
            noted.send_modify(|seen| {
                let _ = if change.new.is_some() { seen.insert(key) } else { seen.remove(&key) }; // whether it was there
            });
        });
    }
    seen
}
