//! A cluster with one real node and pods that do nothing: the benchmark makes its sockets inside them, and is client and
//! server there, so that neither costs what a program of an image would.

use super::clusters;
use super::events::Events;
use super::http::Target;
use super::nodes::{PODS, is_running, node_ready, pod};
use crate::demo::{image, world::World};
use crate::process::{Failure, Result};
use crate::procfs;
use hyper::Method;
use node_os::netns::{self, NetNs};
use node_os::nft;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::path::Path;
use tokio::runtime::Runtime;

const PREFIX: &str = "ph-";
/// The table that Services are in.
pub const PROXY_TABLE: &str = "kube-proxy";

pub struct Pod {
    pub address: Ipv4Addr,
    pub namespace: NetNs,
}

pub struct Field {
    pub target: Target,
    pub pods: Vec<Pod>,
    /// The node's own.
    pub node: NetNs,
    cluster: &'static str,
}

impl Field {
    pub fn prepare(world: &mut World, runtime: &Runtime, cluster: &'static str, pods: usize) -> Result<Self> {
        clusters::create(world, cluster)?;
        let archive = image::pack(&world.directory)?;
        world.ok(&format!("pilothouse image load --state-dir $STATE {}", archive.display()))?;
        let target = clusters::target(world, cluster)?;
        let (node, _) = runtime.block_on(node_ready(world, &target, cluster))?;
        let pods = runtime.block_on(start_pods(&world.binary, &target, &node, pods))?;
        Ok(Self { target, pods, node: with_table(PROXY_TABLE)?, cluster })
    }

    pub fn clear(self, world: &mut World) -> Result<()> {
        clusters::delete_group(world, self.cluster)?;
        clusters::delete(world, self.cluster)
    }
}

async fn start_pods(binary: &Path, target: &Target, node: &str, count: usize) -> Result<Vec<Pod>> {
    let mut events = Events::open(target, &format!("{PODS}?watch=true")).await?;
    let mut writer = target.connect().await?;
    let mut pods = Vec::new();
    for number in 0..count {
        let name = format!("field-{number}");
        writer.exchange(Method::POST, PODS, pod(&name, node)).await?;
        let running = events.until(|pod| pod["metadata"]["name"] == *name && is_running(pod)).await?;
        pods.push(found(binary, &running)?);
    }
    Ok(pods)
}

/// The namespace of the pod's shim is the one that has its address.
fn found(binary: &Path, pod: &Value) -> Result<Pod> {
    let address = pod.pointer("/status/podIP").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let address: Ipv4Addr = address.ok_or("a running pod has an address")?;
    let namespaces = procfs::role(binary, "shim").into_iter().filter_map(|pid| NetNs::of_process(pid).ok());
    let has_address = |namespace: &NetNs| namespace.run(|| std::net::TcpListener::bind((address, 0))).is_ok();
    let namespace = namespaces.into_iter().find(has_address);
    namespace.map(|namespace| Pod { address, namespace }).ok_or_else(|| Failure(format!("no process is at {address}")))
}

/// The network namespace of the service that has this table.
pub fn with_table(table: &str) -> Result<NetNs> {
    let broken = |error: std::io::Error| Failure::io("network namespaces", &error);
    for name in netns::list(PREFIX).map_err(broken)? {
        let namespace = NetNs::named(&name).map_err(broken)?;
        if !nft::chains(&namespace, table).map_err(broken)?.is_empty() {
            return Ok(namespace);
        }
    }
    Err(Failure(format!("nobody has a table {table}")))
}
