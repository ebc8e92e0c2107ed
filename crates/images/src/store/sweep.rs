//! Throws away what no image needs: blobs and layers outside the index, unless a pull or a container counts on them.

use super::{Inner, in_use, layer_name};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{MutexGuard, PoisonError};

impl Inner {
    /// What cannot be removed is tried again at the next occasion.
    pub fn sweep(&self, _writer: &MutexGuard<'_, ()>) {
        if let Err(error) = self.sweep_layers().and_then(|()| self.sweep_blobs()) {
            tracing::warn!(%error, "cannot remove unused content of the image store");
        }
    }

    fn sweep_layers(&self) -> io::Result<()> {
        let index = self.index();
        let needed: HashSet<&str> = index.entries.iter().flat_map(|entry| entry.chain.iter().map(layer_name)).collect();
        let layers = self.dir.join("layers");
        let mut loose: HashSet<String> = names(&layers)?.into_iter().filter(|name| !needed.contains(name.as_str())).collect();
        if loose.is_empty() {
            return Ok(());
        }
        in_use::retain_unmounted(&mut loose)?;
        // Held on to until the last is out of the way: a pull pins a layer only while it is there.
        let pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let work = self.dir.join("work");
        let mut gone = Vec::new();
        for name in loose.iter().filter(|name| !pins.contains_key(*name)) {
            // Out of sight in one step: a layer that is being removed must never be taken for one that is whole.
            let aside = work.join(format!("removed-{name}"));
            fs::rename(layers.join(name), &aside)?;
            gone.push(aside);
        }
        drop(pins);
        gone.iter().try_for_each(|path| remove(path))
    }

    fn sweep_blobs(&self) -> io::Result<()> {
        let index = self.index();
        let needed: HashSet<_> =
            index.entries.iter().flat_map(|e| e.manifests.iter().chain([&e.id])).map(|d| self.blob(d)).collect();
        let blobs = self.dir.join("blobs");
        for algorithm in names(&blobs)? {
            for name in names(&blobs.join(&algorithm))? {
                let path = blobs.join(&algorithm).join(name);
                if !needed.contains(&path) {
                    fs::remove_file(path)?;
                }
            }
        }
        Ok(())
    }
}

fn names(dir: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Removes what is in a directory.
pub fn empty(dir: &Path) -> io::Result<()> {
    fs::read_dir(dir)?.try_for_each(|entry| remove(&entry?.path()))
}

/// Removes a file or a tree; a tree may hold directories that their owner may not enter.
pub fn remove(path: &Path) -> io::Result<()> {
    let outcome = match fs::symlink_metadata(path) {
        Ok(seen) if seen.is_dir() => fs::remove_dir_all(path).or_else(|_| {
            open_up(path)?;
            fs::remove_dir_all(path)
        }),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// For those who are not root.
fn open_up(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
