//! Makes Services reachable from one node: nftables by netlink, changed as little as the change demands.
//!
//! **Invariant**: what the kernel has is what [`change::Parts`] says, or the next pass reads the table and mends it.

mod affine;
mod change;
mod endpoint;
mod health;
mod kernel;
mod names;
mod proxy;
mod rules;
mod service;
mod stale;
mod table;
mod topology;
#[cfg(test)]
mod trace;
mod way;

pub use proxy::{Progress, start};
pub use table::TABLE;

use ipnet::Ipv4Net;
use node_os::netns::NetNs;
use std::net::Ipv4Addr;
use std::time::Duration;

/// The node whose packets are led.
#[derive(Clone, Debug)]
pub struct Config {
    pub node_name: String,
    /// Where the node's packets pass.
    pub namespace: NetNs,
    /// Where node ports are open. Upstream's `--nodeport-addresses=primary`.
    pub node_addresses: Vec<Ipv4Addr>,
    pub service_cidrs: Vec<Ipv4Net>,
    /// Cluster addresses that the node itself answers on as long as their Service has no endpoints.
    pub local_addresses: Vec<Ipv4Addr>,
    /// The names of pods' links on the node: `eni*`. What comes by others is from outside the pods.
    pub pod_links: String,
    /// How long another program's change of the table stays unnoticed when no Service changes.
    pub sync_period: Duration,
}

/// Upstream's `--iptables-sync-period` and its like.
pub const SYNC_PERIOD: Duration = Duration::from_secs(30);
