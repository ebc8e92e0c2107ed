//! Loads images from a file: an OCI layout in a tar, or what `docker save` writes.

mod contents;
mod docker;
mod layout;

use crate::digest::Digest;
use crate::manifest::{Config, MAX_CONFIG_BYTES, Manifest};
use crate::reference::Reference;
use crate::service::{Image, PullError};
use crate::store::{Inner, Made, Stop, Work};
use contents::Contents;
use std::fs::File;
use std::sync::Arc;

/// An image of the archive, before it is checked.
pub struct Found {
    pub manifest_bytes: Vec<u8>,
    pub manifest: Manifest,
    pub names: Vec<String>,
}

pub fn load(
    store: &Arc<Inner>,
    archive: File,
    name: Option<&str>,
    stop: &Stop,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Image>, PullError> {
    let name = name.map(Reference::parse).transpose()?;
    let work = Work::new(store, stop.clone())?;
    progress("reading the archive");
    let mut contents = Contents::read(&work, archive, store.options.max_unpacked_bytes)?;
    let mut found = if contents.has("index.json") { layout::images(&contents)? } else { docker::images(&mut contents)? };
    match name {
        Some(_) if found.len() > 1 => {
            return Err(refused(format!("the archive holds {} images: --name fits only one", found.len())));
        }
        Some(name) => found.iter_mut().for_each(|image| image.names = vec![name.to_string()]),
        None => {}
    }
    // Layers that several images of the archive share are unpacked for the first of them, and the blob goes with that.
    found.iter().map(|image| take(&work, &contents, image, progress)).collect()
}

fn take(work: &Work, contents: &Contents, found: &Found, progress: &mut dyn FnMut(&str)) -> Result<Image, PullError> {
    let mut names = Vec::new();
    for name in &found.names {
        names.push(Reference::parse(name)?);
    }
    if names.is_empty() {
        return Err(refused("the archive does not name its image: say --name NAME".into()));
    }
    let manifest = &found.manifest;
    let config_bytes = contents.blob_bytes(&manifest.config.digest, MAX_CONFIG_BYTES)?;
    let config = Config::parse(&config_bytes, manifest.layers.len()).map_err(refused)?;
    let mut blobs = Vec::new();
    for (chain, layer) in config.chain().iter().zip(&manifest.layers) {
        blobs.push(if work.pin(chain) { None } else { Some(contents.layer(work, &layer.digest)?) });
    }
    progress(&format!("loading {}", names[0]));
    let digest = Digest::of(&found.manifest_bytes);
    let mut repo_digests: Vec<String> = names.iter().map(|name| format!("{}@{digest}", name.repository())).collect();
    repo_digests.dedup();
    let made = Made {
        manifest_bytes: &found.manifest_bytes,
        manifest,
        config_bytes: &config_bytes,
        config: &config,
        blobs,
        repo_tags: names.iter().filter_map(Reference::repo_tag).collect(),
        repo_digests,
        loaded: true,
    };
    made.commit(work, progress)
}

fn refused(why: String) -> PullError {
    PullError::Internal(why)
}
