//! Routers and links on the kernel: what is there, and one step of changing it.

use super::plan::{End, Path, Seen, Step};
use super::records::{Interface, Wanted};
use ipnet::Ipv4Net;
use node_os::link::{End as VethEnd, LOOPBACK, Link, Links, Route};
use node_os::netns::{self, NetNs};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// Jumbo frames, as inside a VPC.
const MTU: u32 = 9001;
/// How long a link may take to carry packets.
const PATIENCE: Duration = Duration::from_secs(10);

/// The router of one VPC, open for a pass.
pub struct Router {
    links: Links,
}

impl Router {
    /// Makes it if it is not there.
    pub async fn ensure(name: &str) -> io::Result<Self> {
        let links = Links::open(&netns::create(name)?)?;
        links.sysctl("net/ipv4/ip_forward", "1")?;
        // Answers may come back by another interface than the one that the question left by.
        links.sysctl("net/ipv4/conf/all/rp_filter", "0")?;
        links.sysctl("net/ipv4/conf/default/rp_filter", "0")?;
        links.set_up(LOOPBACK).await?;
        Ok(Self { links })
    }

    pub fn namespace(&self) -> &NetNs {
        self.links.namespace()
    }

    pub async fn observe(&self) -> io::Result<Seen> {
        let links: Vec<Link> = self.links.list().await?.into_iter().filter(|link| link.index != LOOPBACK).collect();
        let names: BTreeMap<u32, &str> = links.iter().map(|link| (link.index, &*link.name)).collect();
        let routes = self.links.routes().await?;
        let paths = routes.iter().filter_map(|route| {
            let link = (*names.get(&route.link)?).to_owned();
            Some(Path { to: route.destination.addr(), via: route.via, link })
        });
        let local = self.links.addresses(LOOPBACK).await?.into_iter().map(|net| net.addr());
        Ok(Seen {
            paths: paths.collect(),
            local: local.filter(|address| !address.is_loopback()).collect(),
            links: links.into_iter().map(|link| (link.name, End { up: link.up, note: link.alias })).collect(),
        })
    }

    pub async fn apply(&self, step: &Step) -> io::Result<()> {
        match step {
            Step::RemovePath(path) => self.links.delete_route(&self.route(path).await?).await,
            Step::Disconnect(link) => self.links.delete(link).await,
            Step::DeleteNamespace(name) => netns::delete(name),
            Step::RemoveLocal(address) => self.links.delete_address(LOOPBACK, (*address).into()).await,
            Step::AddLocal(address) => self.links.add_address(LOOPBACK, (*address).into()).await,
            Step::Connect(interface) => self.connect(interface).await,
            Step::PutPath(path) => self.links.put_route(&self.route(path).await?).await,
        }
    }

    async fn route(&self, path: &Path) -> io::Result<Route> {
        let link = self.links.need(&path.link).await?.index;
        Ok(match path.via {
            Some(via) => Route::via(path.to.into(), via, link),
            None => Route::direct(path.to.into(), link),
        })
    }

    /// The note comes last: a pair without it is one that a crash left unfinished.
    async fn connect(&self, interface: &Interface) -> io::Result<()> {
        let owner = netns::create(&interface.owner)?;
        let inside = Links::open(&owner)?;
        let (name, eth) = (interface.link_name(), interface.owner_link_name());
        self.links.delete(&name).await?;
        inside.delete(&eth).await?;
        let near = VethEnd { name: &name, mac: None, namespace: self.links.namespace() };
        let far = VethEnd { name: &eth, mac: Some(interface.mac), namespace: &owner };
        self.links.add_veth(&near, &far, MTU).await?;
        let link = self.links.need(&name).await?.index;
        // It answers for every other address of the subnet, at once.
        self.links.sysctl(&format!("net/ipv4/conf/{name}/proxy_arp"), "1")?;
        self.links.sysctl(&format!("net/ipv4/neigh/{name}/proxy_delay"), "0")?;
        self.links.set_up(link).await?;
        self.links.put_neighbour(link, interface.primary, interface.mac).await?;
        furnish(&inside, interface).await?;
        let both = async { tokio::try_join!(self.links.wait_for_running(&name), inside.wait_for_running(&eth)) };
        tokio::time::timeout(PATIENCE, both).await.map_err(|_| io::Error::other(format!("{name} carries nothing")))??;
        self.links.set_alias(link, &interface.note()).await
    }
}

/// The owner's side.
async fn furnish(inside: &Links, interface: &Interface) -> io::Result<()> {
    inside.set_up(LOOPBACK).await?;
    let link = inside.need(&interface.owner_link_name()).await?.index;
    inside.set_up(link).await?;
    let net = Ipv4Net::new(interface.primary, interface.subnet.prefix_len()).map_err(io::Error::other)?;
    if interface.device_index > 0 {
        // The first interface leads everywhere; a second way to the same subnet would only be ambiguous.
        return inside.add_address_without_route(link, net).await;
    }
    inside.add_address(link, net).await?;
    inside.put_route(&Route::via(Ipv4Net::default(), interface.gateway(), link)).await
}

/// Takes away a router that nothing is connected to any more.
pub async fn remove(wanted: &Wanted) -> io::Result<()> {
    // Made whole if a crash left half of it: only so can be seen what it leads to.
    if netns::list(&wanted.router)?.contains(&wanted.router) {
        let router = Router::ensure(&wanted.router).await?;
        let seen = router.observe().await?;
        for step in super::plan::plan(&Wanted { local: [].into(), ..wanted.clone() }, &seen) {
            router.apply(&step).await?;
        }
    }
    netns::delete(&wanted.router)
}
