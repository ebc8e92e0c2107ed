//! A directory for one load or pull under way: gone with it, whatever happens.

use super::{Inner, create_private, create_private_dir, sweep};
use crate::digest::{Digest, Hasher};
use crate::service::PullError;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

/// Between two looks at whether anybody still waits.
const CHUNK_BYTES: usize = 256 << 10;

/// Says to work on another thread that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(io::Error::new(io::ErrorKind::Interrupted, "canceled")) } else { Ok(()) }
    }
}

pub struct Work {
    store: Arc<Inner>,
    dir: PathBuf,
    files: AtomicU64,
    pins: std::sync::Mutex<Vec<String>>,
    pub stop: Stop,
}

impl Work {
    pub fn new(store: &Arc<Inner>, stop: Stop) -> Result<Self, PullError> {
        let dir = store.dir.join("work").join(store.next_work.fetch_add(1, Ordering::Relaxed).to_string());
        create_private_dir(&dir).map_err(|e| PullError::io(dir.display(), &e))?;
        Ok(Self { store: store.clone(), dir, files: AtomicU64::default(), pins: Default::default(), stop })
    }

    pub fn store(&self) -> &Arc<Inner> {
        &self.store
    }

    /// A path that nothing else has.
    pub fn fresh(&self) -> PathBuf {
        self.dir.join(self.files.fetch_add(1, Ordering::Relaxed).to_string())
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether the layer is there already; if so it stays for as long as this work goes on.
    pub fn pin(&self, chain: &Digest) -> bool {
        let name = super::layer_name(chain).to_owned();
        let mut pins = self.store.pins.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.store.layer(chain).is_dir() {
            return false;
        }
        *pins.entry(name.clone()).or_default() += 1;
        self.pins.lock().unwrap_or_else(PoisonError::into_inner).push(name);
        true
    }

    /// Copies a stream into a file and says what it was.
    pub fn keep(&self, from: &mut dyn Read, max_bytes: u64) -> io::Result<(PathBuf, Digest, u64)> {
        let path = self.fresh();
        let mut file = create_private(&path)?;
        let (mut hasher, mut size, mut chunk) = (Hasher::sha256(), 0, vec![0; CHUNK_BYTES]);
        loop {
            self.stop.check()?;
            let read = from.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            size += read as u64;
            if size > max_bytes {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("more than {max_bytes} bytes")));
            }
            hasher.update(&chunk[..read]);
            file.write_all(&chunk[..read])?;
        }
        Ok((path, hasher.finish(), size))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mine = std::mem::take(&mut *self.pins.lock().unwrap_or_else(PoisonError::into_inner));
        let mut pins = self.store.pins.lock().unwrap_or_else(PoisonError::into_inner);
        for name in mine {
            match pins.get_mut(&name) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(pins.remove(&name)),
            }
        }
        drop(pins);
        if let Err(error) = sweep::remove(&self.dir) {
            tracing::warn!(%error, "cannot remove the files of a pull; the next start does");
        }
    }
}
