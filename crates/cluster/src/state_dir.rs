//! What the service keeps in its state directory, and with which modes.

use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const SECRET: u32 = 0o600;

#[derive(Clone, Debug)]
pub struct StateDir(PathBuf);

/// What the running service wrote about itself, for `env`, `configure`, `status` and `down`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceInfo {
    /// Marks everything this service makes outside its directory.
    pub instance: String,
    pub endpoint: String,
    pub account: String,
    pub region: String,
    pub pid: u32,
    /// Where names of load balancers are written. None: nowhere.
    #[serde(default = "default_hosts_file")]
    pub hosts_file: Option<PathBuf>,
    /// Its instances are simulated nodes.
    #[serde(default)]
    pub simulated: bool,
}

/// Where programs of a machine look names up first.
pub fn default_hosts_file() -> Option<PathBuf> {
    Some("/etc/hosts".into())
}

/// The administrator's access key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl StateDir {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn exists(&self) -> bool {
        self.store().is_dir()
    }

    /// Makes the directory, for its owner only. Says whether it was new.
    pub fn create(&self) -> io::Result<bool> {
        let new = !self.0.exists();
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        Ok(new)
    }

    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }
    /// A directory for each instance.
    pub fn instances(&self) -> PathBuf {
        self.0.join("instances")
    }
    /// The host's content store of images.
    pub fn images(&self) -> PathBuf {
        self.0.join("images")
    }
    pub fn control_socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }
    pub fn log(&self) -> PathBuf {
        self.0.join("pilothouse.log")
    }
    pub fn authority(&self) -> PathBuf {
        self.0.join("ca.crt")
    }
    fn keys(&self) -> PathBuf {
        self.0.join("keys.json")
    }
    fn info(&self) -> PathBuf {
        self.0.join("service.json")
    }
    fn credentials(&self) -> PathBuf {
        self.0.join("credentials.json")
    }

    pub fn read_info(&self) -> io::Result<Option<ServiceInfo>> {
        read(&self.info())
    }
    pub fn write_info(&self, info: &ServiceInfo) -> io::Result<()> {
        write_json(&self.info(), info)
    }
    pub fn read_credentials(&self) -> io::Result<Option<Credentials>> {
        read(&self.credentials())
    }
    pub fn write_credentials(&self, credentials: &Credentials) -> io::Result<()> {
        write_json(&self.credentials(), credentials)
    }
    pub fn read_keys(&self) -> io::Result<Option<meta::Doc>> {
        read(&self.keys())
    }
    pub fn write_keys(&self, keys: &meta::Doc) -> io::Result<()> {
        write_json(&self.keys(), keys)
    }
    pub fn write_authority(&self, pem: &str) -> io::Result<()> {
        replace(&self.authority(), pem.as_bytes())
    }

    /// Removes everything, for `down --purge`.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {e}", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    replace(path, &serde_json::to_vec_pretty(value)?)
}

/// Readers see the old file or the new one, also after a power cut.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(SECRET).open(&next)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&next, path)?;
    match path.parent() {
        Some(parent) => fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
