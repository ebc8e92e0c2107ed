//! The kubelet of this node and its server, and what its pods find here, started over the assembled parts.

use crate::assembly::{Node, NodeError};
use kubelet::environment::ApiEnvironment;
use kubelet::probes::{Attempts, Probes};
use kubelet::server::{ApiAuth, KubeletServer, NamespaceDialer, ServerParts, server_config};
use kubelet::volumes::NodeVolumes;
use kubelet::{Events, Kubelet, Parts};
use node_os::netns::NetNs;
use std::net::SocketAddr;
use std::sync::Arc;

fn failed(error: impl std::fmt::Display) -> NodeError {
    NodeError::Setup(error.to_string())
}

impl Node {
    /// All end with the node's runtime. Containers go on then.
    pub async fn start(&self) -> Result<(), NodeError> {
        let namespace = NetNs::current().map_err(failed)?;
        self.answer_names(&namespace).await?;
        let events = Events::start(self.client.clone(), &self.config.node_name, self.clock.clone(), &self.runtime);
        let attempts = Attempts { runtime: self.containers.clone(), network: namespace.clone() };
        let parts = Parts {
            runtime: self.containers.clone(),
            images: self.images.clone(),
            network: self.network.clone(),
            volumes: Arc::new(NodeVolumes::new(&self.config, self.client.clone(), self.clock.clone(), &self.runtime)),
            environment: Arc::new(ApiEnvironment::new(&self.config, self.client.clone())),
            prober: Arc::new(Probes::new(attempts, events.clone(), &self.runtime)),
            clock: self.clock.clone(),
            events,
        };
        let kubelet = Kubelet::new(self.config.clone(), self.client.clone(), parts);
        self.serve(&kubelet, &namespace)?;
        kubelet.run(&self.runtime);
        Ok(())
    }

    /// On the node's own address: whoever may ask comes from the control plane, or from a pod with a token.
    fn serve(&self, kubelet: &Kubelet, namespace: &NetNs) -> Result<(), NodeError> {
        let tls = server_config(&self.cluster_authority_pem, self.certificate.clone()).map_err(failed)?;
        let address = SocketAddr::from((self.identity.address, self.config.kubelet_port));
        let listener = namespace.listen_tcp(address).map_err(|error| failed(format!("{address}: {error}")))?;
        let (tasks, stop) = (self.runtime.tasks.clone(), self.runtime.stop.clone());
        let handler = KubeletServer::new(ServerParts {
            node_name: self.config.node_name.clone(),
            pods: kubelet.lookup(),
            runtime: self.containers.clone(),
            auth: Arc::new(ApiAuth::new(self.client.clone(), self.config.node_name.clone(), self.clock.clone())),
            dialer: Arc::new(NamespaceDialer),
            clock: self.clock.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let server = serve::Server { listener, tls: Some(tls), plain: false };
        self.runtime.tasks.spawn(server.run(handler, tasks, stop));
        Ok(())
    }
}
