//! Where addresses come from: EC2, as ipamd asks it.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// A network interface of this node, with what EC2 has assigned to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    /// `eni-0123456789abcdef0`
    pub id: String,
    /// The link is `eth<device index>`.
    pub device_index: u32,
    #[serde(with = "as_text")]
    pub subnet: Ipv4Net,
    pub primary: Ipv4Addr,
    pub secondary: Vec<Ipv4Addr>,
}

/// `10.0.0.0/20`
mod as_text {
    use super::{Deserialize, Ipv4Net};
    use serde::{Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(net: &Ipv4Net, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(net)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ipv4Net, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Interface {
    pub fn link_name(&self) -> String {
        format!("eth{}", self.device_index)
    }

    /// A subnet's first address is its router's.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.subnet.network()).wrapping_add(1))
    }
}

/// What an instance type can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub interfaces: u32,
    /// With the primary one.
    pub addresses_per_interface: u32,
}

impl Limits {
    pub fn secondary_per_interface(self) -> u32 {
        self.addresses_per_interface.saturating_sub(1)
    }

    /// What EKS configures: two pods of every node, the proxy and the network agent, use the node's own address.
    pub fn max_pods(self) -> u32 {
        self.interfaces * self.secondary_per_interface() + 2
    }
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum SourceError {
    /// EC2's InsufficientFreeAddressesInSubnet.
    #[error("the subnet has no free addresses")]
    InsufficientFreeAddresses,
    #[error("{0}")]
    Other(String),
}

#[async_trait::async_trait]
pub trait AddressSource: Send + Sync + 'static {
    /// The node's interfaces with all their addresses.
    async fn interfaces(&self) -> Result<Vec<Interface>, SourceError>;

    /// AssignPrivateIpAddresses: so many more secondary addresses, all or none. Says which are new.
    async fn assign(&self, interface: &str, count: u32) -> Result<Vec<Ipv4Addr>, SourceError>;

    /// CreateNetworkInterface with so many secondary addresses, in the primary interface's subnet and groups, and
    /// AttachNetworkInterface. Its link may come a little later.
    async fn attach_interface(&self, device_index: u32, count: u32) -> Result<Interface, SourceError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_of_an_instance_type() {
        for (interfaces, addresses_per_interface, pods) in [(3, 6, 17), (3, 12, 35), (2, 4, 8), (4, 15, 58)] {
            assert_eq!(Limits { interfaces, addresses_per_interface }.max_pods(), pods);
        }
    }
}
