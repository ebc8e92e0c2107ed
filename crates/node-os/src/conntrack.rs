//! The kernel's table of connections, by ctnetlink (linux/netfilter/nfnetlink_conntrack.h).

use crate::netfilter::{Attributes, Message, Socket, Writer};
use crate::netns::NetNs;
use nix::libc::ENOENT;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

const SUBSYSTEM: u16 = 1;
const GET: u16 = 1;
const DELETE: u16 = 2;
const IPV4: u8 = 2;

const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;

/// The ends of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tuple {
    pub source: (Ipv4Addr, u16),
    pub destination: (Ipv4Addr, u16),
}

/// A connection as its first packet came, and as its answers come: they differ when addresses are translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// As in IP's header.
    pub protocol: u8,
    pub original: Tuple,
    pub reply: Tuple,
}

/// The connections of a protocol that has ports.
fn list(socket: &Socket, protocol: u8) -> io::Result<Vec<Flow>> {
    let read = |_, body: &[u8]| flow(Attributes(body)).filter(|flow| flow.protocol == protocol);
    socket.dump(&message(GET, Writer::default()), read)
}

/// Removes those of `flows` that are `stale`: the next packet of each is looked at as the first of a connection.
pub fn delete(namespace: &NetNs, protocol: u8, stale: impl Fn(&Flow) -> bool) -> io::Result<()> {
    let socket = Socket::open(namespace)?;
    for flow in list(&socket, protocol)?.iter().filter(|flow| stale(flow)) {
        let mut attributes = Writer::default();
        attributes.nest(ORIGINAL, |tuple| write(tuple, flow));
        match socket.request(&message(DELETE, attributes)) {
            // One that has ended by itself is as good.
            Err(error) if error.raw_os_error() != Some(ENOENT) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// How long the kernel remembers datagrams of the namespace, answered or not. It must track connections already.
pub fn remember_datagrams(namespace: &NetNs, time: Duration) -> io::Result<()> {
    let write = |name| std::fs::write(format!("/proc/sys/net/netfilter/{name}"), time.as_secs().to_string());
    namespace.run(|| ["nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"].into_iter().try_for_each(write))
}

fn message(kind: u16, attributes: Writer) -> Message {
    Message { kind: SUBSYSTEM << 8 | kind, flags: 0, family: IPV4, attributes }
}

fn write(tuple: &mut Writer, flow: &Flow) {
    let Tuple { source, destination } = flow.original;
    tuple.nest(1, |addresses| {
        addresses.put(1, &source.0.octets()).put(2, &destination.0.octets());
    });
    tuple.nest(2, |ports| {
        ports.put_u8(1, flow.protocol).put_u16(2, source.1).put_u16(3, destination.1);
    });
}

fn flow(attributes: Attributes<'_>) -> Option<Flow> {
    let (original, reply) = (attributes.nested(ORIGINAL)?, attributes.nested(REPLY)?);
    Some(Flow { protocol: original.nested(2)?.u8(1)?, original: tuple(original)?, reply: tuple(reply)? })
}

fn tuple(attributes: Attributes<'_>) -> Option<Tuple> {
    let (addresses, ports) = (attributes.nested(1)?, attributes.nested(2)?);
    let address = |kind| addresses.u32(kind).map(Ipv4Addr::from);
    Some(Tuple { source: (address(1)?, ports.u16(2)?), destination: (address(2)?, ports.u16(3)?) })
}
