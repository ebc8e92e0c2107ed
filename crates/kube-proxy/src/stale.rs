//! UDP flows that go on to endpoints that are gone: a client that never closes its socket would never notice.
//! Follows kubernetes `pkg/proxy/conntrack/cleanup.go`.

use crate::endpoint::Endpoints;
use crate::service::ServicePort;
use node_os::conntrack::Flow;
use node_os::nft::Protocol;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Where clients send to, and who may answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served(BTreeMap<(Ipv4Addr, u16), BTreeSet<Ipv4Addr>>);

impl Served {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn add(&mut self, ports: &[ServicePort], endpoints: &Endpoints, node_addresses: &[Ipv4Addr], local: &[Ipv4Addr]) {
        for port in ports.iter().filter(|port| port.protocol == Protocol::Udp) {
            let places = endpoints.get(&(port.name.clone(), port.protocol)).into_iter().flatten();
            let serving: BTreeSet<_> = places.filter(|(_, e)| e.serving).map(|((address, _), _)| *address).collect();
            let own = serving.is_empty() && local.contains(&port.cluster_ip);
            let cluster_ip = Some(port.cluster_ip).filter(|_| !own);
            let addresses = cluster_ip.into_iter().chain(port.outside_ips()).map(|address| (address, port.port));
            let nodes = node_addresses.iter().filter(|_| port.node_port != 0).map(|address| (*address, port.node_port));
            for destination in addresses.chain(nodes) {
                self.0.insert(destination, serving.clone());
            }
        }
    }

    pub fn is_stale(&self, flow: &Flow) -> bool {
        self.0.get(&flow.original.destination).is_some_and(|serving| !serving.contains(&flow.reply.source.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;
    use crate::rules::tests::port;
    use node_os::conntrack::Tuple;

    #[test]
    fn flows_end_with_their_endpoints() {
        let address = |last| Ipv4Addr::new(10, 0, 1, last);
        let (node, service) = (Ipv4Addr::new(10, 0, 0, 4), port("dns").cluster_ip);
        let mut dns = port("dns");
        (dns.protocol, dns.node_port) = (Protocol::Udp, 30053);
        let serving = |serving| Endpoint { serving, ..Endpoint::default() };
        let places = [((address(1), 53), serving(true)), ((address(2), 53), serving(false))];
        let endpoints = Endpoints::from([((dns.name.clone(), Protocol::Udp), places.into())]);
        let mut served = Served::default();
        served.add(&[dns.clone(), port("web")], &endpoints, &[node], &[]);
        for (destination, answers, stale) in [
            ((service, 80), address(1), false),
            ((service, 80), address(2), true),
            ((service, 80), service, true),
            ((service, 81), address(2), false),
            ((node, 30053), address(1), false),
            ((node, 30053), address(9), true),
            ((address(7), 30053), address(9), false),
        ] {
            let client = (Ipv4Addr::new(10, 0, 9, 9), 40000);
            let original = Tuple { source: client, destination };
            let reply = Tuple { source: (answers, 53), destination: client };
            assert_eq!(served.is_stale(&Flow { protocol: 17, original, reply }), stale, "{destination:?} {answers}");
        }
        let mut own = Served::default();
        own.add(&[dns], &Endpoints::new(), &[], &[service]);
        assert!(own.is_empty(), "the node answers itself");
    }
}
