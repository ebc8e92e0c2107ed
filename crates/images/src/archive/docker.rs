//! `docker save`: `manifest.json` names configs and layers by path. There is no manifest with a digest, so one is written.

use super::Found;
use super::contents::{Contents, Kept};
use crate::manifest::{Descriptor, MAX_MANIFEST_BYTES, Manifest};
use crate::service::PullError;
use serde::Deserialize;
use serde_json::json;

const MANIFEST: &str = "manifest.json";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

pub fn images(contents: &mut Contents) -> Result<Vec<Found>, PullError> {
    if !contents.has(MANIFEST) {
        return Err(PullError::Internal("not an archive of images: neither index.json nor manifest.json in it".into()));
    }
    let saved: Vec<Saved> = serde_json::from_slice(&contents.bytes(MANIFEST, MAX_MANIFEST_BYTES)?)
        .map_err(|e| PullError::Internal(format!("cannot parse {MANIFEST}: {e}")))?;
    saved.iter().map(|image| found(contents, image)).collect()
}

fn found(contents: &Contents, saved: &Saved) -> Result<Found, PullError> {
    let describe = |kept: &Kept, media_type: &str| Descriptor {
        media_type: media_type.into(),
        digest: kept.digest.clone(),
        size: kept.size,
        platform: None,
        annotations: None,
    };
    let config = describe(contents.file(&saved.config)?, "application/vnd.docker.container.image.v1+json");
    let mut layers = Vec::new();
    for layer in &saved.layers {
        layers.push(describe(contents.file(layer)?, "application/vnd.docker.image.rootfs.diff.tar"));
    }
    let media_type = "application/vnd.docker.distribution.manifest.v2+json";
    let document = json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
    let names = saved.repo_tags.clone().unwrap_or_default(); // saved by id: no names
    Ok(Found { manifest_bytes: document.to_string().into_bytes(), manifest: Manifest { config, layers }, names })
}
