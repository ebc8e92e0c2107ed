//! Load balancers as the host sees them: listeners on their loopback addresses, and their names in the hosts file.

use super::host_listeners::{Destination, HostListeners};
use super::hosts_file::{HostsFile, Names};
use node_os::netns::NetNs;
use parking_lot::Mutex;
use reconcile::Runtime;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

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
    listeners: HostListeners,
    /// None: names are not written anywhere.
    hosts: Option<HostsFile>,
    /// By VPC.
    entries: Mutex<BTreeMap<String, Vec<Entry>>>,
}

impl HostAccess {
    pub fn new(hosts: Option<HostsFile>, runtime: &Runtime) -> Self {
        Self { listeners: HostListeners::new(runtime), hosts, entries: Mutex::default() }
    }

    /// Makes a VPC's load balancers reachable, and those that it had no more; says what of it did not work.
    pub fn ensure(&self, vpc: &str, own: Vec<Entry>) -> Result<(), String> {
        let mut entries = self.entries.lock();
        entries.insert(vpc.to_owned(), own);
        let all = || entries.values().flatten();
        let listening = all().flat_map(|entry| {
            let destination = || Destination { router: entry.router.clone(), addresses: entry.addresses.clone() };
            entry.ports.iter().map(move |port| (SocketAddr::from((entry.loopback, *port)), destination()))
        });
        let failed = self.listeners.ensure(listening.collect());
        let names: Names = all().map(|entry| (entry.name.clone(), entry.loopback)).collect();
        let written = self.hosts.as_ref().map_or(Ok(()), |hosts| {
            hosts.write(&names).map_err(|error| format!("names of load balancers in {}: {error}", hosts.path.display()))
        });
        let failed = failed.into_iter().map(|(at, error)| format!("a load balancer's listener at {at}: {error}"));
        let failed: Vec<String> = failed.chain(written.err()).collect();
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }
}
