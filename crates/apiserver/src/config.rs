//! What one control plane is told when it starts.

use crate::connect::KubeletConnection;
use auth::access::{AccessIndex, CallerIdentity};
use ipnet::Ipv4Net;
use std::sync::Arc;

/// Upstream's default for `--service-node-port-range`.
pub const NODE_PORTS: std::ops::RangeInclusive<u16> = 30000..=32767;
/// etcd's default request limit is 1.5 MiB; so large may one object be.
pub const MAX_OBJECT_BYTES: usize = 1536 * 1024;
/// `MaxRequestBodyBytes` of k8s.io/apiserver.
pub const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// Answers who is behind an AWS-signed cluster token. Implemented by composition over STS and EC2.
#[async_trait::async_trait]
pub trait CallerVerifier: Send + Sync {
    /// The caller's identity, or None when STS refuses the request in the token.
    async fn verify(&self, token: &str) -> Option<CallerIdentity>;
    /// The private DNS name of an instance, which is what its node is called.
    fn private_dns(&self, instance: &str) -> Option<String>;
}

#[derive(Clone)]
pub struct Config {
    /// The name that tokens and logs carry.
    pub cluster: String,
    pub minor: u32,
    /// `v1.36.2-eks-…`, as `kubectl version` shows it.
    pub git_version: String,
    pub service_cidr: Option<Ipv4Net>,
    pub node_ports: std::ops::RangeInclusive<u16>,
    pub max_object_bytes: usize,
    /// `https://…` of the service account issuer.
    pub issuer: String,
    pub token_audiences: Vec<String>,
    pub access: Arc<AccessIndex>,
    pub caller_verifier: Option<Arc<dyn CallerVerifier>>,
    /// None: no node of the cluster can be reached from here.
    pub kubelet: Option<KubeletConnection>,
}
