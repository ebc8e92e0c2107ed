//! Load balancers as the host sees them: listeners on their loopback addresses, and their names in the hosts file.

use super::host_datagrams::HostDatagrams;
use super::host_listeners::{Destination, HostListeners};
use super::hosts_file::{HostsFile, Names};
use super::records::Protocol;
use node_os::net::Dialer;
use reconcile::Runtime;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::sync::Mutex;

/// One load balancer on the host.
#[derive(Clone)]
pub struct Entry {
    pub name: String,
    pub loopback: Ipv4Addr,
    pub ports: BTreeSet<(Protocol, u16)>,
    pub dialer: Arc<Dialer>,
    /// Inside the VPC.
    pub addresses: Vec<Ipv4Addr>,
}

pub struct HostAccess {
    /// None: names are not written anywhere.
    hosts: Option<HostsFile>,
    open: Mutex<Reached>,
}

struct Reached {
    listeners: HostListeners,
    datagrams: HostDatagrams,
    /// By VPC.
    entries: BTreeMap<String, Vec<Entry>>,
}

impl HostAccess {
    pub fn new(hosts: Option<HostsFile>, runtime: &Runtime) -> Self {
        let (listeners, datagrams) = (HostListeners::new(runtime), HostDatagrams::new(runtime));
        let open = Reached { listeners, datagrams, entries: BTreeMap::new() };
        Self { hosts, open: Mutex::new(open) }
    }

    /// Makes a VPC's load balancers reachable, and those that it had no more; says what of it did not work.
    pub async fn ensure(&self, vpc: &str, own: Vec<Entry>) -> Result<(), String> {
        let mut open = self.open.lock().await;
        open.entries.insert(vpc.to_owned(), own);
        let of = |protocol| -> BTreeMap<SocketAddr, Destination> {
            open.entries.values().flatten().flat_map(|entry| destinations(entry, protocol)).collect()
        };
        let (streams, datagrams) = (of(Protocol::Tcp), of(Protocol::Udp));
        let names: Names = open.entries.values().flatten().map(|entry| (entry.name.clone(), entry.loopback)).collect();
        let mut failed = open.listeners.ensure(streams).await;
        failed.extend(open.datagrams.ensure(datagrams).await);
        let failed = failed.into_iter().map(|(at, error)| format!("a load balancer's listener at {at}: {error}"));
        let failed: Vec<String> = failed.chain(self.write(names).await.err()).collect();
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }

    /// On a thread of its own: it is a file, and others may hold its lock.
    async fn write(&self, names: Names) -> Result<(), String> {
        let Some(hosts) = self.hosts.clone() else { return Ok(()) };
        let path = hosts.path.display().to_string();
        let written = tokio::task::spawn_blocking(move || hosts.write(&names)).await;
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error| format!("names of load balancers in {path}: {error}"))
    }
}

fn destinations(entry: &Entry, protocol: Protocol) -> impl Iterator<Item = (SocketAddr, Destination)> {
    let destination = Destination { dialer: entry.dialer.clone(), addresses: entry.addresses.clone() };
    let ports = entry.ports.iter().filter(move |(spoken, _)| *spoken == protocol);
    ports.map(move |(_, port)| (SocketAddr::from((entry.loopback, *port)), destination.clone()))
}
