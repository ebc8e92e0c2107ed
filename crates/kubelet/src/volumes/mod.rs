//! A pod's volumes: directories on the host or in the sandbox's memory, and files in them that follow their sources.

mod atomic;
mod content;
mod host_files;
mod host_path;
mod sources;
mod tokens;

use crate::config::Config;
use crate::environment::expand;
use crate::parts::{Prepared, VolumeError, Volumes};
use crate::pod::{ContainerView, PodView, items, quantity};
use client::Client;
use content::{Content, Origins};
use meta::Doc;
use meta::time::SharedClock;
use parking_lot::Mutex;
use reconcile::Runtime;
use runtime::cri::{Mount, Propagation, SandboxStatus, Tmpfs};
use sources::Sources;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// After files could not be brought up to date.
const RETRY: Duration = Duration::from_secs(10);

/// The volumes of one node. Cheap to clone.
#[derive(Clone)]
pub struct NodeVolumes(Arc<Inner>);

struct Inner {
    config: Config,
    sources: Sources,
    tokens: tokens::Tokens,
    clock: SharedClock,
    runtime: Runtime,
    /// Whoever keeps a pod's files up to date, by the pod's uid.
    keepers: Mutex<HashMap<String, CancellationToken>>,
}

impl NodeVolumes {
    pub fn new(config: &Config, client: Client, clock: SharedClock, runtime: &Runtime) -> Self {
        Self(Arc::new(Inner {
            config: config.clone(),
            sources: Sources::new(client.clone(), runtime.tasks.clone(), runtime.stop.clone()),
            tokens: tokens::Tokens::new(client, clock.clone()),
            clock,
            runtime: runtime.clone(),
            keepers: Mutex::default(),
        }))
    }
}

fn text(doc: &Doc) -> &str {
    doc.as_str().unwrap_or_default()
}

/// The plugin, as its directory is called, and whether it lives in memory.
fn plugin(volume: &Doc) -> Option<(&'static str, bool)> {
    Some(match () {
        () if volume["emptyDir"].is_object() => ("empty-dir", volume["emptyDir"]["medium"] == "Memory"),
        () if volume["configMap"].is_object() => ("configmap", false),
        () if volume["secret"].is_object() => ("secret", true),
        () if volume["downwardAPI"].is_object() => ("downward-api", true),
        () if volume["projected"].is_object() => ("projected", true),
        () => return None,
    })
}

impl Inner {
    fn pod_directory(&self, uid: &str) -> PathBuf {
        self.config.root.join("var/lib/kubelet/pods").join(uid)
    }

    fn origins(&self) -> Origins<'_> {
        Origins { config: &self.config, sources: &self.sources, tokens: &self.tokens }
    }

    /// Contents of all volumes that have files, by name.
    async fn contents(&self, pod: &PodView) -> Result<Vec<(String, Content)>, VolumeError> {
        let mut all = Vec::new();
        for volume in pod.volumes() {
            let name = text(&volume["name"]);
            let found = content::of(&self.origins(), pod, volume).await.map_err(|why| setup_failed(name, &why))?;
            all.extend(found.map(|content| (name.to_owned(), content)));
        }
        Ok(all)
    }

    /// Writes what has changed; what must be followed for the next time comes back.
    async fn write(&self, pod: &PodView, prepared: &Prepared, root: &Path) -> Result<Vec<Arc<sources::Watched>>, VolumeError> {
        let stamp = self.clock.now().to_string().replace([':', '-'], "_");
        let group = pod.fs_group().and_then(|group| u32::try_from(group).ok());
        let mut followed = Vec::new();
        for (name, content) in self.contents(pod).await? {
            followed.extend(content.followed);
            let Some(directory) = prepared.directories.get(&name) else { continue };
            let directory = seen_from(root, directory);
            let (stamp, failed) = (stamp.clone(), |why: String| setup_failed(&name, &why));
            let written = tokio::task::spawn_blocking(move || atomic::write(&directory, &content.payload, group, &stamp)).await;
            written.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
        }
        Ok(followed)
    }

    /// Until a source changes or a token grows old.
    async fn until_stale(&self, pod_uid: &str, followed: &[Arc<sources::Watched>]) {
        let mut receivers: Vec<_> = followed.iter().map(|watched| watched.changes()).collect();
        receivers.iter_mut().for_each(|receiver| drop(receiver.borrow_and_update()));
        let changed = futures::future::select_all(
            receivers
                .iter_mut()
                .map(|receiver| Box::pin(receiver.changed()) as std::pin::Pin<Box<dyn Future<Output = _> + Send>>)
                .chain([Box::pin(std::future::pending()) as _]),
        );
        let renewal = self.tokens.renewal(pod_uid).map(Duration::from_secs);
        tokio::select! {
            _changed = changed => {}
            () = tokio::time::sleep(renewal.unwrap_or(Duration::MAX)) => {}
        }
    }

    /// Host path of a mount, with what a subPath chooses inside the volume.
    fn source(
        &self,
        pod: &PodView,
        directory: &Path,
        mount: &Doc,
        environment: &[(String, String)],
    ) -> Result<PathBuf, VolumeError> {
        let expression = text(&mount["subPathExpr"]);
        let known = |name: &str| environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let path = if expression.is_empty() { text(&mount["subPath"]).to_owned() } else { expand(expression, known) };
        if path.is_empty() {
            return Ok(directory.to_owned());
        }
        let failed = |why: String| VolumeError {
            message: format!("failed to prepare subPath for volumeMount {:?} of container: {why}", text(&mount["name"])),
        };
        let volume = pod.volumes().iter().find(|volume| volume["name"] == mount["name"]);
        let content = volume.is_some_and(|volume| plugin(volume).is_some() && !volume["emptyDir"].is_object());
        // Files that the kubelet itself writes are links of its own making.
        if content {
            return Ok(directory.join(path));
        }
        host_path::inside(directory, &path, true).map_err(failed)
    }
}

fn setup_failed(volume: &str, why: &str) -> VolumeError {
    VolumeError { message: format!("MountVolume.SetUp failed for volume {volume:?} : {why}") }
}

/// A path on the host as the sandbox has it mounted.
fn seen_from(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn directory(path: &Path, mode: u32) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o750).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn propagation(mount: &Doc) -> Propagation {
    match text(&mount["mountPropagation"]) {
        "HostToContainer" => Propagation::HostToContainer,
        "Bidirectional" => Propagation::Bidirectional,
        _ => Propagation::None,
    }
}

#[async_trait::async_trait]
impl Volumes for NodeVolumes {
    async fn prepare(&self, pod: &PodView) -> Result<Prepared, VolumeError> {
        let inner = &self.0;
        // A source that is missing is said before anything starts.
        inner.contents(pod).await?;
        let base = inner.pod_directory(pod.uid());
        let mut prepared = Prepared::default();
        for volume in pod.volumes() {
            let name = text(&volume["name"]);
            let failed = |error: io::Error| setup_failed(name, &error.to_string());
            if volume["hostPath"].is_object() {
                let path = host_path::resolve(&inner.config.root, &volume["hostPath"]);
                prepared.directories.insert(name.to_owned(), path.map_err(|why| setup_failed(name, &why))?);
                continue;
            }
            let Some((plugin, memory)) = plugin(volume) else {
                let kind = volume.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).find(|key| *key != "name");
                let kind = kind.unwrap_or("unknown");
                return Err(setup_failed(
                    name,
                    &format!("no volume plugin matched: volumes of kind {kind} are not supported by this node"),
                ));
            };
            let path = base.join("volumes").join(format!("kubernetes.io~{plugin}")).join(name);
            let empty = volume["emptyDir"].is_object();
            let mode = if empty { 0o777 } else { 0o755 };
            directory(&path, mode).map_err(failed)?;
            if memory {
                let limit =
                    quantity(&volume["emptyDir"]["sizeLimit"]).map_or(0, |limit| u64::try_from(limit.value()).unwrap_or(0));
                prepared.tmpfs.push(Tmpfs {
                    path: path.clone(),
                    size_bytes: limit,
                    mode: if empty { 0o1777 & 0o777 } else { mode },
                });
            } else if let (true, Some(group)) = (empty, pod.fs_group().and_then(|group| u32::try_from(group).ok())) {
                atomic::own(&path, group, 0o660).map_err(failed)?;
            }
            prepared.directories.insert(name.to_owned(), path);
        }
        Ok(prepared)
    }

    async fn populate(&self, pod: &PodView, prepared: &Prepared, sandbox: &SandboxStatus) -> Result<(), VolumeError> {
        let root = sandbox.root();
        let followed = self.0.write(pod, prepared, &root).await?;
        let group = pod.fs_group().and_then(|group| u32::try_from(group).ok());
        for tmpfs in prepared.tmpfs.iter().filter(|tmpfs| tmpfs.path.to_string_lossy().contains("kubernetes.io~empty-dir")) {
            if let Some(group) = group {
                let owned = atomic::own(&seen_from(&root, &tmpfs.path), group, 0o660);
                owned.map_err(|error| setup_failed(&tmpfs.path.display().to_string(), &error.to_string()))?;
            }
        }
        let stop = self.0.runtime.stop.child_token();
        if let Some(before) = self.0.keepers.lock().insert(pod.uid().to_owned(), stop.clone()) {
            before.cancel();
        }
        let (inner, pod, prepared) = (self.0.clone(), pod.clone(), prepared.clone());
        self.0.runtime.tasks.spawn(async move {
            let keep = async {
                let (mut followed, mut failures) = (followed, 0);
                loop {
                    inner.until_stale(pod.uid(), &followed).await;
                    match inner.write(&pod, &prepared, &root).await {
                        Ok(next) => (followed, failures) = (next, 0),
                        Err(error) => {
                            // With a namespace the files' sources may go a moment before news of the pod's end arrive.
                            if failures > 0 {
                                tracing::warn!(pod = pod.long_name(), %error, "files of a pod are out of date");
                            }
                            failures += 1;
                            tokio::time::sleep(RETRY).await;
                        }
                    }
                }
            };
            stop.run_until_cancelled(keep).await;
        });
        Ok(())
    }

    async fn mounts(
        &self,
        pod: &PodView,
        prepared: &Prepared,
        container: ContainerView<'_>,
        addresses: &[IpAddr],
    ) -> Result<Vec<Mount>, VolumeError> {
        let inner = &self.0;
        let plain: Vec<(String, String)> = items(&container.doc()["env"])
            .iter()
            .map(|variable| {
                let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
                    Some(path) => crate::fields::field(pod, &crate::parts::EnvFacts::default(), path).unwrap_or_default(),
                    None => text(&variable["value"]).to_owned(),
                };
                (text(&variable["name"]).to_owned(), value)
            })
            .collect();
        let mut out = Vec::new();
        for mount in items(&container.doc()["volumeMounts"]) {
            let name = text(&mount["name"]);
            let Some(directory) = prepared.directories.get(name) else {
                return Err(VolumeError {
                    message: format!("cannot find volume {name:?} to mount into container {:?}", container.name()),
                });
            };
            out.push(Mount {
                host_path: inner.source(pod, directory, mount, &plain)?,
                container_path: Path::new("/").join(text(&mount["mountPath"])),
                readonly: mount["readOnly"] == true,
                propagation: propagation(mount),
            });
        }
        out.extend(inner.own_files(pod, container, addresses, &out).map_err(|error| VolumeError { message: error.to_string() })?);
        Ok(out)
    }

    fn settle(&self, pod_uid: &str) {
        if let Some(keeper) = self.0.keepers.lock().remove(pod_uid) {
            keeper.cancel();
        }
    }

    async fn teardown(&self, pod_uid: &str) -> Result<(), VolumeError> {
        self.settle(pod_uid);
        self.0.tokens.forget(pod_uid);
        match tokio::fs::remove_dir_all(self.0.pod_directory(pod_uid)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(VolumeError { message: format!("the pod's directory cannot be removed: {error}") })
            }
            _ => Ok(()),
        }
    }
}

impl Inner {
    /// What the kubelet itself puts into a container, unless the pod mounts something of its own there.
    fn own_files(
        &self,
        pod: &PodView,
        container: ContainerView<'_>,
        addresses: &[IpAddr],
        taken: &[Mount],
    ) -> io::Result<Vec<Mount>> {
        let base = self.pod_directory(pod.uid());
        let mut out = Vec::new();
        let free = |path: &str| !taken.iter().any(|mount| mount.container_path == Path::new(path));
        let files = [
            ("/etc/hosts", "etc-hosts", host_files::hosts(&self.config, pod, addresses)),
            ("/etc/resolv.conf", "resolv.conf", host_files::resolv_conf(&self.config, pod)),
        ];
        directory(&base, 0o750)?;
        for (inside, name, content) in files.into_iter().filter(|(inside, _, _)| free(inside)) {
            let path = base.join(name);
            fs::write(&path, content)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
            out.push(Mount { host_path: path, container_path: inside.into(), ..Mount::default() });
        }
        let log = container.doc()["terminationMessagePath"].as_str().unwrap_or("/dev/termination-log");
        if !log.is_empty() && free(log) {
            let directory_of = base.join("containers").join(container.name());
            directory(&directory_of, 0o750)?;
            // One for each start: what an earlier one said is the earlier one's.
            let number = fs::read_dir(&directory_of)?.count();
            let path = directory_of.join(format!("{number:08}"));
            fs::write(&path, "")?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
            out.push(Mount { host_path: path, container_path: log.into(), ..Mount::default() });
        }
        Ok(out)
    }
}
