//! Pulls: resolve the name, take the layers that are missing, commit. One at a time for each name and credentials.

mod failure;
mod registry;

use crate::digest::Digest;
use crate::manifest::{self, Config, Document, MAX_CONFIG_BYTES, MAX_INDEX_DEPTH, Manifest};
use crate::reference::Reference;
use crate::service::{Credentials, Image, PullError};
use crate::store::{Inner, Made, Stop, Work, blocking};
use failure::Failure;
use futures::future::{BoxFuture, FutureExt, Shared, WeakShared};
use futures::stream::{self, TryStreamExt};
use registry::Registry;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// containerd's `max_concurrent_downloads`.
const CONCURRENT_DOWNLOADS: usize = 3;

/// How long a registry may keep silent.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub read: Duration,
    /// For a whole manifest with all that it takes to be allowed to see it.
    pub manifest: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        // containerd's dialer; the kubelet's own progress deadline of the same length as containerd's.
        let (connect, read) = (Duration::from_secs(30), Duration::from_secs(300));
        Self { connect, read, manifest: Duration::from_secs(120) }
    }
}

type Flight = BoxFuture<'static, Result<Image, PullError>>;
type Key = (String, Option<Credentials>);

/// Pulls under way. One that nobody waits for any more ends.
pub struct Puller {
    timeouts: Timeouts,
    flights: Mutex<HashMap<Key, WeakShared<Flight>>>,
}

impl Puller {
    pub fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, flights: Mutex::default() }
    }

    pub async fn pull(&self, store: &Arc<Inner>, name: Reference, credentials: Option<&Credentials>) -> Result<Image, PullError> {
        self.join(store, name, credentials.cloned()).await
    }

    /// Whoever asks for the same with other credentials asks the registry for himself.
    fn join(&self, store: &Arc<Inner>, name: Reference, credentials: Option<Credentials>) -> Shared<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_string(), credentials.clone());
        if let Some(flight) = flights.get(&key).and_then(WeakShared::upgrade).filter(|flight| flight.peek().is_none()) {
            return flight;
        }
        flights.retain(|_, flight| flight.upgrade().is_some());
        let flight = pull(store.clone(), name, credentials, self.timeouts).boxed().shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(key, weak);
        }
        flight
    }
}

async fn pull(
    store: Arc<Inner>,
    name: Reference,
    credentials: Option<Credentials>,
    timeouts: Timeouts,
) -> Result<Image, PullError> {
    let shown = name.to_string();
    let registry = Registry::new(&name, credentials, timeouts).map_err(|e| e.of(&shown))?;
    let resolved = resolve(&registry, &name).await.map_err(|e| e.of(&shown))?;
    let work = Arc::new(Work::new(&store, Stop::default())?);
    // Work that goes on beside this future ends with it.
    let _canceled = Cancel(work.stop.clone());
    let fetched = fetch(&registry, &work, resolved).await.map_err(|e| e.of(&shown))?;
    blocking(move || fetched.commit(&work, &name)).await.map_err(|e| in_words_of_a_pull(e, &shown))
}

/// The disk's and the archive's complaints, told as a failed pull.
fn in_words_of_a_pull(error: PullError, image: &str) -> PullError {
    match error {
        PullError::Internal(why) => PullError::Internal(format!("failed to pull and unpack image \"{image}\": {why}")),
        PullError::Full(why) => PullError::Full(format!("failed to pull and unpack image \"{image}\": {why}")),
        other => other,
    }
}

struct Cancel(Stop);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.set();
    }
}

struct Resolved {
    /// What the name stands for: an index or the image itself.
    target: Digest,
    manifest_bytes: Vec<u8>,
    manifest: Manifest,
}

async fn resolve(registry: &Registry, name: &Reference) -> Result<Resolved, Failure> {
    registry.authenticate().await?;
    let mut bytes = registry.manifest(name.digest.as_ref()).await?;
    let target = name.digest.clone().unwrap_or_else(|| Digest::of(&bytes));
    for _ in 0..=MAX_INDEX_DEPTH {
        match Document::parse(&bytes).map_err(Failure::Unusable)? {
            Document::Image(manifest) => return Ok(Resolved { target, manifest_bytes: bytes, manifest }),
            Document::Index(entries) => {
                let entry = manifest::pick(&entries).ok_or_else(no_platform)?;
                bytes = registry.manifest(Some(&entry.digest)).await?;
            }
        }
    }
    Err(no_platform())
}

fn no_platform() -> Failure {
    Failure::Unusable("no match for platform in manifest: not found".into())
}

struct Fetched {
    resolved: Resolved,
    config_bytes: Vec<u8>,
    config: Config,
    blobs: Vec<Option<PathBuf>>,
}

async fn fetch(registry: &Registry, work: &Arc<Work>, resolved: Resolved) -> Result<Fetched, Failure> {
    let manifest = &resolved.manifest;
    if manifest.config.size > MAX_CONFIG_BYTES {
        return Err(Failure::Unusable(format!("image config of {} bytes", manifest.config.size)));
    }
    let path = work.fresh();
    registry.blob(&manifest.config, &path).await?;
    let config_bytes = tokio::fs::read(&path).await.map_err(Failure::disk)?;
    let config = Config::parse(&config_bytes, manifest.layers.len()).map_err(Failure::Unusable)?;
    let blobs: Vec<Option<PathBuf>> = config.chain().iter().map(|id| (!work.pin(id)).then(|| work.fresh())).collect();
    let mut downloads = Vec::new();
    for (layer, path) in manifest.layers.iter().zip(&blobs) {
        downloads.extend(path.as_ref().map(|path| Ok(registry.blob(layer, path))));
    }
    stream::iter(downloads).try_buffer_unordered(CONCURRENT_DOWNLOADS).try_collect::<Vec<()>>().await?;
    Ok(Fetched { resolved, config_bytes, config, blobs })
}

impl Fetched {
    fn commit(self, work: &Work, name: &Reference) -> Result<Image, PullError> {
        let Resolved { target, manifest_bytes, manifest } = &self.resolved;
        let made = Made {
            manifest_bytes,
            manifest,
            config_bytes: &self.config_bytes,
            config: &self.config,
            blobs: self.blobs,
            // With a digest in the name, the tag beside it says nothing.
            repo_tags: if name.digest.is_some() { Vec::new() } else { name.repo_tag().into_iter().collect() },
            repo_digests: vec![format!("{}@{target}", name.repository())],
            loaded: false,
        };
        made.commit(work, &mut |step| tracing::debug!(image = %name, step))
    }
}
