//! Parts without effects.

use crate::eviction::{Level, Levels, NodeStats, Signal};
use crate::parts::{
    EnvError, EnvFacts, Environment, NetworkError, PodNetwork, Prepared, ProbeResult, ProbeTarget, Prober, VolumeError, Volumes,
};
use crate::pod::{ContainerView, PodView, items};
use ::runtime::cri::{Mount, SandboxStatus};
use images::{Credentials, Image, ImageService, PullError};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use tokio::sync::mpsc;

/// An address per sandbox, the lowest that is free.
pub struct FakeNetwork {
    first: u32,
    given: Mutex<BTreeMap<String, u32>>,
}

impl FakeNetwork {
    pub fn starting_at(first: Ipv4Addr) -> Self {
        Self { first: first.into(), given: Mutex::default() }
    }
}

impl Default for FakeNetwork {
    fn default() -> Self {
        Self::starting_at(Ipv4Addr::new(10, 1, 0, 1))
    }
}

#[async_trait::async_trait]
impl PodNetwork for FakeNetwork {
    async fn setup(&self, sandbox: &SandboxStatus) -> Result<Vec<IpAddr>, NetworkError> {
        let mut given = self.given.lock();
        let taken: BTreeSet<u32> = given.values().copied().collect();
        let free = (self.first..).find(|address| !taken.contains(address)).unwrap_or(self.first);
        let address = *given.entry(sandbox.config.id.clone()).or_insert(free);
        Ok(vec![IpAddr::V4(Ipv4Addr::from(address))])
    }
    async fn teardown(&self, sandbox: &SandboxStatus) -> Result<(), NetworkError> {
        self.given.lock().remove(&sandbox.config.id);
        Ok(())
    }
}

/// Containers without mounts.
pub struct NoVolumes;

#[async_trait::async_trait]
impl Volumes for NoVolumes {
    async fn prepare(&self, _: &PodView) -> Result<Prepared, VolumeError> {
        Ok(Prepared::default())
    }
    async fn populate(&self, _: &PodView, _: &Prepared, _: &SandboxStatus) -> Result<(), VolumeError> {
        Ok(())
    }
    async fn mounts(&self, _: &PodView, _: &Prepared, _: ContainerView<'_>, _: &[IpAddr]) -> Result<Vec<Mount>, VolumeError> {
        Ok(Vec::new())
    }
    fn settle(&self, _: &str) {}
    async fn teardown(&self, _: &str) -> Result<(), VolumeError> {
        Ok(())
    }
}

/// Only what a container says literally.
pub struct PlainEnvironment;

#[async_trait::async_trait]
impl Environment for PlainEnvironment {
    async fn build(&self, _: &PodView, container: ContainerView<'_>, _: &EnvFacts) -> Result<Vec<(String, String)>, EnvError> {
        let pair = |variable: &meta::Doc| Some((variable["name"].as_str()?.to_owned(), variable["value"].as_str()?.to_owned()));
        Ok(items(&container.doc()["env"]).iter().filter_map(pair).collect())
    }
}

/// Says what it is told to say.
pub struct QuietProber {
    sender: mpsc::Sender<ProbeResult>,
    receiver: Mutex<Option<mpsc::Receiver<ProbeResult>>>,
    targets: Mutex<BTreeMap<(String, String), ProbeTarget>>,
}

impl Default for QuietProber {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(16);
        Self { sender, receiver: Mutex::new(Some(receiver)), targets: Mutex::default() }
    }
}

impl QuietProber {
    /// What is being probed: the container's id.
    pub fn probed(&self, pod_uid: &str, container: &str) -> Option<String> {
        self.targets.lock().get(&(pod_uid.to_owned(), container.to_owned())).map(|target| target.container_id.clone())
    }

    pub async fn say(&self, result: ProbeResult) {
        // The kubelet is gone: nobody wants to know.
        drop(self.sender.send(result).await);
    }
}

impl Prober for QuietProber {
    fn start(&self, target: ProbeTarget) {
        self.targets.lock().insert((target.pod.uid().to_owned(), target.container.clone()), target);
    }
    fn stop(&self, pod_uid: &str, container: Option<&str>) {
        let stays = |(uid, name): &(String, String)| uid != pod_uid || container.is_some_and(|container| container != name);
        self.targets.lock().retain(|key, _| stays(key));
    }
    fn results(&self) -> Option<mpsc::Receiver<ProbeResult>> {
        self.receiver.lock().take()
    }
}

/// A node that has left what it is told; of what it is not told, enough.
#[derive(Default)]
pub struct FakeStats {
    levels: Mutex<Levels>,
}

impl FakeStats {
    pub fn set(&self, signal: Signal, available: i64, capacity: i64) {
        self.levels.lock().insert(signal, Level { available, capacity });
    }
}

#[async_trait::async_trait]
impl NodeStats for FakeStats {
    async fn levels(&self) -> Levels {
        self.levels.lock().clone()
    }
}

/// Every image is here, but those whose names begin with `pulled/` (here after a pull), `missing/` (nowhere), or have
/// upper case letters (no names).
pub struct FakeImages {
    pulled: Mutex<BTreeSet<String>>,
    /// Used and free bytes.
    file_system: Mutex<(u64, u64)>,
}

impl Default for FakeImages {
    fn default() -> Self {
        Self { pulled: Mutex::default(), file_system: Mutex::new((1 << 30, 9 << 30)) }
    }
}

impl FakeImages {
    pub fn set_file_system(&self, used: u64, free: u64) {
        *self.file_system.lock() = (used, free);
    }
}

fn image(name: &str) -> Image {
    Image { id: format!("sha256:{name}"), repo_tags: vec![name.to_owned()], size_bytes: 1000, ..Image::default() }
}

#[async_trait::async_trait]
impl ImageService for FakeImages {
    async fn image_status(&self, name: &str) -> Result<Option<Image>, PullError> {
        if name.chars().any(char::is_uppercase) {
            return Err(PullError::InvalidName(name.into()));
        }
        let remote = name.starts_with("pulled/") || name.starts_with("missing/");
        Ok((!remote || self.pulled.lock().contains(name)).then(|| image(name)))
    }
    async fn pull_image(&self, name: &str, _: Option<&Credentials>) -> Result<Image, PullError> {
        if name.starts_with("missing/") {
            return Err(PullError::Refused { image: name.into(), why: "not found".into() });
        }
        self.pulled.lock().insert(name.into());
        Ok(image(name))
    }
    async fn list_images(&self) -> Result<Vec<Image>, PullError> {
        Ok(self.pulled.lock().iter().map(|name| image(name)).collect())
    }
    async fn remove_image(&self, id: &str) -> Result<(), PullError> {
        self.pulled.lock().retain(|name| format!("sha256:{name}") != id);
        Ok(())
    }
    async fn file_system(&self) -> Result<(u64, u64), PullError> {
        Ok(*self.file_system.lock())
    }
}
