//! Where the pods' addresses come from: EC2, as ipamd of amazon-vpc-cni-k8s asks it (`pkg/awsutils/awsutils.go`).

use crate::aws::{Ec2, Ec2Error};
use crate::imds::Imds;
use aws_wire::client::Element;
use ipnet::Ipv4Net;
use node_os::link::Links;
use node_os::netns::NetNs;
use pod_network::{AddressSource, Interface, SourceError};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// An attached interface whose link does not come.
const LINK_PATIENCE: Duration = Duration::from_secs(60);

pub struct Ec2Addresses {
    pub ec2: Ec2,
    pub imds: Arc<Imds>,
    pub namespace: NetNs,
    pub instance_id: String,
}

fn other(error: impl std::fmt::Display) -> SourceError {
    SourceError::Other(error.to_string())
}

fn refused(error: Ec2Error) -> SourceError {
    match error {
        // Both are said, depending on the operation.
        Ec2Error::Refused { code, .. } if code.starts_with("InsufficientFreeAddresses") => SourceError::InsufficientFreeAddresses,
        Ec2Error::Refused { code, .. } if code == "InsufficientCidrBlocks" => SourceError::InsufficientFreeAddresses,
        error => other(error),
    }
}

impl Ec2Addresses {
    async fn interface(&self, mac: &str) -> Result<Interface, SourceError> {
        let at = |leaf: &str| format!("network/interfaces/macs/{mac}/{leaf}");
        let read = async |leaf: &str| self.imds.meta_data(&at(leaf)).await.map_err(other);
        let addresses: Vec<Ipv4Addr> =
            read("local-ipv4s").await?.lines().map(str::parse).collect::<Result<_, _>>().map_err(other)?;
        let (primary, secondary) = addresses.split_first().ok_or_else(|| other(format!("{mac} has no address")))?;
        Ok(Interface {
            id: read("interface-id").await?,
            device_index: read("device-number").await?.trim().parse().map_err(other)?,
            subnet: read("subnet-ipv4-cidr-block").await?.trim().parse::<Ipv4Net>().map_err(other)?,
            primary: *primary,
            secondary: secondary.to_vec(),
        })
    }

    async fn primary(&self, leaf: &str) -> Result<String, SourceError> {
        let mac = self.imds.meta_data("mac").await.map_err(other)?;
        self.imds.meta_data(&format!("network/interfaces/macs/{}/{leaf}", mac.trim())).await.map_err(other)
    }

    async fn create(&self, count: u32) -> Result<Element, SourceError> {
        let (subnet, groups) = (self.primary("subnet-id").await?, self.primary("security-group-ids").await?);
        let names: Vec<String> = (1..=groups.lines().count()).map(|number| format!("SecurityGroupId.{number}")).collect();
        let mut parameters = vec![
            ("SubnetId", subnet.trim().to_owned()),
            ("Description", format!("aws-K8S-{}", self.instance_id)),
            ("SecondaryPrivateIpAddressCount", count.to_string()),
        ];
        parameters.extend(names.iter().map(String::as_str).zip(groups.lines().map(str::to_owned)));
        self.ec2.call("CreateNetworkInterface", &parameters).await.map_err(refused)
    }

    async fn attach(&self, id: &str, device_index: u32) -> Result<(), SourceError> {
        let parameters = [
            ("NetworkInterfaceId", id.to_owned()),
            ("InstanceId", self.instance_id.clone()),
            ("DeviceIndex", device_index.to_string()),
        ];
        let attached = self.ec2.call("AttachNetworkInterface", &parameters).await.map_err(refused)?;
        let attachment = attached.child("attachmentId").map(|child| child.text.clone()).unwrap_or_default();
        let parameters = [
            ("NetworkInterfaceId", id.to_owned()),
            ("Attachment.AttachmentId", attachment),
            ("Attachment.DeleteOnTermination", "true".into()),
        ];
        self.ec2.call("ModifyNetworkInterfaceAttribute", &parameters).await.map_err(refused)?;
        let links = Links::open(&self.namespace).map_err(other)?;
        let up = tokio::time::timeout(LINK_PATIENCE, async { links.until_up(&format!("eth{device_index}")).await });
        up.await.map_err(|_| other(format!("the link of {id} did not come")))?.map_err(other)?;
        Ok(())
    }
}

/// Texts of `leaf` in each `item` of a set.
fn items(parent: &Element, set: &str, leaf: &str) -> Vec<String> {
    let items = parent.child(set).into_iter().flat_map(|set| set.children_named("item"));
    items.filter_map(|item| item.child(leaf)).map(|child| child.text.trim().to_owned()).collect()
}

#[async_trait::async_trait]
impl AddressSource for Ec2Addresses {
    async fn interfaces(&self) -> Result<Vec<Interface>, SourceError> {
        let macs = self.imds.meta_data("network/interfaces/macs/").await.map_err(other)?;
        let mut interfaces = Vec::new();
        for mac in macs.lines().map(|mac| mac.trim_end_matches('/')) {
            interfaces.push(self.interface(mac).await?);
        }
        interfaces.sort_by_key(|interface| interface.device_index);
        Ok(interfaces)
    }

    async fn assign(&self, interface: &str, count: u32) -> Result<Vec<Ipv4Addr>, SourceError> {
        let parameters = [("NetworkInterfaceId", interface.to_owned()), ("SecondaryPrivateIpAddressCount", count.to_string())];
        let reply = self.ec2.call("AssignPrivateIpAddresses", &parameters).await.map_err(refused)?;
        let assigned = items(&reply, "assignedPrivateIpAddressesSet", "privateIpAddress");
        assigned.iter().map(|address| address.parse().map_err(other)).collect()
    }

    /// One that cannot be attached is deleted again.
    async fn attach_interface(&self, device_index: u32, count: u32) -> Result<Interface, SourceError> {
        let created = self.create(count).await?;
        let made = created.child("networkInterface").ok_or_else(|| other("a reply without an interface"))?;
        let text = |name: &str| made.child(name).map(|child| child.text.trim().to_owned()).unwrap_or_default();
        let (id, mac) = (text("networkInterfaceId"), text("macAddress"));
        if let Err(error) = self.attach(&id, device_index).await {
            if let Err(left) = self.ec2.call("DeleteNetworkInterface", &[("NetworkInterfaceId", id.clone())]).await {
                tracing::warn!(interface = id, error = %left, "an interface that could not be attached stays behind");
            }
            return Err(error);
        }
        self.interface(&mac).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_wire::client::parse_xml;

    #[test]
    fn replies_are_read() {
        let reply = parse_xml(
            "<AssignPrivateIpAddressesResponse><assignedPrivateIpAddressesSet><item><privateIpAddress>10.0.0.5</privateIpAddress>\
             </item><item><privateIpAddress>10.0.0.6</privateIpAddress></item></assignedPrivateIpAddressesSet>\
             </AssignPrivateIpAddressesResponse>",
        );
        let reply = reply.expect("XML");
        assert_eq!(items(&reply, "assignedPrivateIpAddressesSet", "privateIpAddress"), ["10.0.0.5", "10.0.0.6"]);
        for (code, insufficient) in [("InsufficientFreeAddressesInSubnet", true), ("PrivateIpAddressLimitExceeded", false)] {
            let error = refused(Ec2Error::Refused { code: code.into(), message: String::new() });
            assert_eq!(matches!(error, SourceError::InsufficientFreeAddresses), insufficient, "{code}");
        }
    }
}
