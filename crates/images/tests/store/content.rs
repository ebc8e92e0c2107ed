//! Images made up for tests: layers of small files, and the documents around them.

use aws_lc_rs::digest::{SHA256, digest};
use futures::FutureExt;
use images::{Image, ImageService, Options, Stop, Store};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub fn sha256(bytes: &[u8]) -> String {
    let hex: String = digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        tar.append_data(&mut header, name, *bytes).expect("an entry");
    }
    tar.into_inner().expect("a tar")
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).expect("written");
    gzip.finish().expect("gzip")
}

/// An image's blobs, the manifest last.
#[derive(Clone)]
pub struct Made {
    pub layers: Vec<Vec<u8>>,
    pub config: Vec<u8>,
    pub manifest: Vec<u8>,
}

impl Made {
    /// Each layer is one file; compressed for the way.
    pub fn new(layers: &[(&str, &[u8])], architecture: &str) -> Self {
        let plain: Vec<Vec<u8>> = layers.iter().map(|file| tar(&[*file])).collect();
        let config = json!({
            "os": "linux", "architecture": architecture,
            "config": {"Env": ["A=b"], "Cmd": ["sh"], "Entrypoint": null, "WorkingDir": "/w", "User": "7", "StopSignal": "SIGINT"},
            "rootfs": {"type": "layers", "diff_ids": plain.iter().map(|layer| sha256(layer)).collect::<Vec<_>>()},
        });
        let (config, layers) = (config.to_string().into_bytes(), plain.iter().map(|layer| gzip(layer)).collect::<Vec<_>>());
        let described: Vec<Value> =
            layers.iter().map(|layer| descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer)).collect();
        let config_described = descriptor("application/vnd.oci.image.config.v1+json", &config);
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config_described, "layers": described});
        Self { layers, config, manifest: manifest.to_string().into_bytes() }
    }

    pub fn simple(content: &[u8]) -> Self {
        Self::new(&[("base", b"the base"), ("top", content)], "amd64")
    }

    pub fn id(&self) -> String {
        sha256(&self.config)
    }

    pub fn blobs(&self) -> Vec<&[u8]> {
        self.layers.iter().map(Vec::as_slice).chain([self.config.as_slice(), self.manifest.as_slice()]).collect()
    }

    /// As an OCI archive under these names.
    pub fn archive(&self, names: &[&str]) -> Vec<u8> {
        let entries: Vec<Value> = names
            .iter()
            .map(|name| {
                let mut entry = descriptor(OCI_MANIFEST, &self.manifest);
                entry["annotations"] = json!({"io.containerd.image.name": name});
                entry
            })
            .collect();
        oci_archive(&json!(entries), &self.blobs())
    }
}

pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": sha256(bytes), "size": bytes.len()})
}

pub fn index(entries: &[(&Made, &str)]) -> Vec<u8> {
    let entries: Vec<Value> = entries
        .iter()
        .map(|(made, architecture)| {
            let mut entry = descriptor(OCI_MANIFEST, &made.manifest);
            entry["platform"] = json!({"os": "linux", "architecture": architecture});
            entry
        })
        .collect();
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).to_string().into_bytes()
}

pub fn oci_archive(manifests: &Value, blobs: &[&[u8]]) -> Vec<u8> {
    let index = json!({"schemaVersion": 2, "manifests": manifests}).to_string();
    let names: Vec<String> = blobs.iter().map(|blob| format!("blobs/{}", sha256(blob).replace(':', "/"))).collect();
    let mut files: Vec<(&str, &[u8])> = vec![("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)];
    files.extend(names.iter().map(String::as_str).zip(blobs.iter().copied()));
    files.push(("index.json", index.as_bytes()));
    tar(&files)
}

/// The answer of a question that the store answers from memory.
pub fn now<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().expect("an answer at once")
}

/// A store in a directory of its own.
pub struct Home {
    pub directory: tempfile::TempDir,
    pub store: Store,
}

impl Home {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = open(directory.path());
        Self { directory, store }
    }

    /// As after the end of the process.
    pub fn reopen(self) -> Self {
        drop(self.store);
        let store = open(self.directory.path());
        Self { directory: self.directory, store }
    }

    pub fn load(&self, archive: &[u8], name: Option<&str>) -> Result<Vec<Image>, String> {
        load(&self.store, self.directory.path(), archive, name)
    }

    pub fn find(&self, name: &str) -> Option<Image> {
        now(self.store.image_status(name)).expect("a store")
    }

    pub fn layers(&self) -> usize {
        count(&self.directory.path().join("images/layers"))
    }

    /// Only what the index needs, and nothing under way.
    pub fn is_tidy(&self) -> bool {
        tidy(&self.directory.path().join("images"), &self.store)
    }
}

pub fn open(directory: &Path) -> Store {
    Store::open(&directory.join("images"), Options::default()).expect("a store")
}

pub fn load(store: &Store, directory: &Path, archive: &[u8], name: Option<&str>) -> Result<Vec<Image>, String> {
    let path = directory.join("archive.tar");
    fs::write(&path, archive).map_err(|e| e.to_string())?;
    let file = File::open(&path).map_err(|e| e.to_string())?;
    store.load(file, name, &Stop::default(), &mut |_| ()).map_err(|e| e.to_string())
}

pub fn tidy(images: &Path, store: &Store) -> bool {
    let known = now(store.list_images()).expect("a store");
    let mut layers: Vec<&PathBuf> = known.iter().flat_map(|image| &image.layers).collect();
    layers.sort();
    layers.dedup();
    let whole = layers.iter().all(|layer| layer.is_dir());
    whole
        && count(&images.join("layers")) == layers.len()
        && count(&images.join("work")) == 0
        && !images.join("index.new").exists()
}

fn count(directory: &Path) -> usize {
    fs::read_dir(directory).expect("a directory").count()
}

/// What a container would see: the files of all layers.
pub fn files(image: &Image) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for layer in &image.layers {
        for entry in fs::read_dir(layer).expect("a layer") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            out.push((name, fs::read(path).expect("a file")));
        }
    }
    out
}
