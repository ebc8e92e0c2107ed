//! Instances that are sandboxes of this host.

use super::keeper::{Kept, Services, keep};
use super::machines::{Launch, Machines};
use super::node_file::NodeFile;
use super::sandbox::{Sandbox, present};
use crate::images::ImageServer;
use crate::imds::{Imds, InstanceCredentials};
use images::ImageService;
use meta::time::SharedClock;
use reconcile::Runtime;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;

/// What sandboxes stand on.
pub struct SandboxConfig {
    /// Marks what this service makes on its host.
    pub service_id: String,
    /// Where each instance has its directory.
    pub directory: PathBuf,
    pub images: Arc<dyn ImageService>,
    /// Started as `<program> node --dir <directory>`.
    pub program: PathBuf,
    pub aws_authority: String,
    pub credentials: Arc<dyn InstanceCredentials>,
    pub clock: SharedClock,
}

pub struct Sandboxes {
    config: SandboxConfig,
    runtime: Runtime,
    kept: Mutex<HashMap<String, Arc<Kept>>>,
}

impl Sandboxes {
    /// Node processes stay when the runtime stops.
    pub fn new(config: SandboxConfig, runtime: &Runtime) -> Self {
        Self { config, runtime: runtime.clone(), kept: Mutex::default() }
    }

    fn sandbox(&self, id: &str) -> Sandbox {
        Sandbox::new(&self.config.service_id, &self.config.directory, id)
    }
}

#[async_trait::async_trait]
impl Machines for Sandboxes {
    fn present(&self) -> io::Result<Vec<String>> {
        present(&self.config.directory)
    }

    async fn start(&self, launch: Launch) -> Result<(), String> {
        let mut kept = self.kept.lock().await;
        if kept.contains_key(&launch.id) {
            return Ok(());
        }
        node_os::netns::permitted()?;
        let sandbox = self.sandbox(&launch.id);
        let network = sandbox.network().map_err(|e| e.to_string())?.ok_or("the instance's network is not there")?;
        let file = NodeFile {
            instance_id: launch.id.clone(),
            service_id: self.config.service_id.clone(),
            cgroup: sandbox.cgroup_path().to_owned(),
            machine: launch.machine,
            aws_authority: self.config.aws_authority.clone(),
        };
        let made = sandbox.clone();
        let made = tokio::task::spawn_blocking(move || made.create(&file)).await.map_err(|e| e.to_string())?;
        made.map_err(|e| format!("the instance's sandbox cannot be made: {e}"))?;
        let imds = Imds::new(launch.source, self.config.credentials.clone(), self.config.clock.clone())?;
        let images = ImageServer::new(self.config.images.clone());
        let services = Services { imds, images };
        let started = keep(sandbox, self.config.program.clone(), &network, services, &self.runtime).await;
        kept.insert(launch.id, Arc::new(started.map_err(|e| format!("the node process cannot be started: {e}"))?));
        Ok(())
    }

    async fn destroy(&self, id: &str) -> io::Result<()> {
        let kept = self.kept.lock().await.remove(id);
        if let Some(kept) = kept {
            kept.stop().await;
        }
        let sandbox = self.sandbox(id);
        tokio::task::spawn_blocking(move || sandbox.destroy()).await.map_err(io::Error::other)?
    }
}
