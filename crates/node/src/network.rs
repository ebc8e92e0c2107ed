//! The pod network as the kubelet asks for it: a sandbox's namespace is that of its shim.

use kubelet::{NetworkError, PodNetwork};
use node_os::netns::NetNs;
use runtime::cri::SandboxStatus;
use std::net::IpAddr;
use std::sync::Arc;

pub struct PodAddresses(pub Arc<pod_network::PodNetwork>);

fn said(error: impl std::fmt::Display) -> NetworkError {
    NetworkError(error.to_string())
}

#[async_trait::async_trait]
impl PodNetwork for PodAddresses {
    async fn setup(&self, sandbox: &SandboxStatus) -> Result<Vec<IpAddr>, NetworkError> {
        let namespace = NetNs::of_process(sandbox.pid).map_err(said)?;
        let address = self.0.attach(&sandbox.config.id, &namespace).await.map_err(said)?;
        Ok(vec![address.into()])
    }

    async fn teardown(&self, sandbox: &SandboxStatus) -> Result<(), NetworkError> {
        self.0.detach(&sandbox.config.id).await.map_err(said)
    }
}
