//! Instances as EC2 describes them, with lower-case first letters, so that filters can look into them.

use super::State;
use crate::describe::{Kind, shape};
use crate::interfaces::describe::{GroupNames, attachment, groups};
use crate::records::INSTANCES;
use aws_service::records::seconds;
use aws_wire::InstanceType;
use meta::Doc;
use serde_json::json;

pub const KIND: Kind = Kind {
    resource: INSTANCES,
    id: "instanceId",
    prefix: "i",
    ids: "InstanceIds",
    output: "Instances",
    error: "InvalidInstanceID",
    malformed: "InvalidInstanceID",
    called: "instance ID",
    filters: &[
        ("architecture", "architecture"),
        ("availability-zone", "placement.availabilityZone"),
        ("client-token", "clientToken"),
        ("dns-name", "publicDnsName"),
        ("group-id", "securityGroups.*.groupId"),
        ("group-name", "securityGroups.*.groupName"),
        ("hypervisor", "hypervisor"),
        ("iam-instance-profile.arn", "iamInstanceProfile.arn"),
        ("iam-instance-profile.id", "iamInstanceProfile.id"),
        ("image-id", "imageId"),
        ("instance-id", "instanceId"),
        ("instance-state-code", "state.code"),
        ("instance-state-name", "state.name"),
        ("instance-type", "instanceType"),
        ("instance.group-id", "securityGroups.*.groupId"),
        ("instance.group-name", "securityGroups.*.groupName"),
        ("metadata-options.http-tokens", "metadataOptions.httpTokens"),
        ("network-interface.addresses.private-ip-address", "networkInterfaces.*.privateIpAddresses.*.privateIpAddress"),
        ("network-interface.attachment.attachment-id", "networkInterfaces.*.attachment.attachmentId"),
        ("network-interface.network-interface-id", "networkInterfaces.*.networkInterfaceId"),
        ("network-interface.private-dns-name", "networkInterfaces.*.privateDnsName"),
        ("network-interface.subnet-id", "networkInterfaces.*.subnetId"),
        ("network-interface.vpc-id", "networkInterfaces.*.vpcId"),
        ("owner-id", "ownerId"),
        ("private-dns-name", "privateDnsName"),
        ("private-ip-address", "privateIpAddress"),
        ("reservation-id", "reservationId"),
        ("root-device-type", "rootDeviceType"),
        ("subnet-id", "subnetId"),
        ("tenancy", "placement.tenancy"),
        ("virtualization-type", "virtualizationType"),
        ("vpc-id", "vpcId"),
    ],
};

/// Shown with its reservation rather than with the instance.
const OF_RESERVATION: [&str; 2] = ["ownerId", "reservationId"];

pub fn state(state: State) -> Doc {
    json!({"code": state.code(), "name": state.as_str()})
}

/// `interfaces` are the records of those attached to it.
pub fn instance(record: &Doc, interfaces: &[Doc], names: &GroupNames) -> Doc {
    let (spec, status, now) = (&record["spec"], &record["status"], State::of(record));
    let mut out = json!({
        "instanceId": spec["instanceId"], "imageId": spec["imageId"], "instanceType": spec["instanceType"],
        "state": state(now), "publicDnsName": "", "privateDnsName": "", "stateTransitionReason": "", "amiLaunchIndex": 0,
        "productCodes": [], "launchTime": seconds(&spec["launchTime"]), "monitoring": {"state": "disabled"},
        "placement": {"availabilityZone": spec["availabilityZone"], "groupName": "", "tenancy": "default"},
        "architecture": spec["architecture"], "blockDeviceMappings": [], "clientToken": "", "ebsOptimized": false,
        "enaSupport": true, "hypervisor": "xen", "rootDeviceName": "/dev/xvda", "rootDeviceType": "ebs",
        "securityGroups": groups(&spec["groups"], names), "sourceDestCheck": true, "virtualizationType": "hvm",
        "networkInterfaces": [], "tags": spec["tags"], "ownerId": spec["ownerId"], "reservationId": spec["reservationId"],
        "metadataOptions": {
            "state": "applied", "httpTokens": "required", "httpPutResponseHopLimit": 2, "httpEndpoint": "enabled",
            "httpProtocolIpv6": "disabled", "instanceMetadataTags": "disabled",
        },
    });
    if let Some(known) = spec["instanceType"].as_str().and_then(InstanceType::find) {
        let cpu = &known.info["VCpuInfo"];
        out["cpuOptions"] = json!({"coreCount": cpu["DefaultCores"], "threadsPerCore": cpu["DefaultThreadsPerCore"]});
    }
    if spec["iamInstanceProfile"]["arn"].is_string() {
        out["iamInstanceProfile"] = spec["iamInstanceProfile"].clone();
    }
    if now == State::Terminated || now == State::ShuttingDown {
        let reason = if spec["terminateReason"].is_object() { &spec["terminateReason"] } else { &status["stateReason"] };
        if reason.is_object() {
            out["stateReason"] = reason.clone();
            out["stateTransitionReason"] = json!("User initiated");
        }
    } else if status["stateReason"].is_object() {
        out["stateReason"] = status["stateReason"].clone();
    }
    if now != State::Terminated {
        out["subnetId"] = spec["subnetId"].clone();
        out["vpcId"] = spec["vpcId"].clone();
        if let Some(network) = status["network"].as_object() {
            out["privateDnsName"] = network["privateDnsName"].clone();
            out["privateIpAddress"] = network["privateIpAddress"].clone();
        }
        let mut attached: Vec<&Doc> = interfaces.iter().collect();
        attached.sort_by_key(|interface| interface["spec"]["attachment"]["deviceIndex"].as_u64());
        out["networkInterfaces"] = attached.into_iter().map(|record| of_instance(record, names)).collect();
    }
    out
}

/// An interface as its instance shows it: it has no tags there, and the attachment does not name the instance.
fn of_instance(record: &Doc, names: &GroupNames) -> Doc {
    let mut out = crate::interfaces::describe::interface(record, names);
    let mut attachment = attachment(record);
    for (doc, members) in [
        (&mut out, &["availabilityZone", "requesterId", "requesterManaged", "tags"][..]),
        (&mut attachment, &["instanceId", "instanceOwnerId"][..]),
    ] {
        if let Some(map) = doc.as_object_mut() {
            members.iter().for_each(|member| drop(map.remove(*member)));
        }
    }
    out["attachment"] = attachment;
    out
}

/// Instances in their reservations, in order.
pub fn reservations(instances: &[Doc]) -> Vec<Doc> {
    let mut out: Vec<Doc> = Vec::new();
    for instance in instances {
        let mut inner = instance.clone();
        if let Some(members) = inner.as_object_mut() {
            OF_RESERVATION.iter().for_each(|member| drop(members.remove(*member)));
        }
        let mut shown = shape(&inner);
        for interface in shown["NetworkInterfaces"].as_array_mut().into_iter().flatten() {
            if let Some(members) = interface.as_object_mut() {
                members.remove("Tags");
            }
        }
        match out.iter_mut().find(|known| known["ReservationId"] == instance["reservationId"]) {
            Some(known) => known["Instances"].as_array_mut().into_iter().for_each(|list| list.push(shown.clone())),
            None => out.push(json!({
                "ReservationId": instance["reservationId"], "OwnerId": instance["ownerId"], "Groups": [], "Instances": [shown],
            })),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_wire::{Model, check_output};

    #[test]
    fn shapes_are_ones_the_model_knows() {
        let names = GroupNames::from([("sg-1".to_owned(), "default".to_owned())]);
        let interface = json!({
            "metadata": {"name": "eni-1", "finalizers": []},
            "spec": {
                "networkInterfaceId": "eni-1", "subnetId": "subnet-1", "vpcId": "vpc-1", "availabilityZone": "us-east-1a",
                "description": "", "interfaceType": "interface", "ownerId": "1", "requesterId": "1", "requesterManaged": false,
                "groups": ["sg-1"], "macAddress": "02:00:00:00:00:01", "sourceDestCheck": true, "tags": {"a": "b"},
                "attachment": {
                    "attachmentId": "eni-attach-1", "instanceId": "i-1", "instanceOwnerId": "1", "deviceIndex": 0,
                    "networkCardIndex": 0, "deleteOnTermination": true, "attachTime": "2026-11-20T10:00:00Z",
                },
            },
            "status": {
                "phase": "InUse",
                "privateIpAddresses": [{"primary": true, "privateIpAddress": "10.0.0.4", "privateDnsName": "ip-10-0-0-4.ec2.internal"}],
            },
        });
        let record = |state: &str| {
            json!({
                "metadata": {"name": "i-1"},
                "spec": {
                    "instanceId": "i-1", "imageId": "ami-1", "instanceType": "t3.medium", "subnetId": "subnet-1", "vpcId": "vpc-1",
                    "availabilityZone": "us-east-1a", "groups": ["sg-1"], "iamInstanceProfile": {"arn": "a", "id": "AIPA"},
                    "launchTime": "2026-11-20T10:00:00Z", "reservationId": "r-1", "ownerId": "1", "tags": {"a": "b"},
                    "architecture": "x86_64", "terminateReason": {"code": "c", "message": "m"},
                },
                "status": {
                    "state": state,
                    "network": {"privateIpAddress": "10.0.0.4", "privateDnsName": "ip-10-0-0-4.ec2.internal"},
                },
            })
        };
        let model = Model::load("ec2").expect("a built-in model");
        let known = |operation: &str, output: Doc| {
            let outcome = check_output(model, model.operation(operation).expect("modelled"), &output);
            assert_eq!(outcome, Ok(()), "{output}");
        };
        for (state, address) in [("pending", true), ("running", true), ("terminated", false)] {
            let shown = instance(&record(state), std::slice::from_ref(&interface), &names);
            assert_eq!(shown["privateIpAddress"].is_string(), address, "{state}");
            known("DescribeInstances", json!({"Reservations": reservations(&[shown])}));
        }
        let shown = crate::interfaces::describe::shown(&crate::interfaces::describe::interface(&interface, &names));
        known("DescribeNetworkInterfaces", json!({"NetworkInterfaces": [shown]}));
    }
}
