//! Interfaces as EC2 describes them, with lower-case first letters, so that filters can look into them.

use super::has_finalizer;
use crate::describe::{Kind, shape};
use crate::records::{AGENT_ENI_FINALIZER, NETWORK_INTERFACES};
use meta::Doc;
use serde_json::json;
use std::collections::BTreeMap;

/// Names of security groups, by id.
pub type GroupNames = BTreeMap<String, String>;

pub const KIND: Kind = Kind {
    resource: NETWORK_INTERFACES,
    id: "networkInterfaceId",
    prefix: "eni",
    ids: "NetworkInterfaceIds",
    output: "NetworkInterfaces",
    error: "InvalidNetworkInterfaceID",
    malformed: "InvalidNetworkInterfaceID",
    called: "networkInterface ID",
    filters: &[
        ("addresses.primary", "privateIpAddresses.*.primary"),
        ("addresses.private-ip-address", "privateIpAddresses.*.privateIpAddress"),
        ("attachment.attach-time", "attachment.attachTime"),
        ("attachment.attachment-id", "attachment.attachmentId"),
        ("attachment.delete-on-termination", "attachment.deleteOnTermination"),
        ("attachment.device-index", "attachment.deviceIndex"),
        ("attachment.instance-id", "attachment.instanceId"),
        ("attachment.instance-owner-id", "attachment.instanceOwnerId"),
        ("attachment.status", "attachment.status"),
        ("availability-zone", "availabilityZone"),
        ("description", "description"),
        ("group-id", "groups.*.groupId"),
        ("group-name", "groups.*.groupName"),
        ("interface-type", "interfaceType"),
        ("mac-address", "macAddress"),
        ("network-interface-id", "networkInterfaceId"),
        ("owner-id", "ownerId"),
        ("private-dns-name", "privateDnsName"),
        ("private-ip-address", "privateIpAddresses.*.privateIpAddress"),
        ("requester-id", "requesterId"),
        ("requester-managed", "requesterManaged"),
        ("source-dest-check", "sourceDestCheck"),
        ("status", "status"),
        ("subnet-id", "subnetId"),
        ("vpc-id", "vpcId"),
    ],
};

pub fn groups(ids: &Doc, names: &GroupNames) -> Vec<Doc> {
    let ids = ids.as_array().into_iter().flatten().filter_map(Doc::as_str);
    ids.map(|id| json!({"groupId": id, "groupName": names.get(id).map(String::as_str).unwrap_or_default()})).collect()
}

pub fn interface(record: &Doc, names: &GroupNames) -> Doc {
    let (spec, status) = (&record["spec"], &record["status"]);
    let primary = &status["privateIpAddresses"][0];
    let phase = match status["phase"].as_str() {
        Some("InUse") => "in-use",
        Some("Available") => "available",
        _ => "pending",
    };
    let mut out = json!({
        "networkInterfaceId": spec["networkInterfaceId"], "subnetId": spec["subnetId"], "vpcId": spec["vpcId"],
        "availabilityZone": spec["availabilityZone"], "description": spec["description"],
        "interfaceType": spec["interfaceType"], "ownerId": spec["ownerId"], "requesterId": spec["requesterId"],
        "requesterManaged": spec["requesterManaged"], "status": phase, "macAddress": spec["macAddress"],
        "sourceDestCheck": spec["sourceDestCheck"], "groups": groups(&spec["groups"], names), "tags": spec["tags"],
        "privateIpAddresses": status["privateIpAddresses"].as_array().cloned().unwrap_or_default(), "ipv6Addresses": [],
    });
    if primary.is_object() {
        out["privateIpAddress"] = primary["privateIpAddress"].clone();
        out["privateDnsName"] = primary["privateDnsName"].clone();
    }
    if spec["attachment"].is_object() {
        out["attachment"] = attachment(record);
    }
    out
}

pub fn attachment(record: &Doc) -> Doc {
    let attachment = &record["spec"]["attachment"];
    // What no agent is at, such as a control plane's where there is no virtual network, is attached by its record.
    let waits = has_finalizer(record, AGENT_ENI_FINALIZER) && record["status"]["realised"] != true;
    let mut out = json!({
        "attachmentId": attachment["attachmentId"], "deviceIndex": attachment["deviceIndex"],
        "networkCardIndex": attachment["networkCardIndex"], "deleteOnTermination": attachment["deleteOnTermination"],
        "instanceOwnerId": attachment["instanceOwnerId"], "status": if waits { "attaching" } else { "attached" },
        "attachTime": aws_service::records::seconds(&attachment["attachTime"]),
    });
    if !attachment["instanceId"].is_null() {
        out["instanceId"] = attachment["instanceId"].clone();
    }
    out
}

/// EC2 calls the tags of an interface a set.
pub fn shown(interface: &Doc) -> Doc {
    let mut shown = shape(interface);
    let tags = shown["Tags"].take();
    if let Some(members) = shown.as_object_mut() {
        members.remove("Tags");
        members.insert("TagSet".into(), tags);
    }
    shown
}
