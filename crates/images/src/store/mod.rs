//! The content store of one host. Promise: what it hands out is whole, also after `kill -9` or a power cut at any point.
//!
//! Everything is made in a directory of its own below `work`, verified, synced, and only then renamed into place; the index
//! is written last. What is found at start without being in the index is thrown away.

mod commit;
mod in_use;
mod index;
mod sweep;
mod work;

pub use commit::Made;
pub use work::{Stop, Work};

use crate::archive;
use crate::digest::Digest;
use crate::pull::{Puller, Timeouts};
use crate::reference::Reference;
use crate::service::{Credentials, Image, ImageService, PullError};
use index::{Entry, Index};
use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// What an image may be at most, so that no archive and no registry fills memory, or the disk without an end.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Of one image, unpacked.
    pub max_unpacked_bytes: u64,
    /// Files and directories of one image.
    pub max_entries: u64,
    pub max_images: usize,
    pub timeouts: Timeouts,
}

impl Default for Options {
    fn default() -> Self {
        // The largest images in use (machine learning) are about 30 GB and 1 M files.
        Self { max_unpacked_bytes: 128 << 30, max_entries: 8 << 20, max_images: 10_000, timeouts: Timeouts::default() }
    }
}

/// One content store per directory; a second one of the same directory is refused.
pub struct Store {
    inner: Arc<Inner>,
    puller: Puller,
}

pub struct Inner {
    dir: PathBuf,
    pub options: Options,
    index: RwLock<Arc<Index>>,
    /// Held by whoever changes what is on disk for good.
    writer: Mutex<()>,
    /// Layers that a pull under way counts on, with how many do.
    pins: Mutex<HashMap<String, usize>>,
    next_work: AtomicU64,
    /// Released by the kernel with the process.
    _lock: File,
}

/// What a removal by name did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    pub name: String,
    /// The image itself, if that was its last name.
    pub deleted: Option<String>,
}

impl Store {
    /// Opens the store in `dir`, made if need be, and throws away what an earlier process did not finish.
    pub fn open(dir: &Path, options: Options) -> Result<Self, PullError> {
        let dir = std::path::absolute(dir).map_err(|e| PullError::io(dir.display(), &e))?;
        let fail = |e: std::io::Error| PullError::io(format!("image store {}", dir.display()), &e);
        for below in ["", "blobs", "layers", "work"] {
            create_private_dir(&dir.join(below)).map_err(fail)?;
        }
        let lock = create_private(&dir.join("lock")).map_err(fail)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(PullError::Internal(format!("image store {} is in use by another process", dir.display())));
            }
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        let index = Index::read(&dir).map_err(fail)?.without_missing_layers(&dir);
        let inner = Inner {
            dir,
            options,
            index: RwLock::new(Arc::new(index)),
            writer: Mutex::default(),
            pins: Mutex::default(),
            next_work: AtomicU64::default(),
            _lock: lock,
        };
        let work = inner.dir.join("work");
        sweep::empty(&work).map_err(|e| PullError::io(work.display(), &e))?;
        inner.sweep(&inner.write());
        Ok(Self { inner: Arc::new(inner), puller: Puller::new(options.timeouts) })
    }

    /// Takes in an OCI archive or one of `docker save`, plain or compressed. `name` names its image, in place of the
    /// archive's own names. `progress` hears of each step. Blocks; `stop` ends it early.
    pub fn load(
        &self,
        archive: File,
        name: Option<&str>,
        stop: &Stop,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Vec<Image>, PullError> {
        archive::load(&self.inner, archive, name, stop, progress)
    }

    /// Takes away one name, or by id the image with all its names. None: no such image.
    pub fn remove(&self, name: &str) -> Result<Option<Removed>, PullError> {
        self.inner.remove(name, false)
    }
}

impl Inner {
    fn index(&self) -> Arc<Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The index is replaced as a whole, so a panic of an earlier writer has left nothing half.
    fn write(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs").join(digest.algorithm()).join(digest.hex())
    }

    pub fn layer(&self, chain: &Digest) -> PathBuf {
        self.dir.join("layers").join(layer_name(chain))
    }

    pub fn image(&self, entry: &Entry) -> Image {
        let defaults = entry.defaults.clone();
        Image {
            id: entry.id.to_string(),
            repo_tags: entry.repo_tags.clone(),
            repo_digests: entry.repo_digests.clone(),
            size_bytes: entry.size_bytes,
            layers: entry.chain.iter().map(|chain| self.layer(chain)).collect(),
            entrypoint: defaults.entrypoint.unwrap_or_default(), // absent means none
            cmd: defaults.cmd.unwrap_or_default(),               // likewise
            env: defaults.env.unwrap_or_default(),               // likewise
            working_dir: defaults.working_dir.unwrap_or_default(), // likewise
            user: defaults.user.unwrap_or_default(),             // likewise
            stop_signal: defaults.stop_signal.unwrap_or_default(), // likewise
            pinned: entry.loaded,
        }
    }

    /// The image of this config, under the names that it has.
    pub fn by_id(&self, id: &Digest) -> Option<Image> {
        self.index().by_id(id).map(|entry| self.image(entry))
    }

    fn find(&self, name: &str) -> Result<Option<Image>, PullError> {
        let index = self.index();
        Ok(index.find(&Wanted::parse(name)?).map(|entry| self.image(entry)))
    }

    fn remove(&self, name: &str, whole: bool) -> Result<Option<Removed>, PullError> {
        let wanted = Wanted::parse(name)?;
        let writer = self.write();
        let mut index = (*self.index()).clone();
        let Some(removed) = index.remove(&wanted, whole) else { return Ok(None) };
        self.replace_index(&writer, index)?;
        self.sweep(&writer);
        Ok(Some(removed))
    }

    /// Nodes remove what they do not use; another node of this host may.
    fn remove_unused(&self, name: &str) -> Result<(), PullError> {
        let Some(image) = self.find(name)? else { return Ok(()) };
        // Only images made on top of it have its last layer as well.
        let top = image.layers.last().and_then(|layer| Some(layer.file_name()?.to_string_lossy().into_owned()));
        let mut free: HashSet<String> = top.into_iter().collect();
        let wanted = free.len();
        in_use::retain_unmounted(&mut free).map_err(|e| PullError::io("mount tables", &e))?;
        if free.len() < wanted {
            return Err(PullError::Internal(format!("image {name} is used by a container of this host")));
        }
        self.remove(name, true).map(drop)
    }

    fn replace_index(&self, _writer: &MutexGuard<'_, ()>, index: Index) -> Result<(), PullError> {
        index.write(&self.dir).map_err(|e| PullError::io("cannot write the index of images", &e))?;
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(index);
        Ok(())
    }
}

/// Half of the digest: short, because all layers of a container stand in one mount option of 4096 bytes, and long enough
/// that nobody finds a second layer of that name.
fn layer_name(chain: &Digest) -> &str {
    &chain.hex()[..32]
}

/// What a caller may call an image.
#[derive(Debug)]
pub enum Wanted {
    Id(Digest),
    Name(Reference),
}

impl Wanted {
    fn parse(name: &str) -> Result<Self, PullError> {
        if let Ok(id) = Digest::parse(name).or_else(|_| Digest::parse(&format!("sha256:{name}"))) {
            return Ok(Self::Id(id));
        }
        Reference::parse(name).map(Self::Name)
    }
}

#[async_trait::async_trait]
impl ImageService for Store {
    async fn image_status(&self, name: &str) -> Result<Option<Image>, PullError> {
        self.inner.find(name)
    }

    async fn pull_image(&self, name: &str, credentials: Option<&Credentials>) -> Result<Image, PullError> {
        self.puller.pull(&self.inner, Reference::parse(name)?, credentials).await
    }

    async fn list_images(&self) -> Result<Vec<Image>, PullError> {
        Ok(self.inner.index().entries.iter().map(|entry| self.inner.image(entry)).collect())
    }

    async fn remove_image(&self, id: &str) -> Result<(), PullError> {
        let (inner, id) = (self.inner.clone(), id.to_owned());
        blocking(move || inner.remove_unused(&id)).await
    }

    async fn file_system(&self) -> Result<(u64, u64), PullError> {
        let seen = nix::sys::statvfs::statvfs(&self.inner.dir).map_err(|e| PullError::io("statvfs", &e.into()))?;
        let bytes = |blocks: u64| blocks.saturating_mul(seen.fragment_size());
        Ok((bytes(seen.blocks().saturating_sub(seen.blocks_free())), bytes(seen.blocks_available())))
    }
}

/// Work of the disk, off the threads that answer.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, PullError> + Send + 'static) -> Result<T, PullError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| PullError::Internal(e.to_string()))?
}

/// A file for its owner only: what an image holds is not for everybody on the host.
fn create_private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn create_private_dir(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Names in a directory are durable once it is synced.
fn sync_dir(dir: &Path) -> std::io::Result<()> {
    fs::File::open(dir)?.sync_all()
}
