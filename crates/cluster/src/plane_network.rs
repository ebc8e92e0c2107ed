//! A control plane inside its cluster's VPC: it serves at its private addresses, which Service `kubernetes` leads to.

use crate::control_plane::{ControlPlane, server_tls};
use crate::keys::Keys;
use agent::PlaneNetwork;
use client::{Client, Resource};
use meta::time::SharedClock;
use meta::{Doc, Status, User};
use parking_lot::RwLock;
use serde_json::json;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

const HTTPS_PORT: u16 = 443;
const ENDPOINTS: Resource = Resource::new("", "v1", "endpoints");
const ENDPOINT_SLICES: Resource = Resource::new("discovery.k8s.io", "v1", "endpointslices");
/// Upstream's user for what an API server does to itself.
const API_SERVER_USER: &str = "system:apiserver";
const SERVICE: &str = "kubernetes";

/// Where a control plane is in the network, as soon as it is there.
#[derive(Clone, Default)]
pub struct LateNetwork(Arc<RwLock<Option<PlaneNetwork>>>);

impl LateNetwork {
    pub fn get(&self) -> Option<PlaneNetwork> {
        self.0.read().clone()
    }

    /// Connects to a node or a pod, from the control plane's own address.
    pub async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let missing =
            || io::Error::new(io::ErrorKind::NetworkUnreachable, "the control plane has no network interface in its VPC");
        let simulated = || io::Error::new(io::ErrorKind::ConnectionRefused, "connect: the network is simulated, nobody listens");
        let namespace = self.get().ok_or_else(missing)?.namespace;
        namespace.ok_or_else(simulated)?.connect_tcp(address).await
    }

    fn set(&self, network: PlaneNetwork) {
        *self.0.write() = Some(network);
    }
}

#[async_trait::async_trait]
impl apiserver::KubeletDialer for LateNetwork {
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.dial(address).await
    }
}

/// Where a control plane listens now.
struct Entered {
    /// Of the namespace, where there is one.
    inode: Option<u64>,
    addresses: Vec<Ipv4Addr>,
    stop: CancellationToken,
}

pub struct Presence {
    keys: Keys,
    clock: SharedClock,
    /// What the certificate names besides the private addresses.
    names: Vec<String>,
    network: LateNetwork,
    entered: Mutex<Option<Entered>>,
}

impl Presence {
    /// `network` hears where the control plane is.
    pub fn new(keys: Keys, clock: SharedClock, names: Vec<String>, network: LateNetwork) -> Self {
        Self { keys, clock, names, network, entered: Mutex::default() }
    }

    /// Listens at the network's addresses and says so in the cluster. Being there already is success.
    pub async fn enter(&self, plane: &ControlPlane, network: &PlaneNetwork) -> Result<(), String> {
        let mut entered = self.entered.lock().await;
        let inode = network.namespace.as_ref().map(|namespace| namespace.inode()).transpose().map_err(|e| e.to_string())?;
        if entered.as_ref().is_some_and(|there| there.inode == inode && there.addresses == network.addresses) {
            return Ok(());
        }
        // Addresses that it no longer has, or a namespace that is no longer the one.
        if let Some(before) = entered.take() {
            before.stop.cancel();
        }
        let stop = plane.runtime().stop.child_token();
        let guard = stop.clone().drop_guard();
        self.listen(plane, network, &stop)?;
        self.network.set(network.clone());
        let client = plane.server.client(User::authenticated(API_SERVER_USER, [meta::user::MASTERS]));
        publish(&client, &network.addresses).await.map_err(|e| e.to_string())?;
        guard.disarm();
        *entered = Some(Entered { inode, addresses: network.addresses.clone(), stop });
        Ok(())
    }

    fn listen(&self, plane: &ControlPlane, network: &PlaneNetwork, stop: &CancellationToken) -> Result<(), String> {
        let Some(namespace) = &network.namespace else { return Ok(()) };
        let private = network.addresses.iter().map(ToString::to_string);
        let names: Vec<String> = self.names.iter().cloned().chain(private).collect();
        let tls = server_tls(&self.keys, &names, &self.clock).map_err(|e| e.to_string())?;
        for address in &network.addresses {
            let address = SocketAddr::from((*address, HTTPS_PORT));
            let listener = namespace.listen_tcp(address);
            let listener = listener.map_err(|e| format!("cannot listen on {address} in the cluster's VPC: {e}"))?;
            plane.listen_until(stop, listener, tls.clone()).map_err(|e| e.to_string())?;
        }
        Ok(())
    }
}

/// As kubernetes pkg/controlplane/reconcilers does: the addresses of the API servers are those of Service `kubernetes`.
async fn publish(client: &Client, addresses: &[Ipv4Addr]) -> Result<(), Status> {
    put(client, ENDPOINTS, endpoints(addresses)).await?;
    put(client, ENDPOINT_SLICES, endpoint_slice(addresses)).await
}

async fn put(client: &Client, resource: Resource, doc: Doc) -> Result<(), Status> {
    match client.find(resource, "default", SERVICE).await? {
        Some(_) => client.patch(resource, "default", SERVICE, "", doc).await.map(drop),
        None => client.create(resource, "default", doc).await.map(drop),
    }
}

fn endpoints(addresses: &[Ipv4Addr]) -> Doc {
    let addresses: Vec<Doc> = addresses.iter().map(|address| json!({"ip": address})).collect();
    json!({
        "metadata": {"name": SERVICE, "namespace": "default", "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": [{"addresses": addresses, "ports": [{"name": "https", "port": HTTPS_PORT, "protocol": "TCP"}]}],
    })
}

fn endpoint_slice(addresses: &[Ipv4Addr]) -> Doc {
    let endpoints: Vec<Doc> =
        addresses.iter().map(|address| json!({"addresses": [address], "conditions": {"ready": true}})).collect();
    json!({
        "metadata": {"name": SERVICE, "namespace": "default", "labels": {"kubernetes.io/service-name": SERVICE}},
        "addressType": "IPv4", "endpoints": endpoints,
        "ports": [{"name": "https", "port": HTTPS_PORT, "protocol": "TCP"}],
    })
}
