//! The names that this node's pods ask for: the cluster's are answered here, all others by the VPC's resolver.

use crate::assembly::{Node, NodeError};
use crate::settings::Identity;
use node_os::netns::NetNs;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// The resolver's place in every VPC: this far behind its first address.
const RESOLVER_OFFSET: u32 = 2;
const PORT: u16 = 53;

fn resolver(vpc: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(vpc).wrapping_add(RESOLVER_OFFSET))
}

impl Node {
    pub(crate) async fn answer_names(&self, namespace: &NetNs) -> Result<(), NodeError> {
        let config = cluster_dns::Config {
            domain: self.config.cluster_domain.clone(),
            address: self.cluster_dns,
            upstreams: vec![SocketAddr::from((resolver(self.identity.vpc), PORT))],
            namespace: namespace.clone(),
        };
        let started = cluster_dns::start(config, &self.informers, self.clock.clone(), &self.runtime).await;
        started.map(drop).map_err(|error| NodeError::Setup(format!("cluster DNS at {}: {error}", self.cluster_dns)))
    }
}

/// The node's own `/etc/resolv.conf`, as its DHCP lease would have it. Pods of its network use it too.
pub fn write_resolver(root: &Path, identity: &Identity) -> io::Result<()> {
    let etc = root.join("etc");
    fs::create_dir_all(&etc)?;
    fs::write(etc.join("resolv.conf"), resolv_conf(&identity.private_dns_name, identity.vpc))
}

fn resolv_conf(private_dns_name: &str, vpc: Ipv4Addr) -> String {
    let search = private_dns_name.split_once('.').map(|(_, domain)| format!("search {domain}\n"));
    format!("{}nameserver {}\n", search.unwrap_or_default(), resolver(vpc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_asks_its_vpc() {
        let vpc = Ipv4Addr::new(172, 31, 0, 0);
        for (name, expected) in [
            ("ip-172-31-0-7.ec2.internal", "search ec2.internal\nnameserver 172.31.0.2\n"),
            ("ip-172-31-0-7.eu-west-1.compute.internal", "search eu-west-1.compute.internal\nnameserver 172.31.0.2\n"),
            ("node", "nameserver 172.31.0.2\n"),
        ] {
            assert_eq!(resolv_conf(name, vpc), expected, "{name}");
        }
    }
}
