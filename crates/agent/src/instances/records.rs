//! The records of the management plane that describe an instance, read into what the agent needs of them.

use super::{INSTANCES, NETWORK_INTERFACES, SUBNETS, VPCS};
use crate::imds::{Interface, Metadata};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meta::{Doc, Object};
use reconcile::{Informer, Informers, ObjectKey};
use std::sync::Arc;

const BY_INSTANCE: &str = "instance";

#[derive(Clone)]
pub(super) struct Records {
    pub instances: Arc<Informer>,
    pub interfaces: Arc<Informer>,
    subnets: Arc<Informer>,
    vpcs: Arc<Informer>,
    account: String,
    region: String,
}

fn text(doc: &Doc, pointer: &str) -> String {
    doc.pointer(pointer).and_then(Doc::as_str).unwrap_or_default().to_owned()
}

/// The instance that an interface is attached to.
pub(super) fn attached_to(interface: &Object) -> Option<ObjectKey> {
    let instance = interface.get("/spec/attachment/instanceId");
    let instance = instance.as_str().filter(|id| !id.is_empty())?;
    Some(ObjectKey::new(interface.meta.namespace.as_str(), instance))
}

impl Records {
    pub fn new(informers: &Informers, account: &str, region: &str) -> Self {
        let interfaces = informers.get(NETWORK_INTERFACES);
        interfaces.add_index(BY_INSTANCE, |interface| attached_to(interface).map(|key| key.name).into_iter().collect());
        Self {
            instances: informers.get(INSTANCES),
            interfaces,
            subnets: informers.get(SUBNETS),
            vpcs: informers.get(VPCS),
            account: account.to_owned(),
            region: region.to_owned(),
        }
    }

    /// The interface that the instance was launched with.
    pub fn primary(&self, namespace: &str, record: &Doc) -> Option<Doc> {
        let id = text(record, "/status/network/networkInterfaceId");
        self.interfaces.get(namespace, &id).map(|interface| interface.to_doc())
    }

    /// As the record of this id says it now.
    pub fn metadata(&self, namespace: &str, id: &str) -> Option<Metadata> {
        self.instances.get(namespace, id).map(|record| self.describe(namespace, &record.to_doc()))
    }

    pub fn describe(&self, namespace: &str, record: &Doc) -> Metadata {
        let id = &*text(record, "/metadata/name");
        let spec = |field: &str| text(record, &format!("/spec/{field}"));
        let mut interfaces: Vec<Interface> = self.interfaces.indexed(BY_INSTANCE, id).iter().map(|i| self.interface(i)).collect();
        interfaces.sort_by_key(|interface| interface.device_number);
        let subnet = self.subnets.get(namespace, &spec("subnetId")).map(|subnet| subnet.to_doc()).unwrap_or_default();
        Metadata {
            instance_id: id.to_owned(),
            account: self.account.clone(),
            region: self.region.clone(),
            availability_zone: spec("availabilityZone"),
            availability_zone_id: text(&subnet, "/spec/availabilityZoneId"),
            image_id: spec("imageId"),
            instance_type: spec("instanceType"),
            architecture: spec("architecture"),
            reservation_id: spec("reservationId"),
            launch_time: spec("launchTime"),
            private_dns_name: text(record, "/status/network/privateDnsName"),
            private_ip: text(record, "/status/network/privateIpAddress"),
            role_arn: spec("roleArn"),
            profile_arn: text(record, "/spec/iamInstanceProfile/arn"),
            profile_id: text(record, "/spec/iamInstanceProfile/id"),
            user_data: STANDARD.decode(spec("userData")).unwrap_or_default(), // checked where it was written
            interfaces,
        }
    }

    fn interface(&self, object: &Object) -> Interface {
        let (namespace, doc) = (&object.meta.namespace, object.to_doc());
        let spec = |field: &str| text(&doc, &format!("/spec/{field}"));
        let cidr = |informer: &Informer, id: &str| {
            informer.get(namespace, id).and_then(|o| o.get("/spec/cidrBlock").as_str().map(str::to_owned)).unwrap_or_default()
        };
        let mut addresses: Vec<&Doc> = doc["status"]["privateIpAddresses"].as_array().into_iter().flatten().collect();
        addresses.sort_by_key(|address| address["primary"] != true);
        let groups: Vec<&Doc> = doc["spec"]["groups"].as_array().into_iter().flatten().collect();
        let number = |pointer: &str| doc.pointer(pointer).and_then(Doc::as_u64).unwrap_or(0);
        Interface {
            id: object.meta.name.clone(),
            mac: spec("macAddress"),
            device_number: number("/spec/attachment/deviceIndex"),
            network_card: number("/spec/attachment/networkCardIndex"),
            owner_id: spec("ownerId"),
            subnet_cidr: cidr(&self.subnets, &spec("subnetId")),
            subnet_id: spec("subnetId"),
            vpc_cidr: cidr(&self.vpcs, &spec("vpcId")),
            vpc_id: spec("vpcId"),
            private_dns_name: addresses.first().map(|a| text(a, "/privateDnsName")).unwrap_or_default(),
            addresses: addresses.iter().map(|address| text(address, "/privateIpAddress")).collect(),
            security_group_ids: groups.iter().map(|g| g.as_str().map_or_else(|| text(g, "/groupId"), str::to_owned)).collect(),
            security_group_names: groups.iter().map(|g| text(g, "/groupName")).filter(|name| !name.is_empty()).collect(),
        }
    }
}
