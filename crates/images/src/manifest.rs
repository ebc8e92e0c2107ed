//! Manifests, indexes and configs: OCI's and Docker's say the same in the fields that matter here.

use crate::digest::{Digest, Hasher};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const IMAGE_NAME: &str = "io.containerd.image.name";
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The media types that are asked for, the most specific first.
pub const ACCEPTED: &[&str] = &[
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// What a document may hold at most. Docker refuses manifests over 4 MiB as well, and overlayfs has an end at 500 layers.
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;
pub const MAX_CONFIG_BYTES: u64 = 8 << 20;
const MAX_LAYERS: usize = 127;
/// An index in an index is allowed, a chain of them is a trap.
pub const MAX_INDEX_DEPTH: usize = 3;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl Descriptor {
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
}

impl Platform {
    fn runs_here(&self) -> bool {
        self.os == "linux" && self.architecture == architecture()
    }
}

/// The running machine's, by Go's name.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A document that is either one image or a list of them.
#[derive(Clone, Debug)]
pub enum Document {
    Image(Manifest),
    Index(Vec<Descriptor>),
}

#[derive(Clone, Debug)]
pub struct Manifest {
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
}

impl Document {
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Either {
            #[serde(default)]
            schema_version: u32,
            config: Option<Descriptor>,
            layers: Option<Vec<Descriptor>>,
            manifests: Option<Vec<Descriptor>>,
        }
        let either: Either = serde_json::from_slice(bytes).map_err(|e| format!("cannot parse the manifest: {e}"))?;
        match either {
            Either { schema_version: 1, .. } => {
                Err("media type \"application/vnd.docker.distribution.manifest.v1+prettyjws\" is no longer supported".into())
            }
            Either { manifests: Some(manifests), config: None, layers: None, .. } => Ok(Self::Index(manifests)),
            Either { manifests: None, config: Some(config), layers, .. } => {
                let layers = layers.unwrap_or_default();
                check_layers(&layers)?;
                Ok(Self::Image(Manifest { config, layers }))
            }
            _ => Err("invalid manifest: neither an image nor an index".into()),
        }
    }
}

fn check_layers(layers: &[Descriptor]) -> Result<(), String> {
    if layers.len() > MAX_LAYERS {
        return Err(format!("{} layers, more than {MAX_LAYERS}", layers.len()));
    }
    match layers.iter().find(|layer| !layer.media_type.is_empty() && !layer.media_type.contains("tar")) {
        Some(layer) => Err(format!("layer {}: unsupported media type {:?}", layer.digest, layer.media_type)),
        None => Ok(()),
    }
}

/// The one entry of an index that this machine runs. An entry without a platform fits any machine.
pub fn pick(index: &[Descriptor]) -> Option<&Descriptor> {
    let exact = index.iter().find(|entry| entry.platform.as_ref().is_some_and(Platform::runs_here));
    exact.or_else(|| index.iter().find(|entry| entry.platform.is_none()))
}

/// What the config says of how to start, and what the layers are when unpacked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    pub os: Option<String>,
    pub architecture: Option<String>,
    pub config: Option<Defaults>,
    pub rootfs: Rootfs,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Defaults {
    pub entrypoint: Option<Vec<String>>,
    pub cmd: Option<Vec<String>>,
    pub env: Option<Vec<String>>,
    pub working_dir: Option<String>,
    pub user: Option<String>,
    pub stop_signal: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rootfs {
    pub diff_ids: Vec<Digest>,
}

impl Config {
    /// The config of an image of `layers` layers.
    pub fn parse(bytes: &[u8], layers: usize) -> Result<Self, String> {
        let config: Self = serde_json::from_slice(bytes).map_err(|e| format!("cannot parse the image config: {e}"))?;
        if config.rootfs.diff_ids.len() != layers {
            return Err(format!("mismatched image rootfs and manifest layers: {} and {layers}", config.rootfs.diff_ids.len()));
        }
        let other = |field: &Option<String>, ours: &str| field.as_deref().is_some_and(|value| !value.is_empty() && value != ours);
        if other(&config.os, "linux") || other(&config.architecture, architecture()) {
            return Err("no match for platform in manifest: not found".into());
        }
        Ok(config)
    }

    /// Names of the unpacked layers, each by everything below it too (OCI image-spec, config.md: ChainID).
    pub fn chain(&self) -> Vec<Digest> {
        let mut chain: Vec<Digest> = Vec::new();
        for diff in &self.rootfs.diff_ids {
            let next = match chain.last() {
                None => diff.clone(),
                Some(below) => {
                    let mut hasher = Hasher::sha256();
                    hasher.update(format!("{below} {diff}").as_bytes());
                    hasher.finish()
                }
            };
            chain.push(next);
        }
        chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(name: &str, platform: Option<(&str, &str)>) -> Descriptor {
        let platform = platform.map(|(os, architecture)| Platform { os: os.into(), architecture: architecture.into() });
        Descriptor { media_type: String::new(), digest: Digest::of(name.as_bytes()), size: 1, platform, annotations: None }
    }

    #[test]
    fn an_index_gives_the_machines_own_image() {
        let ours = Some(("linux", architecture()));
        for (entries, expected) in [
            (vec![entry("w", Some(("windows", architecture()))), entry("l", ours)], Some("l")),
            (vec![entry("other", Some(("linux", "s390x")))], None),
            (vec![entry("unknown", Some(("unknown", "unknown"))), entry("any", None)], Some("any")),
            (vec![entry("any", None), entry("l", ours)], Some("l")),
            (vec![], None),
        ] {
            assert_eq!(pick(&entries).map(|d| &d.digest), expected.map(|name| Digest::of(name.as_bytes())).as_ref());
        }
    }

    #[test]
    fn documents_are_told_apart() {
        let descriptor = json!({"digest": Digest::of(b"x"), "size": 1});
        let odd = json!({"digest": Digest::of(b"x"), "size": 1, "mediaType": "application/vnd.in-toto+json"});
        for (doc, expected) in [
            (json!({"schemaVersion": 2, "config": descriptor, "layers": [descriptor]}), "image"),
            (json!({"schemaVersion": 2, "config": descriptor}), "image"),
            (json!({"schemaVersion": 2, "manifests": [descriptor]}), "index"),
            (json!({"schemaVersion": 1, "fsLayers": []}), "no longer supported"),
            (json!({"schemaVersion": 2}), "neither"),
            (json!({"schemaVersion": 2, "config": descriptor, "manifests": []}), "neither"),
            (json!({"schemaVersion": 2, "config": descriptor, "layers": [odd]}), "unsupported media type"),
            (json!({"schemaVersion": 2, "config": descriptor, "layers": vec![&descriptor; 128]}), "more than 127"),
            (json!({"schemaVersion": 2, "config": {"digest": "sha256:x", "size": 1}}), "invalid checksum"),
            (json!([]), "cannot parse"),
        ] {
            let seen = match Document::parse(doc.to_string().as_bytes()) {
                Ok(Document::Image(_)) => "image".to_owned(),
                Ok(Document::Index(_)) => "index".to_owned(),
                Err(why) => why,
            };
            assert!(seen.contains(expected), "{doc}: {seen}");
        }
    }

    #[test]
    fn configs_name_their_layers() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let doc = json!({"os": "linux", "architecture": architecture(), "config": {"Cmd": null, "Env": ["A=b"], "Volumes": {"/x": {}}},
            "rootfs": {"type": "layers", "diff_ids": [a, b]}, "history": [{}]});
        let config = Config::parse(doc.to_string().as_bytes(), 2).expect("a config");
        assert_eq!(config.chain(), [a.clone(), Digest::of(format!("{a} {b}").as_bytes())]);
        assert!(Config::parse(doc.to_string().as_bytes(), 1).is_err_and(|why| why.starts_with("mismatched")));
        let foreign = json!({"os": "linux", "architecture": "s390x", "rootfs": {"diff_ids": []}});
        assert!(Config::parse(foreign.to_string().as_bytes(), 0).is_err_and(|why| why.starts_with("no match for platform")));
    }
}
