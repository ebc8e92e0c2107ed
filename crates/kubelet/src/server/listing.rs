//! Counts, in Prometheus' text format.

use super::KubeletServer;
use super::reply::{Failure, text};
use http::Response;
use runtime::cri::{ContainerState, SandboxState};
use serve::Body;

impl KubeletServer {
    pub(super) async fn metrics(&self) -> Result<Response<Body>, Failure> {
        let runtime = &self.parts.runtime;
        let sandboxes = runtime.list_sandboxes().await.map_err(Failure::internal)?;
        let containers = runtime.list_containers().await.map_err(Failure::internal)?;
        let pods = sandboxes.iter().filter(|sandbox| sandbox.state == SandboxState::Ready).count();
        let count = |state| containers.iter().filter(|container| container.state == state).count();
        let [created, running, exited] = [ContainerState::Created, ContainerState::Running, ContainerState::Exited].map(count);
        Ok(text(format!(
            "# TYPE kubelet_running_pods gauge\nkubelet_running_pods {pods}\n\
             # TYPE kubelet_running_containers gauge\n\
             kubelet_running_containers{{container_state=\"created\"}} {created}\n\
             kubelet_running_containers{{container_state=\"exited\"}} {exited}\n\
             kubelet_running_containers{{container_state=\"running\"}} {running}\n"
        )))
    }
}
