//! The Node object: labels, addresses, capacity and conditions (kubernetes pkg/kubelet/kubelet_node_status.go,
//! pkg/kubelet/nodestatus/setters.go).

use crate::config::Config;
use crate::eviction::Condition;
use images::Image;
use meta::{Doc, Time};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Of the images on a node this many are named in its status, the largest first.
const MAX_IMAGES: usize = 50;

/// What a node measures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    pub images: Vec<Image>,
    pub runtime_version: String,
    /// What it is short of.
    pub pressure: BTreeSet<Condition>,
    /// Why it cannot run pods; empty: it can.
    pub not_ready: String,
}

/// Reasons and messages of what a node is not short of, and of what it is.
const PRESSURES: [(Condition, (&str, &str), (&str, &str)); 3] = [
    (
        Condition::MemoryPressure,
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    ),
    (
        Condition::DiskPressure,
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    ),
    (
        Condition::PidPressure,
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    ),
];

/// Labels that the kubelet sets itself, and those it was told to set.
pub fn labels(config: &Config) -> BTreeMap<String, String> {
    let arch = config.system.architecture.as_str();
    let own = [
        ("kubernetes.io/hostname", config.node_name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", arch),
        ("beta.kubernetes.io/arch", arch),
        ("node.kubernetes.io/instance-type", &config.instance_type),
        ("beta.kubernetes.io/instance-type", &config.instance_type),
        ("topology.kubernetes.io/zone", &config.zone),
        ("failure-domain.beta.kubernetes.io/zone", &config.zone),
        ("topology.kubernetes.io/region", &config.region),
        ("failure-domain.beta.kubernetes.io/region", &config.region),
        ("topology.k8s.aws/zone-id", &config.zone_id),
    ];
    let own = own.into_iter().filter(|(_, value)| !value.is_empty());
    let mut labels: BTreeMap<String, String> = own.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    labels.extend(config.labels.clone());
    labels
}

/// The object as it is registered.
pub fn node(config: &Config, measured: &Measured, now: Time) -> Doc {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": config.node_name, "labels": labels(config), "annotations": annotations(config) },
        "spec": { "providerID": config.provider_id, "taints": config.taints },
        "status": status(config, measured, &[], now),
    })
}

fn annotations(config: &Config) -> BTreeMap<String, String> {
    let mut annotations = config.annotations.clone();
    annotations.insert("volumes.kubernetes.io/controller-managed-attach-detach".into(), "true".into());
    annotations
}

/// `known`: conditions as last written, whose times stay where nothing changed.
pub fn status(config: &Config, measured: &Measured, known: &[Doc], now: Time) -> Doc {
    json!({
        "capacity": config.capacity.resource_list(true),
        "allocatable": config.capacity.allocatable().resource_list(false),
        "addresses": addresses(config),
        "conditions": conditions(measured, known, now),
        "daemonEndpoints": { "kubeletEndpoint": { "Port": config.kubelet_port } },
        "nodeInfo": info(config, measured),
        "images": images(&measured.images),
    })
}

fn addresses(config: &Config) -> Vec<Doc> {
    let internal = config.addresses.iter().map(|ip| json!({ "type": "InternalIP", "address": ip }));
    let names = ["InternalDNS", "Hostname"].map(|kind| json!({ "type": kind, "address": config.private_dns_name }));
    internal.chain(names).collect()
}

fn info(config: &Config, measured: &Measured) -> Doc {
    let system = &config.system;
    json!({
        "machineID": system.machine_id, "systemUUID": system.system_uuid, "bootID": system.boot_id,
        "kernelVersion": system.kernel_version, "osImage": system.os_image, "operatingSystem": "linux",
        "architecture": system.architecture, "containerRuntimeVersion": measured.runtime_version,
        "kubeletVersion": config.kubelet_version, "kubeProxyVersion": "",
    })
}

fn images(images: &[Image]) -> Vec<Doc> {
    let mut images: Vec<&Image> =
        images.iter().filter(|image| !(image.repo_tags.is_empty() && image.repo_digests.is_empty())).collect();
    images.sort_by(|a, b| b.size_bytes.cmp(&a.size_bytes).then_with(|| a.id.cmp(&b.id)));
    let names = |image: &Image| image.repo_digests.iter().chain(&image.repo_tags).take(5).cloned().collect::<Vec<_>>();
    images.into_iter().take(MAX_IMAGES).map(|image| json!({ "names": names(image), "sizeBytes": image.size_bytes })).collect()
}

fn conditions(measured: &Measured, known: &[Doc], now: Time) -> Vec<Doc> {
    let ready = match measured.not_ready.as_str() {
        "" => ("True", "KubeletReady", "kubelet is posting ready status"),
        why => ("False", "KubeletNotReady", why),
    };
    let pressed = PRESSURES.map(|(condition, no, yes)| match measured.pressure.contains(&condition) {
        true => (condition.name(), ("True", yes.0, yes.1)),
        false => (condition.name(), ("False", no.0, no.1)),
    });
    pressed
        .into_iter()
        .chain([("Ready", ready)])
        .map(|(kind, (status, reason, message))| {
            let before = known.iter().find(|condition| condition["type"] == kind && condition["status"] == status);
            let since = before.and_then(|condition| condition["lastTransitionTime"].as_str());
            json!({
                "type": kind, "status": status, "reason": reason, "message": message,
                "lastHeartbeatTime": now.to_string(), "lastTransitionTime": since.map_or_else(|| now.to_string(), str::to_owned),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_what_eks_nodes_say() {
        let mut config = Config::new("ip-10-0-1-23.ec2.internal", "/nowhere");
        config.provider_id = "aws:///us-east-1a/i-1".into();
        config.zone = "us-east-1a".into();
        config.instance_type = "t3.medium".into();
        config.addresses = vec!["10.0.1.23".parse().expect("an address")];
        config.labels.insert("tier".into(), "front".into());
        let node = node(&config, &Measured::default(), Time::from_unix(0));
        assert_eq!(node["metadata"]["labels"]["topology.kubernetes.io/zone"], "us-east-1a");
        assert_eq!(node["metadata"]["labels"]["tier"], "front");
        assert!(node["metadata"]["labels"].get("topology.k8s.aws/zone-id").is_none());
        assert_eq!(node["spec"]["providerID"], "aws:///us-east-1a/i-1");
        let addresses: Vec<&str> =
            node["status"]["addresses"].as_array().expect("a list").iter().filter_map(|a| a["type"].as_str()).collect();
        assert_eq!(addresses, ["InternalIP", "InternalDNS", "Hostname"]);
        assert_eq!(node["status"]["allocatable"]["cpu"], "1930m");
        assert_eq!(node["status"]["conditions"][3]["reason"], "KubeletReady");
    }

    #[test]
    fn only_what_changes_gets_a_new_time() {
        let first = conditions(&Measured::default(), &[], Time::from_unix(1000));
        let pressed = Measured { pressure: [Condition::DiskPressure].into(), ..Measured::default() };
        let later = conditions(&pressed, &first, Time::from_unix(2000));
        let changed: Vec<bool> = (0..4).map(|i| first[i]["lastTransitionTime"] != later[i]["lastTransitionTime"]).collect();
        assert_eq!(changed, [false, true, false, false]);
    }
}
