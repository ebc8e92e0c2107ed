//! The links of pods: a veth pair per pod, a route to it, and rules where it is not the first interface's.

use crate::pool::Place;
use crate::source::Interface;
use ipnet::Ipv4Net;
use node_os::link::{End, LOOPBACK, Link, Links, Route};
use node_os::netns::NetNs;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

/// What a pod takes for its router. It has no address: the neighbour entry says who answers.
const POD_GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
/// Jumbo frames, as inside a VPC.
const MTU: u32 = 9001;
/// How long a link may take to carry packets.
const PATIENCE: Duration = Duration::from_secs(10);
const POD_LINK: &str = "eth0";
const MAIN_TABLE: u32 = node_os::link::MAIN_TABLE;
/// The VPC CNI's priorities: to pods of this node first, then by the interface that a pod's address belongs to.
const TO_POD_PRIORITY: u32 = 512;
const FROM_POD_PRIORITY: u32 = 1536;
/// What the links of pods begin with in the node's namespace.
pub const LINK_PREFIX: &str = "eni";

/// The node's side of every pod's link.
pub struct Wiring {
    links: Links,
}

/// `eni` and 11 hexadecimal digits: as long as the name of a link may be.
pub fn link_name(sandbox: &str) -> String {
    // FNV-1a, of which 44 bits are kept.
    let hash =
        sandbox.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{LINK_PREFIX}{:011x}", hash & 0xfff_ffff_ffff)
}

impl Wiring {
    pub fn open(node: &NetNs) -> io::Result<Self> {
        let links = Links::open(node)?;
        links.sysctl("net/ipv4/ip_forward", "1")?;
        // What comes for a pod may come by another interface than the one that answers leave by.
        links.sysctl("net/ipv4/conf/all/rp_filter", "0")?;
        links.sysctl("net/ipv4/conf/default/rp_filter", "0")?;
        Ok(Self { links })
    }

    /// Gives the pod its link and address. What a cut-short attempt left is replaced.
    pub async fn wire(&self, sandbox: &str, place: &Place, interface: &Interface, pod: &NetNs) -> io::Result<()> {
        let name = link_name(sandbox);
        let inside = Links::open(pod)?;
        if self.is_wired(&name, place, &inside).await? {
            return self.route(&name, place, interface).await;
        }
        self.links.delete(&name).await?;
        let near = End { name: &name, mac: None, namespace: self.links.namespace() };
        let far = End { name: POD_LINK, mac: None, namespace: pod };
        self.links.add_veth(&near, &far, MTU).await?;
        let here = self.links.need(&name).await?;
        self.links.set_up(here.index).await?;
        let there = furnish(&inside, place.address, &here).await?;
        if let Some(mac) = there.mac {
            self.links.put_neighbour(here.index, place.address, mac).await?;
        }
        self.route(&name, place, interface).await?;
        let both = async { tokio::try_join!(self.links.wait_for_running(&name), inside.wait_for_running(POD_LINK)) };
        tokio::time::timeout(PATIENCE, both).await.map_err(|_| io::Error::other("the link of the pod carries nothing"))??;
        Ok(())
    }

    async fn is_wired(&self, name: &str, place: &Place, inside: &Links) -> io::Result<bool> {
        let (Some(here), Some(there)) = (self.links.find(name).await?, inside.find(POD_LINK).await?) else { return Ok(false) };
        let complete = inside.routes().await?.iter().any(|route| route.destination.prefix_len() == 0);
        Ok(here.up && complete && inside.addresses(there.index).await?.contains(&place.address.into()))
    }

    /// Idempotent: also mends what is missing after a restart.
    pub async fn route(&self, name: &str, place: &Place, interface: &Interface) -> io::Result<()> {
        let here = self.links.need(name).await?;
        self.links.put_route(&Route::direct(place.address.into(), here.index)).await?;
        self.links.put_rule_to(place.address, MAIN_TABLE, TO_POD_PRIORITY).await?;
        if interface.device_index > 0 {
            let table = self.table(interface).await?;
            self.links.put_rule(place.address, table, FROM_POD_PRIORITY).await?;
        }
        Ok(())
    }

    /// A table of the interface's own: what its pods send leaves by it.
    async fn table(&self, interface: &Interface) -> io::Result<u32> {
        let table = interface.device_index + 1;
        let link = self.links.need(&interface.link_name()).await?;
        self.links.set_up(link.index).await?;
        let route = Route::via(Ipv4Net::default(), interface.gateway(), link.index).in_table(table);
        self.links.put_route(&route).await?;
        Ok(table)
    }

    /// Resolves when the interface's link is there.
    pub async fn attached(&self, interface: &Interface) -> io::Result<()> {
        self.links.wait_for(&interface.link_name()).await.map(drop)
    }

    /// Nothing to take away is success.
    pub async fn unwire(&self, sandbox: &str, address: Ipv4Addr) -> io::Result<()> {
        self.links.delete_rules(address).await?;
        self.links.delete(&link_name(sandbox)).await
    }

    /// Names of the pods' links that are there.
    pub async fn present(&self) -> io::Result<Vec<String>> {
        let names = self.links.list().await?.into_iter().map(|link| link.name);
        Ok(names.filter(|name| name.starts_with(LINK_PREFIX)).collect())
    }

    pub async fn remove(&self, link: &str) -> io::Result<()> {
        self.links.delete(link).await
    }
}

/// The pod's side. `router` is the other end of its link.
async fn furnish(inside: &Links, address: Ipv4Addr, router: &Link) -> io::Result<Link> {
    inside.set_up(LOOPBACK).await?;
    let link = inside.need(POD_LINK).await?;
    inside.set_up(link.index).await?;
    inside.add_address(link.index, address.into()).await?;
    if let Some(mac) = router.mac {
        inside.put_neighbour(link.index, POD_GATEWAY, mac).await?;
    }
    inside.put_route(&Route::direct(POD_GATEWAY.into(), link.index)).await?;
    inside.put_route(&Route::via(Ipv4Net::default(), POD_GATEWAY, link.index)).await?;
    Ok(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_links_fit() {
        let names = ["a", "b", "0123456789abcdef", ""].map(link_name);
        for name in &names {
            assert!(name.len() <= 15 && name.len() == 14, "{name}");
        }
        assert_eq!(names[0], link_name("a"));
        assert_ne!(names[0], names[1]);
    }
}
