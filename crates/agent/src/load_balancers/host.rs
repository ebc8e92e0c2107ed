//! Load balancers as the host sees them: listeners on their loopback addresses, and their names in the hosts file.

use super::host_listeners::{Destination, HostListeners};
use super::hosts_file::{HostsFile, Names};
use node_os::netns::NetNs;
use reconcile::Runtime;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::sync::Mutex;

/// One load balancer on the host.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    pub loopback: Ipv4Addr,
    pub ports: BTreeSet<u16>,
    pub router: NetNs,
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
    /// By VPC.
    entries: BTreeMap<String, Vec<Entry>>,
}

impl HostAccess {
    pub fn new(hosts: Option<HostsFile>, runtime: &Runtime) -> Self {
        let open = Reached { listeners: HostListeners::new(runtime), entries: BTreeMap::new() };
        Self { hosts, open: Mutex::new(open) }
    }

    /// Makes a VPC's load balancers reachable, and those that it had no more; says what of it did not work.
    pub async fn ensure(&self, vpc: &str, own: Vec<Entry>) -> Result<(), String> {
        let mut open = self.open.lock().await;
        open.entries.insert(vpc.to_owned(), own);
        let listening: BTreeMap<SocketAddr, Destination> = open.entries.values().flatten().flat_map(destinations).collect();
        let names: Names = open.entries.values().flatten().map(|entry| (entry.name.clone(), entry.loopback)).collect();
        let failed = open.listeners.ensure(listening).await;
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

fn destinations(entry: &Entry) -> impl Iterator<Item = (SocketAddr, Destination)> {
    let destination = Destination { router: entry.router.clone(), addresses: entry.addresses.clone() };
    entry.ports.iter().map(move |port| (SocketAddr::from((entry.loopback, *port)), destination.clone()))
}
