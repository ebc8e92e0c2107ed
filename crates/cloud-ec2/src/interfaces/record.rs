//! The record of a new interface.

use crate::records::{ADDRESSES_FINALIZER, API_VERSION, INSTANCE_LABEL};
use aws_service::Random;
use meta::{Doc, Time};
use serde_json::json;

/// What an interface is attached to an instance by.
pub struct Attachment<'a> {
    pub attachment_id: String,
    pub instance_id: &'a str,
    pub owner_id: &'a str,
    pub device_index: u64,
    pub network_card_index: u64,
    pub delete_on_termination: bool,
    pub at: Time,
}

impl Attachment<'_> {
    pub fn to_doc(&self) -> Doc {
        json!({
            "attachmentId": self.attachment_id, "instanceId": self.instance_id, "instanceOwnerId": self.owner_id,
            "deviceIndex": self.device_index, "networkCardIndex": self.network_card_index,
            "deleteOnTermination": self.delete_on_termination, "attachTime": self.at.to_string(),
        })
    }
}

pub struct NewInterface<'a> {
    pub id: &'a str,
    /// The Subnet's specification.
    pub subnet: &'a Doc,
    pub owner_id: &'a str,
    pub requester_id: &'a str,
    pub description: &'a str,
    pub groups: Doc,
    pub mac_address: String,
    pub address_count: u64,
    pub tags: Doc,
    pub attachment: Option<Attachment<'a>>,
    /// Who realises it; `""` when it is not attached.
    pub host: &'a str,
}

impl NewInterface<'_> {
    pub fn to_doc(&self) -> Doc {
        let mut doc = json!({
            "apiVersion": API_VERSION, "kind": "NetworkInterface",
            "metadata": {"name": self.id, "finalizers": [ADDRESSES_FINALIZER]},
            "spec": {
                "networkInterfaceId": self.id, "subnetId": self.subnet["subnetId"], "vpcId": self.subnet["vpcId"],
                "availabilityZone": self.subnet["availabilityZone"], "description": self.description,
                "interfaceType": "interface", "ownerId": self.owner_id, "requesterId": self.requester_id,
                "requesterManaged": false, "groups": self.groups, "macAddress": self.mac_address, "sourceDestCheck": true,
                "tags": self.tags, "addressCount": self.address_count, "host": self.host,
            },
        });
        if let Some(attachment) = &self.attachment {
            doc["metadata"]["labels"] = json!({INSTANCE_LABEL: attachment.instance_id});
            doc["spec"]["attachment"] = attachment.to_doc();
        }
        doc
    }
}

/// A unicast address of the locally administered kind, as those of EC2 begin.
pub fn mac_address(random: &dyn Random) -> String {
    let mut bytes = [0; 5];
    random.fill(&mut bytes);
    let [a, b, c, d, e] = bytes;
    format!("02:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}")
}
