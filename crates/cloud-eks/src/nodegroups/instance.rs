//! The records of a node group's instances, and what they are told at their first start.

use super::{NODEGROUP_ANNOTATION, node, text};
use crate::records::{CLUSTER_LABEL, NODEGROUP_LABEL};
use aws_service::{Arn, Random, ids};
use aws_wire::InstanceType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meta::{Doc, Time};
use serde_json::json;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

const FINALIZERS: [&str; 2] = ["agent.pilothouse.dev/instance", "ec2.pilothouse.dev/instance"];
/// Where DNS is in the service range, as EKS has it.
const DNS_AT: u32 = 10;

pub struct Launch<'a> {
    pub nodegroup: &'a Doc,
    pub cluster: &'a Doc,
    /// The Subnet's specification.
    pub subnet: &'a Doc,
    /// A private address of the control plane.
    pub control_plane: &'a str,
    pub host: &'a str,
    pub now: Time,
}

impl Launch<'_> {
    pub fn record(&self, random: &dyn Random) -> Doc {
        let (group, cluster) = (&self.nodegroup["spec"], &self.cluster["spec"]);
        let id = ids::ec2_id(random, "i");
        let kind = text(group, "/instanceTypes/0");
        let account = group["nodegroupArn"].as_str().and_then(Arn::parse).map(|arn| arn.account).unwrap_or_default();
        json!({
            "apiVersion": "ec2.pilothouse.dev/v1", "kind": "Instance",
            "metadata": {
                "name": id,
                "labels": {
                    CLUSTER_LABEL: self.cluster["metadata"]["uid"], NODEGROUP_LABEL: self.nodegroup["metadata"]["uid"],
                },
                "annotations": {NODEGROUP_ANNOTATION: self.nodegroup["metadata"]["name"]},
                "finalizers": FINALIZERS,
            },
            "spec": {
                "instanceId": id, "host": self.host, "imageId": group["imageId"], "instanceType": kind,
                "subnetId": self.subnet["subnetId"], "vpcId": self.subnet["vpcId"],
                "availabilityZone": self.subnet["availabilityZone"],
                "groups": [cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]],
                "networkInterfaceId": ids::ec2_id(random, "eni"),
                "iamInstanceProfile": {"arn": group["instanceProfile"]["arn"], "id": group["instanceProfile"]["id"]},
                "roleArn": group["nodeRole"], "launchTime": self.now.to_string(), "reservationId": ids::ec2_id(random, "r"),
                "ownerId": account, "tags": self.tags(), "userData": STANDARD.encode(self.user_data()),
                "architecture": InstanceType::find(kind).map_or("x86_64".to_owned(), |known| known.architecture().to_owned()),
                "capacityType": group["capacityType"], "terminate": false,
            },
        })
    }

    fn tags(&self) -> Doc {
        let group = &self.nodegroup["spec"];
        let cluster = text(group, "/clusterName");
        json!({
            "eks:cluster-name": cluster, "eks:nodegroup-name": group["nodegroupName"], "aws:eks:cluster-name": cluster,
            "aws:autoscaling:groupName": group["autoScalingGroupName"], "k8s.io/cluster-autoscaler/enabled": "true",
            format!("k8s.io/cluster-autoscaler/{cluster}"): "owned", format!("kubernetes.io/cluster/{cluster}"): "owned",
        })
    }

    /// nodeadm's NodeConfig.
    pub fn user_data(&self) -> String {
        let (group, cluster) = (&self.nodegroup["spec"], self.cluster);
        let max_pods = InstanceType::find(text(group, "/instanceTypes/0")).map_or(0, |known| known.max_pods());
        let cidr = text(cluster, "/spec/kubernetesNetworkConfig/serviceIpv4Cidr");
        let authority = STANDARD.encode(text(cluster, "/status/certificateAuthority"));
        let mut flags = vec![format!("--node-labels={}", node_labels(group))];
        let taints = node_taints(group);
        if !taints.is_empty() {
            flags.push(format!("--register-with-taints={taints}"));
        }
        let mut out = String::from("---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n");
        let quoted = |value: &str| json!(value).to_string();
        let lines = [
            ("name", quoted(text(cluster, "/spec/name"))),
            ("apiServerEndpoint", quoted(&format!("https://{}", self.control_plane))),
            ("certificateAuthority", quoted(&authority)),
            ("cidr", quoted(cidr)),
        ];
        for (key, value) in lines {
            append(&mut out, &format!("    {key}: {value}"));
        }
        append(&mut out, &format!("  kubelet:\n    config:\n      maxPods: {max_pods}"));
        if let Some(dns) = cluster_dns(cidr) {
            append(&mut out, &format!("      clusterDNS:\n      - {}", quoted(&dns)));
        }
        append(&mut out, "    flags:");
        flags.iter().for_each(|flag| append(&mut out, &format!("    - {}", quoted(flag))));
        out
    }
}

fn append(out: &mut String, line: &str) {
    writeln!(out, "{line}").expect("a string takes what is written to it");
}

/// What only EKS knows of a node; type, zone and the like a kubelet learns from its instance's metadata.
fn node_labels(group: &Doc) -> String {
    let mut labels = vec![
        format!("eks.amazonaws.com/nodegroup={}", text(group, "/nodegroupName")),
        format!("eks.amazonaws.com/nodegroup-image={}", text(group, "/imageId")),
        format!("eks.amazonaws.com/capacityType={}", text(group, "/capacityType")),
    ];
    let own = group["labels"].as_object().into_iter().flatten();
    labels.extend(own.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())));
    labels.join(",")
}

fn node_taints(group: &Doc) -> String {
    let taints = group["taints"].as_array().into_iter().flatten().map(node::kubernetes_taint);
    let shown = taints.map(|taint| format!("{}={}:{}", text(&taint, "/key"), text(&taint, "/value"), text(&taint, "/effect")));
    shown.collect::<Vec<_>>().join(",")
}

fn cluster_dns(cidr: &str) -> Option<String> {
    let base: Ipv4Addr = cidr.split('/').next()?.parse().ok()?;
    Some(Ipv4Addr::from(u32::from(base).checked_add(DNS_AT)?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_told_of_its_cluster() {
        let nodegroup = json!({
            "metadata": {"name": "demo--2eweb", "uid": "n-1"},
            "spec": {
                "clusterName": "demo", "nodegroupName": "web", "instanceTypes": ["t3.medium"], "capacityType": "ON_DEMAND",
                "imageId": "ami-1", "labels": {"tier": "front"}, "nodegroupArn": "arn:aws:eks:us-east-1:1:nodegroup/demo/web/u",
                "taints": [{"key": "only", "value": "web", "effect": "NO_SCHEDULE"}, {"key": "bare", "effect": "NO_EXECUTE"}],
            },
        });
        let cluster = json!({
            "metadata": {"uid": "c-1"},
            "spec": {"name": "demo", "kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.100.0.0/16"}},
            "status": {"certificateAuthority": "PEM"},
        });
        let subnet = json!({"subnetId": "subnet-1", "vpcId": "vpc-1", "availabilityZone": "us-east-1a"});
        let now = Time::from_unix(0);
        let launch =
            Launch { nodegroup: &nodegroup, cluster: &cluster, subnet: &subnet, control_plane: "172.31.0.9", host: "local", now };
        let expected = r#"---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: "demo"
    apiServerEndpoint: "https://172.31.0.9"
    certificateAuthority: "UEVN"
    cidr: "10.100.0.0/16"
  kubelet:
    config:
      maxPods: 17
      clusterDNS:
      - "10.100.0.10"
    flags:
    - "--node-labels=eks.amazonaws.com/nodegroup=web,eks.amazonaws.com/nodegroup-image=ami-1,eks.amazonaws.com/capacityType=ON_DEMAND,tier=front"
    - "--register-with-taints=only=web:NoSchedule,bare=:NoExecute"
"#;
        assert_eq!(launch.user_data(), expected);
        let record = launch.record(&aws_service::SystemRandom);
        assert_eq!(record["metadata"]["labels"][NODEGROUP_LABEL], "n-1");
        assert_eq!(record["spec"]["tags"]["eks:nodegroup-name"], "web");
        assert_eq!(record["spec"]["ownerId"], "1");
    }
}
