//! The one step in which a finished image becomes one of the store's: unpack, sync, rename, then the index.

use super::index::Entry;
use super::{Inner, Stop, Work, create_private, create_private_dir, sync_dir};
use crate::digest::Digest;
use crate::manifest::{Config, Manifest};
use crate::service::{Image, PullError};
use crate::unpack::{self, Budget, Layer};
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;

/// An image of which everything is in the work's directory and verified against its digests, or in the store already.
pub struct Made<'a> {
    pub manifest_bytes: &'a [u8],
    pub manifest: &'a Manifest,
    pub config_bytes: &'a [u8],
    pub config: &'a Config,
    /// For each layer its blob; None where the store has the layer (and the work has pinned it).
    pub blobs: Vec<Option<PathBuf>>,
    pub repo_tags: Vec<String>,
    pub repo_digests: Vec<String>,
    /// From an archive, not from a registry.
    pub loaded: bool,
}

impl Made<'_> {
    /// On an error nothing of it is left.
    pub fn commit(&self, work: &Work, progress: &mut dyn FnMut(&str)) -> Result<Image, PullError> {
        let store = work.store();
        let chain = self.config.chain();
        let mut new = Vec::new();
        let mut lower: Vec<PathBuf> = Vec::new();
        let mut budget = Budget { bytes: store.options.max_unpacked_bytes, entries: store.options.max_entries };
        for (at, id) in chain.iter().enumerate() {
            let Some(blob) = self.blobs.get(at).and_then(Option::as_ref) else {
                lower.push(store.layer(id));
                continue;
            };
            progress(&format!("unpacking layer {} of {}", at + 1, chain.len()));
            let into = work.fresh();
            let layer = Layer { blob, diff_id: &self.config.rootfs.diff_ids[at], lower: &lower, stop: &work.stop };
            layer.unpack(&into, &mut budget).map_err(|e| unpack_error(&self.manifest.layers[at].digest, &e))?;
            // Its bytes are no longer needed, and may be a good part of the disk.
            fs::remove_file(blob).map_err(|e| PullError::io("layer", &e))?;
            lower.push(into.clone());
            new.push((into, id));
        }
        sync_file_system(work.dir(), &work.stop).map_err(|e| PullError::io("cannot sync the layers", &e))?;
        let writer = store.write();
        let outcome = self.publish(work, &new, &chain, &writer);
        if outcome.is_err() {
            store.sweep(&writer);
        }
        outcome
    }

    fn publish(
        &self,
        work: &Work,
        new: &[(PathBuf, &Digest)],
        chain: &[Digest],
        writer: &MutexGuard<'_, ()>,
    ) -> Result<Image, PullError> {
        let store = work.store();
        let entry = self.entry(chain);
        let mut index = (*store.index()).clone();
        index.add(entry);
        if index.entries.len() > store.options.max_images {
            return Err(PullError::Internal(format!("more than {} images: remove some first", store.options.max_images)));
        }
        let fail = |e: io::Error| PullError::io("image store", &e);
        for (path, id) in new {
            // Somebody else may have brought the same layer meanwhile; both are whole and alike.
            if !store.layer(id).is_dir() {
                fs::rename(path, store.layer(id)).map_err(fail)?;
            }
        }
        sync_dir(&store.dir.join("layers")).map_err(fail)?;
        store.keep_blob(work, &self.manifest.config.digest, self.config_bytes).map_err(fail)?;
        store.keep_blob(work, &Digest::of(self.manifest_bytes), self.manifest_bytes).map_err(fail)?;
        store.replace_index(writer, index)?;
        let id = &self.manifest.config.digest;
        store.by_id(id).ok_or_else(|| PullError::Internal(format!("image {id} is gone already")))
    }

    fn entry(&self, chain: &[Digest]) -> Entry {
        let layers = self.manifest.layers.iter().map(|layer| layer.size).sum::<u64>();
        Entry {
            id: self.manifest.config.digest.clone(),
            manifests: vec![Digest::of(self.manifest_bytes)],
            repo_tags: self.repo_tags.clone(),
            repo_digests: self.repo_digests.clone(),
            size_bytes: layers + (self.config_bytes.len() + self.manifest_bytes.len()) as u64,
            chain: chain.to_vec(),
            defaults: self.config.config.clone().unwrap_or_default(), // an image may have none
            loaded: self.loaded,
        }
    }
}

impl Inner {
    fn keep_blob(&self, work: &Work, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        let (path, next) = (self.blob(digest), work.fresh());
        let Some(parent) = path.parent() else { return Err(io::ErrorKind::InvalidInput.into()) };
        create_private_dir(parent)?;
        let mut file = create_private(&next)?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        fs::rename(next, &path)?;
        sync_dir(parent)
    }
}

fn unpack_error(layer: &Digest, error: &unpack::Error) -> PullError {
    match error {
        unpack::Error::Io { what, source } => PullError::io(format!("failed to extract layer {layer}: {what}"), source),
        refused => PullError::Internal(format!("failed to extract layer {layer}: {refused}")),
    }
}

/// One sync for all files of an image instead of one for each.
fn sync_file_system(dir: &Path, stop: &Stop) -> io::Result<()> {
    stop.check()?;
    let dir = fs::File::open(dir)?;
    nix::unistd::syncfs(dir.as_raw_fd()).map_err(io::Error::from)
}
