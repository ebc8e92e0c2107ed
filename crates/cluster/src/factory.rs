//! Makes and unmakes control planes for the agent of this host.

use crate::access::AccessFeed;
use crate::caller::{LateEndpoint, TokenCaller};
use crate::control_plane::{Cloud, ControlPlane, Plan};
use crate::instances::InstanceIndex;
use crate::keys::{Keys, SigningKeys};
use crate::kube_dns;
use crate::load_balancers::Balancers;
use crate::management::CONTROL_PLANE_KEYS;
use crate::nodes::{self, FollowedNodes, NodeChanges};
use crate::plane_network::{LateNetwork, Presence};
use agent::{ControlPlaneFactory, ControlPlaneSpec, Endpoint, PlaneNetwork};
use apiserver::{ApiServer, Published};
use aws_wire::token::Hosts;
use client::{Client, DeleteOptions};
use controllers::KindFacts;
use meta::Reason;
use meta::time::SharedClock;
use reconcile::{ObjectKey, Queue, Runtime};
use serde_json::json;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use storage::Engine;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

/// Where HTTPS is expected; the other where a user may not listen there.
const PORTS: [u16; 2] = [443, 6443];
/// Addresses tried before giving up: each may be in use by another service or cluster.
const ADDRESSES_TRIED: u32 = 256;
/// 127.64.0.0/11 holds the clusters' addresses, so that they meet nothing that people put on 127.0.0.0/16, nor the load
/// balancers, which have 127.96.0.0/11.
const ADDRESS_BASE: u32 = 0x7f40_0000;
const ADDRESS_BITS: u32 = 21;

pub struct Factory {
    pub client: Client,
    pub engine: Engine,
    pub access: Arc<AccessFeed>,
    pub instances: InstanceIndex,
    pub balancers: Arc<Balancers>,
    pub signing_keys: SigningKeys,
    pub endpoint: LateEndpoint,
    pub hosts: Hosts,
    pub clock: SharedClock,
    pub minors: Mutex<HashMap<u32, Minor>>,
    pub running: Arc<Mutex<HashMap<String, Running>>>,
    pub agent: LateQueue,
    pub node_changes: Arc<NodeChanges>,
    /// Tells that a control plane has started.
    pub started: watch::Sender<()>,
    pub runtime: Runtime,
}

/// The agent's queue, which is made after the factory.
pub type LateQueue = Arc<OnceLock<Arc<Queue<ObjectKey>>>>;

/// What every control plane of one Kubernetes minor shares.
#[derive(Clone)]
pub struct Minor {
    published: Arc<Published>,
    kinds: Arc<[KindFacts]>,
}

#[derive(Clone)]
pub struct Running {
    pub(crate) plane: Arc<ControlPlane>,
    endpoint: Endpoint,
    presence: Arc<Presence>,
    pub(crate) cluster_uid: String,
    pub(crate) nodes: Arc<FollowedNodes>,
}

#[async_trait::async_trait]
impl ControlPlaneFactory for Factory {
    async fn ensure(&self, spec: &ControlPlaneSpec, network: Option<&PlaneNetwork>) -> Result<Endpoint, String> {
        let known = self.running.lock().await.get(&spec.uid).cloned();
        let running = match known {
            Some(running) => running,
            None => self.start_watched(spec).await?,
        };
        // Nobody waits for it: a cluster is ready by its endpoint, and is entered into its VPC when it has interfaces there.
        if let Some(network) = network {
            running.presence.enter(&running.plane, network).await?;
        }
        Ok(running.endpoint)
    }

    async fn destroy(&self, spec: &ControlPlaneSpec) -> Result<(), String> {
        if let Some(running) = self.running.lock().await.remove(&spec.uid) {
            running.plane.stop().await;
        }
        self.access.forget(&spec.cluster_uid);
        self.engine.delete_cluster(&spec.uid).await.map_err(|e| e.to_string())?;
        match self.client.delete(CONTROL_PLANE_KEYS, &spec.namespace, &keys_name(spec), DeleteOptions::default()).await {
            Err(status) if status.reason != Reason::NotFound => Err(status.to_string()),
            _ => Ok(()),
        }
    }
}

/// Keys belong to one incarnation of a cluster.
fn keys_name(spec: &ControlPlaneSpec) -> String {
    spec.uid.clone()
}

impl Factory {
    async fn start_watched(&self, spec: &ControlPlaneSpec) -> Result<Running, String> {
        let running = self.start(spec).await?;
        self.running.lock().await.insert(spec.uid.clone(), running.clone());
        // Only now: a control plane that has already ended must be found, so that it is taken out.
        self.watch_over(spec, running.plane.clone());
        self.node_changes.tell(&spec.cluster_uid, None);
        self.started.send_replace(());
        Ok(running)
    }

    /// The server that a client trusts who trusts this authority: every control plane has one of its own.
    pub async fn server_of(&self, authority_pem: &str) -> Option<Arc<ApiServer>> {
        let running = self.running.lock().await;
        let own = |running: &&Running| running.endpoint.certificate_authority_pem == authority_pem;
        running.values().find(own).map(|running| running.plane.server.clone())
    }

    /// The version that it says it has, once it runs.
    pub async fn version_of(&self, authority_pem: &str) -> String {
        let mut started = self.started.subscribe();
        loop {
            if let Some(server) = self.server_of(authority_pem).await {
                return server.config().git_version.clone();
            }
            // The sender is this factory's own.
            drop(started.changed().await);
        }
    }

    /// A control plane that ends by itself, by a panic for instance, is started again by the agent. Others go on.
    fn watch_over(&self, spec: &ControlPlaneSpec, plane: Arc<ControlPlane>) {
        let (all, agent, stop) = (self.running.clone(), self.agent.clone(), self.runtime.stop.clone());
        let (uid, key) = (spec.uid.clone(), ObjectKey::new(&*spec.namespace, &*spec.name));
        self.runtime.tasks.spawn(async move {
            if stop.run_until_cancelled(plane.runtime().stop.cancelled()).await.is_none() {
                return;
            }
            // Destroyed on purpose: the factory has taken it out before it stopped it.
            let Some(ended) = all.lock().await.remove(&uid) else { return };
            tracing::error!(cluster = key.name, "a control plane ended; it is started again");
            ended.plane.stop().await;
            if let Some(queue) = agent.get() {
                queue.add(key);
            }
        });
    }

    async fn start(&self, spec: &ControlPlaneSpec) -> Result<Running, String> {
        let (keys, listener) = self.keys(spec).await?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let store = self.engine.cluster(&spec.uid).await.map_err(|e| e.to_string())?;
        let verifier = TokenCaller {
            cluster: spec.cluster_name.clone(),
            hosts: self.hosts.clone(),
            endpoint: self.endpoint.clone(),
            instances: self.instances.clone(),
            clock: self.clock.clone(),
        };
        let minor = self.minor(&spec.version).await?;
        let network = LateNetwork::default();
        let service_cidr: ipnet::Ipv4Net =
            spec.service_ipv4_cidr.parse().map_err(|e| format!("service range {:?}: {e}", spec.service_ipv4_cidr))?;
        let plan = Plan {
            name: spec.cluster_name.clone(),
            published: minor.published,
            store,
            service_cidr: Some(service_cidr),
            issuer: spec.oidc_issuer.clone(),
            access: self.access.index_of(&spec.cluster_uid),
            caller_verifier: Some(Arc::new(verifier)),
            dialer: Some(Arc::new(network.clone())),
            clock: self.clock.clone(),
        };
        let plane = ControlPlane::start(plan, &keys).await.map_err(|e| e.to_string())?;
        let born_with = async {
            nodes::authorize(&plane.server).await?;
            kube_dns::publish(&plane.server, service_cidr).await
        };
        if let Err(why) = born_with.await {
            plane.stop().await;
            return Err(why.to_string());
        }
        plane.listen(listener, &[address.ip().to_string()], &keys, &self.clock).map_err(|e| e.to_string())?;
        let cloud = Cloud { node_names: Arc::new(self.instances.clone()), load_balancers: Arc::new(self.balancers.of(spec)) };
        plane.start_controllers(minor.kinds, &keys, cloud, &self.clock);
        let endpoint = Endpoint { url: url(address), certificate_authority_pem: keys.authority.certificate_pem().to_owned() };
        let service_address = Ipv4Addr::from(u32::from(service_cidr.network()).wrapping_add(1));
        let names = vec![address.ip().to_string(), service_address.to_string()];
        let presence = Presence::new(keys, self.clock.clone(), names, network);
        let (cluster_uid, presence) = (spec.cluster_uid.clone(), Arc::new(presence));
        Ok(Running { plane: Arc::new(plane), endpoint, presence, cluster_uid, nodes: Arc::default() })
    }

    /// The keys and the address of a control plane: those it has had since it was first made.
    async fn keys(&self, spec: &ControlPlaneSpec) -> Result<(Keys, TcpListener), String> {
        let name = keys_name(spec);
        let found = self.client.find(CONTROL_PLANE_KEYS, &spec.namespace, &name).await.map_err(|e| e.to_string())?;
        if let Some(record) = found {
            let doc = record.get("/spec");
            let address: SocketAddr =
                doc["address"].as_str().unwrap_or_default().parse().map_err(|e| format!("stored address: {e}"))?;
            let listener = TcpListener::bind(address)
                .await
                .map_err(|e| format!("cannot listen on {address}, the address of this cluster: {e}"))?;
            return Ok((Keys::from_doc(&doc).map_err(|e| e.to_string())?, listener));
        }
        let listener = bind_free(&spec.uid).await?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let signing = self.signing_keys.take().await.map_err(|e| e.to_string())?;
        let keys = Keys::new(signing, self.clock.now()).map_err(|e| e.to_string())?;
        let mut fields = keys.to_doc().map_err(|e| e.to_string())?;
        fields["address"] = address.to_string().into();
        let record = json!({ "metadata": { "name": name }, "spec": fields });
        self.client.create(CONTROL_PLANE_KEYS, &spec.namespace, record).await.map_err(|e| e.to_string())?;
        Ok((keys, listener))
    }

    async fn minor(&self, version: &str) -> Result<Minor, String> {
        let minor = version
            .strip_prefix("1.")
            .and_then(|m| m.parse().ok())
            .ok_or_else(|| format!("version {version:?} is no Kubernetes minor"))?;
        let mut minors = self.minors.lock().await;
        if let Some(known) = minors.get(&minor) {
            return Ok(known.clone());
        }
        let catalog = api::Catalog::new(minor).ok_or_else(|| format!("Kubernetes {version} is not built in"))?;
        let kinds = catalog.iter().map(|def| facts(def)).collect();
        let made = Minor { published: Published::new(catalog)?, kinds };
        minors.insert(minor, made.clone());
        Ok(made)
    }

    /// Stops every control plane, for the end of the service.
    pub async fn stop_all(&self) {
        let running: Vec<Running> = self.running.lock().await.drain().map(|(_, running)| running).collect();
        for one in running {
            one.plane.stop().await;
        }
    }
}

fn facts(def: &api::ResourceDef) -> KindFacts {
    KindFacts { gvr: def.gvr.clone(), kind: def.kind.clone(), namespaced: def.namespaced, verbs: def.verbs.clone() }
}

fn url(address: SocketAddr) -> String {
    match address.port() {
        443 => format!("https://{}", address.ip()),
        port => format!("https://{}:{port}", address.ip()),
    }
}

/// A loopback address of its own, chosen by the uid so that two services rarely try the same one.
async fn bind_free(uid: &str) -> Result<TcpListener, String> {
    let seed = uid.bytes().fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let mut last = None;
    for attempt in 0..ADDRESSES_TRIED {
        let host = seed.wrapping_add(attempt) % (1 << ADDRESS_BITS);
        // Neither .0 nor .255 at the end: some tools take them for networks.
        if matches!(host & 0xff, 0 | 0xff) {
            continue;
        }
        let ip = IpAddr::V4(Ipv4Addr::from(ADDRESS_BASE | host));
        for port in PORTS {
            match TcpListener::bind((ip, port)).await {
                Ok(listener) => return Ok(listener),
                Err(error) => last = Some(error),
            }
        }
    }
    Err(format!("no free loopback address for the cluster: {}", last.map(|e| e.to_string()).unwrap_or_default()))
}
