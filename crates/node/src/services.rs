//! Services as this node's pods and node ports reach them.

use crate::assembly::Node;
use node_os::netns::NetNs;

impl Node {
    pub(crate) fn lead_services(&self, namespace: &NetNs) {
        let config = kube_proxy::Config {
            node_name: self.config.node_name.clone(),
            namespace: namespace.clone(),
            node_addresses: vec![self.identity.address],
            service_cidrs: vec![self.service_cidr],
            local_addresses: vec![self.cluster_dns],
            pod_links: format!("{}*", pod_network::LINK_PREFIX),
        };
        kube_proxy::start(config, &self.informers, &self.runtime);
    }
}
