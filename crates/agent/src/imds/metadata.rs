//! What an instance can read about itself.

use super::tree::Tree;
use meta::Doc;
use serde_json::json;

/// One network interface of the instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    pub id: String,
    pub mac: String,
    pub device_number: u64,
    pub network_card: u64,
    pub owner_id: String,
    pub subnet_id: String,
    pub subnet_cidr: String,
    pub vpc_id: String,
    pub vpc_cidr: String,
    pub private_dns_name: String,
    /// The primary one first.
    pub addresses: Vec<String>,
    pub security_group_ids: Vec<String>,
    pub security_group_names: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    pub instance_id: String,
    pub account: String,
    pub region: String,
    pub availability_zone: String,
    pub availability_zone_id: String,
    pub image_id: String,
    pub instance_type: String,
    pub architecture: String,
    pub reservation_id: String,
    pub launch_time: String,
    pub private_dns_name: String,
    pub private_ip: String,
    /// Empty: the instance has no role.
    pub role_arn: String,
    pub profile_arn: String,
    pub profile_id: String,
    pub user_data: Vec<u8>,
    pub interfaces: Vec<Interface>,
}

impl Metadata {
    /// The last part of the role's name: a path before it is not shown.
    pub fn role_name(&self) -> &str {
        self.role_arn.rsplit('/').next().unwrap_or_default()
    }

    /// Everything below `meta-data/` but credentials.
    pub(super) fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        for (path, value) in [
            ("ami-id", self.image_id.as_str()),
            ("ami-launch-index", "0"),
            ("ami-manifest-path", "(unknown)"),
            ("hostname", &self.private_dns_name),
            ("instance-action", "none"),
            ("instance-id", &self.instance_id),
            ("instance-life-cycle", "on-demand"),
            ("instance-type", &self.instance_type),
            ("local-hostname", &self.private_dns_name),
            ("local-ipv4", &self.private_ip),
            ("placement/availability-zone", &self.availability_zone),
            ("placement/availability-zone-id", &self.availability_zone_id),
            ("placement/region", &self.region),
            ("profile", "default-hvm"),
            ("reservation-id", &self.reservation_id),
            ("services/domain", "amazonaws.com"),
            ("services/partition", "aws"),
        ] {
            tree.add_some(path, value);
        }
        if let Some(primary) = self.interfaces.iter().find(|interface| interface.device_number == 0) {
            tree.add("mac", &primary.mac);
            tree.add_some("security-groups", &primary.security_group_names.join("\n"));
        }
        self.interfaces.iter().for_each(|interface| interface.add_to(&mut tree));
        tree
    }

    /// `iam/info`. None without a role.
    pub(super) fn iam_info(&self, updated: &str) -> Option<Doc> {
        (!self.role_arn.is_empty()).then(|| {
            json!({
                "Code": "Success", "LastUpdated": updated,
                "InstanceProfileArn": self.profile_arn, "InstanceProfileId": self.profile_id,
            })
        })
    }

    pub(super) fn identity_document(&self) -> Doc {
        json!({
            "accountId": self.account, "architecture": self.architecture, "availabilityZone": self.availability_zone,
            "billingProducts": null, "devpayProductCodes": null, "marketplaceProductCodes": null,
            "imageId": self.image_id, "instanceId": self.instance_id, "instanceType": self.instance_type,
            "kernelId": null, "pendingTime": self.launch_time, "privateIp": self.private_ip, "ramdiskId": null,
            "region": self.region, "version": "2017-09-30",
        })
    }
}

impl Interface {
    fn add_to(&self, tree: &mut Tree) {
        let at = |leaf: &str| format!("network/interfaces/macs/{}/{leaf}", self.mac);
        tree.add(at("device-number"), self.device_number.to_string());
        tree.add(at("network-card"), self.network_card.to_string());
        for (leaf, value) in [
            ("interface-id", self.id.as_str()),
            ("local-hostname", &self.private_dns_name),
            ("local-ipv4s", &self.addresses.join("\n")),
            ("mac", &self.mac),
            ("owner-id", &self.owner_id),
            ("security-group-ids", &self.security_group_ids.join("\n")),
            ("security-groups", &self.security_group_names.join("\n")),
            ("subnet-id", &self.subnet_id),
            ("subnet-ipv4-cidr-block", &self.subnet_cidr),
            ("vpc-id", &self.vpc_id),
            ("vpc-ipv4-cidr-block", &self.vpc_cidr),
            ("vpc-ipv4-cidr-blocks", &self.vpc_cidr),
        ] {
            tree.add_some(at(leaf), value);
        }
    }
}
