//! Services as this node's pods and node ports reach them.

use crate::assembly::Node;
use node_os::netns::NetNs;
use std::net::IpAddr;

impl Node {
    pub(crate) fn lead_services(&self, namespace: &NetNs) {
        // VPCs are IPv4; a node of another kind would have no node ports.
        let node_addresses = [self.identity.address].into_iter().filter_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        let config = kube_proxy::Config {
            node_name: self.config.node_name.clone(),
            namespace: namespace.clone(),
            node_addresses: node_addresses.collect(),
            service_cidrs: vec![self.service_cidr],
            local_addresses: vec![self.cluster_dns],
            pod_links: format!("{}*", pod_network::LINK_PREFIX),
            sync_period: kube_proxy::SYNC_PERIOD,
        };
        // Nothing here waits for it: a Service that is not led yet is one that its clients try again.
        drop(kube_proxy::start(config, &self.informers, &self.runtime));
    }
}
