//! Links, addresses, routes and neighbours of one network namespace, by netlink. Adding what is there and deleting what is
//! gone is success, so that whoever reconciles may repeat itself.

use crate::netns::NetNs;
use futures::{StreamExt, TryStreamExt};
use ipnet::Ipv4Net;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkFlags, LinkMessage, State};
use netlink_packet_route::neighbour::NeighbourState;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::{Handle, IpVersion, LinkUnspec, LinkVeth, MulticastGroup, RouteMessageBuilder};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use tokio::task::JoinSet;

/// The kernel's main routing table.
pub const MAIN_TABLE: u32 = 254;

/// `lo` is the first link of every namespace.
pub const LOOPBACK: u32 = 1;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Mac {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no MAC address");
        let bytes: Result<Vec<u8>, _> = text.split(':').map(|part| u8::from_str_radix(part, 16)).collect();
        bytes.ok().and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(wrong)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub mac: Option<Mac>,
    pub up: bool,
    /// Up, and so is the other end: what is sent arrives.
    pub running: bool,
    /// A note of ours that the kernel keeps.
    pub alias: String,
}

/// One end of a veth pair.
#[derive(Clone, Debug)]
pub struct End<'a> {
    pub name: &'a str,
    /// None: the kernel chooses.
    pub mac: Option<Mac>,
    pub namespace: &'a NetNs,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    pub destination: Ipv4Net,
    pub via: Option<Ipv4Addr>,
    pub link: u32,
    /// The next hop is on this link even if no address says so.
    pub on_link: bool,
    pub table: u32,
}

impl Route {
    /// To what is on the link itself.
    pub fn direct(destination: Ipv4Net, link: u32) -> Self {
        Self { destination, via: None, link, on_link: false, table: MAIN_TABLE }
    }

    pub fn via(destination: Ipv4Net, gateway: Ipv4Addr, link: u32) -> Self {
        Self { destination, via: Some(gateway), link, on_link: true, table: MAIN_TABLE }
    }

    pub fn in_table(self, table: u32) -> Self {
        Self { table, ..self }
    }
}

/// A namespace's netlink socket. It closes when this is dropped.
pub struct Links {
    handle: Handle,
    namespace: NetNs,
    _connection: JoinSet<()>,
}

impl Links {
    /// To be called inside a tokio runtime.
    pub fn open(namespace: &NetNs) -> io::Result<Self> {
        let runtime = tokio::runtime::Handle::current();
        let (connection, handle, _unasked) = namespace.run(|| {
            let _inside = runtime.enter();
            rtnetlink::new_connection()
        })?;
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        Ok(Self { handle, namespace: namespace.clone(), _connection: tasks })
    }

    pub fn namespace(&self) -> &NetNs {
        &self.namespace
    }

    /// `net/ipv4/ip_forward` and the like, of this namespace.
    pub fn sysctl(&self, name: &str, value: &str) -> io::Result<()> {
        let path = format!("/proc/sys/{name}");
        self.namespace.run(|| std::fs::write(&path, value)).map_err(|e| io::Error::new(e.kind(), format!("{path}: {e}")))
    }

    pub async fn list(&self) -> io::Result<Vec<Link>> {
        let messages: Vec<LinkMessage> = self.handle.link().get().execute().try_collect().await.map_err(to_io)?;
        Ok(messages.iter().map(link_of).collect())
    }

    pub async fn find(&self, name: &str) -> io::Result<Option<Link>> {
        match self.handle.link().get().match_name(name).execute().try_next().await {
            Ok(message) => Ok(message.as_ref().map(link_of)),
            Err(error) => match to_io(error) {
                error if error.raw_os_error() == Some(nix::libc::ENODEV) => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Waits until there is a link of this name and it is up.
    pub async fn until_up(&self, name: &str) -> io::Result<Link> {
        let runtime = tokio::runtime::Handle::current();
        let (connection, _, mut changes) = self.namespace.run(|| {
            let _inside = runtime.enter();
            rtnetlink::new_multicast_connection(&[rtnetlink::MulticastGroup::Link])
        })?;
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        loop {
            if let Some(link) = self.find(name).await?.filter(|link| link.up) {
                return Ok(link);
            }
            let ended = || io::Error::new(io::ErrorKind::BrokenPipe, "the kernel's notes of links ended");
            changes.next().await.ok_or_else(ended)?;
        }
    }

    pub async fn need(&self, name: &str) -> io::Result<Link> {
        self.find(name).await?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no link {name}")))
    }

    /// As [`Links::need`], once it comes.
    pub async fn wait_for(&self, name: &str) -> io::Result<Link> {
        self.wait_until(name, |_| true).await
    }

    /// As [`Links::wait_for`], once it carries packets. The kernel notices a while after both ends are up that they are, and
    /// drops what is sent before; a lost first packet costs TCP a second.
    pub async fn wait_for_running(&self, name: &str) -> io::Result<Link> {
        match self.find(name).await? {
            Some(link) if link.running => Ok(link),
            _ => self.wait_until(name, |link| link.running).await,
        }
    }

    async fn wait_until(&self, name: &str, fits: fn(&Link) -> bool) -> io::Result<Link> {
        let runtime = tokio::runtime::Handle::current();
        let (connection, _open, mut news) = self.namespace.run(|| {
            let _inside = runtime.enter();
            rtnetlink::new_multicast_connection(&[MulticastGroup::Link])
        })?;
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        loop {
            if let Some(link) = self.find(name).await?.filter(fits) {
                return Ok(link);
            }
            news.next().await.ok_or_else(|| io::Error::other("the kernel tells of no more links"))?;
        }
    }

    /// Both ends are down. The pair goes when either end or its namespace goes.
    pub async fn add_veth(&self, here: &End<'_>, there: &End<'_>, mtu: u32) -> io::Result<()> {
        let mut peer = LinkUnspec::new_with_name(there.name).mtu(mtu).setns_by_fd(there.namespace.fd().as_raw_fd());
        if let Some(mac) = there.mac {
            peer = peer.address(mac.0.to_vec());
        }
        let mut pair = LinkVeth::new(here.name, there.name).set_info_data(InfoData::Veth(InfoVeth::Peer(peer.build()))).mtu(mtu);
        if let Some(mac) = here.mac {
            pair = pair.address(mac.0.to_vec());
        }
        self.handle.link().add(pair.build()).execute().await.map_err(to_io)
    }

    pub async fn set_up(&self, link: u32) -> io::Result<()> {
        let message = LinkUnspec::new_with_index(link).up().build();
        self.handle.link().set(message).execute().await.map_err(to_io)
    }

    /// At most 255 bytes.
    pub async fn set_alias(&self, link: u32, alias: &str) -> io::Result<()> {
        let message = LinkUnspec::new_with_index(link).alias(alias).build();
        self.handle.link().set(message).execute().await.map_err(to_io)
    }

    pub async fn delete(&self, name: &str) -> io::Result<()> {
        let Some(link) = self.find(name).await? else { return Ok(()) };
        gone_is_done(self.handle.link().del(link.index).execute().await)
    }

    pub async fn addresses(&self, link: u32) -> io::Result<Vec<Ipv4Net>> {
        let messages = self.handle.address().get().set_link_index_filter(link).execute();
        let messages: Vec<_> = messages.try_collect().await.map_err(to_io)?;
        let address = |message: &netlink_packet_route::address::AddressMessage| {
            let local = message.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
                _ => None,
            })?;
            Ipv4Net::new(local, message.header.prefix_len).ok()
        };
        Ok(messages.iter().filter_map(address).collect())
    }

    /// Those of `lo` only answer: the kernel never picks them as the source of a packet to elsewhere.
    pub async fn add_address(&self, link: u32, address: Ipv4Net) -> io::Result<()> {
        let scope = if link == LOOPBACK { AddressScope::Host } else { AddressScope::Universe };
        self.add_adjusted(link, address, |message| message.header.scope = scope).await
    }

    /// An address whose network is reached by another link.
    pub async fn add_address_without_route(&self, link: u32, address: Ipv4Net) -> io::Result<()> {
        let flags = AddressAttribute::Flags(AddressFlags::Noprefixroute);
        self.add_adjusted(link, address, |message| message.attributes.push(flags)).await
    }

    async fn add_adjusted(&self, link: u32, net: Ipv4Net, adjust: impl FnOnce(&mut AddressMessage)) -> io::Result<()> {
        let mut request = self.handle.address().add(link, IpAddr::V4(net.addr()), net.prefix_len()).replace();
        adjust(request.message_mut());
        request.execute().await.map_err(to_io)
    }

    pub async fn delete_address(&self, link: u32, address: Ipv4Net) -> io::Result<()> {
        let messages = self.handle.address().get().set_link_index_filter(link).execute();
        let messages: Vec<_> = messages.try_collect().await.map_err(to_io)?;
        for message in messages {
            let local = AddressAttribute::Local(IpAddr::V4(address.addr()));
            if message.header.prefix_len == address.prefix_len() && message.attributes.contains(&local) {
                gone_is_done(self.handle.address().del(message).execute().await)?;
            }
        }
        Ok(())
    }

    /// IPv4 routes of every table but the kernel's own `local`.
    pub async fn routes(&self) -> io::Result<Vec<Route>> {
        let asked = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let messages: Vec<RouteMessage> = self.handle.route().get(asked).execute().try_collect().await.map_err(to_io)?;
        Ok(messages.iter().filter_map(route_of).collect())
    }

    pub async fn put_route(&self, route: &Route) -> io::Result<()> {
        self.handle.route().add(route_message(route)).replace().execute().await.map_err(to_io)
    }

    pub async fn delete_route(&self, route: &Route) -> io::Result<()> {
        gone_is_done(self.handle.route().del(route_message(route)).execute().await)
    }

    /// `address` has this MAC on the link, and nobody needs to ask.
    pub async fn put_neighbour(&self, link: u32, address: Ipv4Addr, mac: Mac) -> io::Result<()> {
        let request = self.handle.neighbours().add(link, IpAddr::V4(address));
        let request = request.state(NeighbourState::Permanent).link_layer_address(&mac.0).replace();
        request.execute().await.map_err(to_io)
    }

    /// What comes from `source` is routed by `table`.
    pub async fn put_rule(&self, source: Ipv4Addr, table: u32, priority: u32) -> io::Result<()> {
        let request = self.handle.rule().add().v4().source_prefix(source, 32).table_id(table).priority(priority);
        already_is_done(request.action(RuleAction::ToTable).execute().await)
    }

    /// What goes to `destination` is routed by `table`.
    pub async fn put_rule_to(&self, destination: Ipv4Addr, table: u32, priority: u32) -> io::Result<()> {
        let request = self.handle.rule().add().v4().destination_prefix(destination, 32).table_id(table).priority(priority);
        already_is_done(request.action(RuleAction::ToTable).execute().await)
    }

    /// Every rule that is about this one address.
    pub async fn delete_rules(&self, address: Ipv4Addr) -> io::Result<()> {
        for rule in self.rules().await? {
            if rule_address(&rule) == Some(address) {
                gone_is_done(self.handle.rule().del(rule).execute().await)?;
            }
        }
        Ok(())
    }

    /// The single addresses that there are rules about.
    pub async fn ruled_addresses(&self) -> io::Result<Vec<Ipv4Addr>> {
        Ok(self.rules().await?.iter().filter_map(rule_address).collect())
    }

    async fn rules(&self) -> io::Result<Vec<RuleMessage>> {
        self.handle.rule().get(IpVersion::V4).execute().try_collect().await.map_err(to_io)
    }
}

fn rule_address(rule: &RuleMessage) -> Option<Ipv4Addr> {
    rule.attributes.iter().find_map(|attribute| match attribute {
        RuleAttribute::Source(IpAddr::V4(address)) if rule.header.src_len == 32 => Some(*address),
        RuleAttribute::Destination(IpAddr::V4(address)) if rule.header.dst_len == 32 => Some(*address),
        _ => None,
    })
}

fn link_of(message: &LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        mac: None,
        up: message.header.flags.contains(LinkFlags::Up),
        running: false,
        alias: String::new(),
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::OperState(state) => link.running = *state == State::Up,
            LinkAttribute::IfAlias(alias) => link.alias.clone_from(alias),
            LinkAttribute::Address(bytes) => link.mac = bytes.as_slice().try_into().ok().map(Mac), // lo has none
            _ => {}
        }
    }
    link
}

fn route_message(route: &Route) -> RouteMessage {
    let mut builder = RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(route.destination.addr(), route.destination.prefix_len())
        .output_interface(route.link)
        .table_id(route.table)
        .protocol(RouteProtocol::Static);
    builder = match route.via {
        Some(gateway) => builder.gateway(gateway).scope(RouteScope::Universe),
        None => builder.scope(RouteScope::Link),
    };
    if route.on_link { builder.onlink().build() } else { builder.build() }
}

/// Only those made as [`route_message`] makes them: what the kernel adds by itself is its own.
fn route_of(message: &RouteMessage) -> Option<Route> {
    if message.header.address_family != AddressFamily::Inet || message.header.protocol != RouteProtocol::Static {
        return None;
    }
    let on_link = message.header.flags.contains(netlink_packet_route::route::RouteFlags::Onlink);
    let everything = Ipv4Net::default();
    let table = u32::from(message.header.table);
    let mut route = Route { destination: everything, via: None, link: 0, on_link, table };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => {
                route.destination = Ipv4Net::new(*address, message.header.destination_prefix_length).ok()?;
            }
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => route.via = Some(*address),
            RouteAttribute::Oif(link) => route.link = *link,
            RouteAttribute::Table(table) => route.table = *table,
            _ => {}
        }
    }
    Some(route)
}

fn to_io(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other.to_string()),
    }
}

fn gone_is_done(outcome: Result<(), rtnetlink::Error>) -> io::Result<()> {
    use nix::libc::{EADDRNOTAVAIL, ENODEV, ENOENT, ESRCH};
    match outcome.map_err(to_io) {
        Err(error) if !matches!(error.raw_os_error(), Some(ENOENT | ESRCH | ENODEV | EADDRNOTAVAIL)) => Err(error),
        _ => Ok(()),
    }
}

fn already_is_done(outcome: Result<(), rtnetlink::Error>) -> io::Result<()> {
    match outcome.map_err(to_io) {
        Err(error) if error.raw_os_error() != Some(nix::libc::EEXIST) => Err(error),
        _ => Ok(()),
    }
}
