//! nodeadm's NodeConfig: all that tells a node of its cluster (amazon-eks-ami `nodeadm/api/v1alpha1/nodeconfig_types.go`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meta::Doc;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

const API_VERSION: &str = "node.eks.aws/v1alpha1";
const KIND: &str = "NodeConfig";

#[derive(Debug, thiserror::Error)]
pub enum UserDataError {
    #[error("user data is no YAML: {0}")]
    Yaml(#[from] serde_yaml_ng::Error),
    #[error("user data holds no {KIND} of {API_VERSION}")]
    Missing,
    #[error("{field} in user data: {why}")]
    Invalid { field: &'static str, why: String },
}

fn invalid(field: &'static str, why: impl std::fmt::Display) -> UserDataError {
    UserDataError::Invalid { field, why: why.to_string() }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    spec: Option<Spec>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    cluster: Cluster,
    kubelet: Kubelet,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Cluster {
    name: String,
    api_server_endpoint: String,
    certificate_authority: String,
    cidr: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Kubelet {
    config: Doc,
    flags: Vec<String>,
}

/// What user data says, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeConfig {
    pub cluster: String,
    /// `10.0.1.5` or `10.0.1.5:6443`
    pub authority: String,
    pub server: (IpAddr, u16),
    pub certificate_authority_pem: String,
    /// The tenth address of the service range, as EKS's AMIs set it.
    pub cluster_dns: Ipv4Addr,
    /// A KubeletConfiguration's fields that differ from EKS's.
    pub kubelet: Doc,
    pub labels: BTreeMap<String, String>,
    /// As Node.spec.taints has them.
    pub taints: Vec<Doc>,
}

impl NodeConfig {
    /// Reads the NodeConfig among the documents of a YAML stream.
    pub fn parse(text: &str) -> Result<Self, UserDataError> {
        for document in serde_yaml_ng::Deserializer::from_str(text) {
            let file = File::deserialize(document)?;
            if file.api_version == API_VERSION && file.kind == KIND {
                return Self::check(file.spec.unwrap_or_default());
            }
        }
        Err(UserDataError::Missing)
    }

    fn check(spec: Spec) -> Result<Self, UserDataError> {
        let Cluster { name, api_server_endpoint, certificate_authority, cidr } = spec.cluster;
        if name.is_empty() {
            return Err(invalid("spec.cluster.name", "it is missing"));
        }
        let authority = api_server_endpoint.strip_prefix("https://").unwrap_or_default().trim_end_matches('/').to_owned();
        let server =
            address(&authority).ok_or_else(|| invalid("spec.cluster.apiServerEndpoint", "not https:// and an address"))?;
        let pem = STANDARD.decode(certificate_authority.trim()).map_err(|e| invalid("spec.cluster.certificateAuthority", e))?;
        let pem = String::from_utf8(pem).map_err(|e| invalid("spec.cluster.certificateAuthority", e))?;
        let mut labels = BTreeMap::new();
        let mut taints = Vec::new();
        for flag in &spec.kubelet.flags {
            match flag.split_once('=') {
                Some(("--node-labels", text)) => labels.extend(pairs(text)),
                Some(("--register-with-taints", text)) => taints.extend(text.split(',').filter_map(taint)),
                _ => tracing::warn!(flag, "a kubelet flag of user data is not known"),
            }
        }
        Ok(Self {
            cluster: name,
            server,
            authority,
            certificate_authority_pem: pem,
            cluster_dns: cluster_dns(&cidr).ok_or_else(|| invalid("spec.cluster.cidr", "no IPv4 range"))?,
            kubelet: spec.kubelet.config,
            labels,
            taints,
        })
    }
}

fn address(authority: &str) -> Option<(IpAddr, u16)> {
    match authority.parse::<std::net::SocketAddr>() {
        Ok(address) => Some((address.ip(), address.port())),
        Err(_) => Some((authority.parse().ok()?, 443)),
    }
}

/// `10.100.0.0/16` -> `10.100.0.10`
fn cluster_dns(cidr: &str) -> Option<Ipv4Addr> {
    let network: Ipv4Addr = cidr.split_once('/')?.0.parse().ok()?;
    Some(Ipv4Addr::from((u32::from(network) & !0xff).checked_add(10)?))
}

fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split(',').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
}

/// `key=value:NoSchedule`; the value may be left out with its sign.
fn taint(text: &str) -> Option<Doc> {
    let (what, effect) = text.trim().rsplit_once(':')?;
    let (key, value) = what.split_once('=').unwrap_or((what, ""));
    let mut taint = json!({ "key": key, "effect": effect });
    if !value.is_empty() {
        taint["value"] = value.into();
    }
    Some(taint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: demo
    apiServerEndpoint: https://172.31.0.5
    certificateAuthority: UEVN
    cidr: 10.100.0.0/16
  kubelet:
    config: {maxPods: 17}
    flags:
    - --node-labels=eks.amazonaws.com/nodegroup=web,tier=front
    - --register-with-taints=dedicated=gpu:NoSchedule,bare:NoExecute
";

    #[test]
    fn a_node_config_says_all_about_the_cluster() {
        let config = NodeConfig::parse(GOOD).expect("a NodeConfig");
        assert_eq!((config.cluster.as_str(), config.authority.as_str()), ("demo", "172.31.0.5"));
        assert_eq!(config.server, (IpAddr::from([172, 31, 0, 5]), 443));
        assert_eq!(config.certificate_authority_pem, "PEM");
        assert_eq!(config.cluster_dns, IpAddr::from([10, 100, 0, 10]));
        assert_eq!(config.labels["eks.amazonaws.com/nodegroup"], "web");
        assert_eq!(config.labels["tier"], "front");
        assert_eq!(config.kubelet["maxPods"], 17);
        let expected =
            [json!({"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}), json!({"key": "bare", "effect": "NoExecute"})];
        assert_eq!(config.taints, expected);
    }

    #[test]
    fn what_is_missing_is_said() {
        for (from, to, expected) in [
            ("NodeConfig", "Other", "user data holds no NodeConfig of node.eks.aws/v1alpha1"),
            ("name: demo", "name: \"\"", "spec.cluster.name in user data: it is missing"),
            (
                "https://172.31.0.5",
                "http://172.31.0.5",
                "spec.cluster.apiServerEndpoint in user data: not https:// and an address",
            ),
            ("10.100.0.0/16", "x", "spec.cluster.cidr in user data: no IPv4 range"),
        ] {
            let error = NodeConfig::parse(&GOOD.replace(from, to)).expect_err("refused");
            assert_eq!(error.to_string(), expected);
        }
        assert!(NodeConfig::parse("#!/bin/bash\n- x: [").is_err());
    }
}
