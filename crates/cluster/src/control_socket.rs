//! The socket through which `down` and `status` speak to a running service: one JSON line each way, for its owner only.

use crate::service::Service;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// A request is one short word.
const MAX_REQUEST_BYTES: u64 = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ask {
    Status,
    Stop,
}

/// What `status` prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStatus {
    pub endpoint: String,
    pub account: String,
    pub region: String,
    pub pid: u32,
    pub clusters: Vec<ClusterStatus>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    pub name: String,
    pub version: String,
    pub status: String,
    pub endpoint: String,
}

/// Listens; what an earlier process left behind is replaced (the store's lock says that it is gone).
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until somebody asks the service to stop.
pub async fn answer_until_stop(listener: &UnixListener, service: &Service) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        match exchange(stream, service).await {
            Ok(Ask::Stop) => return Ok(()),
            Ok(Ask::Status) => {}
            Err(error) => tracing::debug!(%error, "control connection ended"),
        }
    }
}

async fn exchange(mut stream: UnixStream, service: &Service) -> io::Result<Ask> {
    let mut line = String::new();
    BufReader::new((&mut stream).take(MAX_REQUEST_BYTES)).read_line(&mut line).await?;
    let ask: Ask = serde_json::from_str(&line)?;
    let mut reply = serde_json::to_vec(&status(service).await.map_err(io::Error::other)?)?;
    reply.push(b'\n');
    stream.write_all(&reply).await?;
    Ok(ask)
}

async fn status(service: &Service) -> meta::status::Result<ServiceStatus> {
    let clusters = service.admin.list(cloud_eks::CLUSTERS, "", client::Options::default()).await?;
    let of = |doc: meta::Doc| {
        let text = |pointer: &str| doc.pointer(pointer).and_then(meta::Doc::as_str).unwrap_or_default().to_owned();
        ClusterStatus {
            name: text("/spec/name"),
            version: text("/spec/version"),
            status: text("/status/phase"),
            endpoint: text("/status/endpoint"),
        }
    };
    let info = &service.info;
    Ok(ServiceStatus {
        endpoint: info.endpoint.clone(),
        account: info.account.clone(),
        region: info.region.clone(),
        pid: info.pid,
        clusters: clusters.items.iter().map(|o| of(o.to_doc())).collect(),
    })
}

/// Asks the service at `path`. None when nobody listens there.
pub async fn ask(path: &Path, ask: Ask) -> io::Result<Option<ServiceStatus>> {
    let stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut stream = BufReader::new(stream);
    let mut request = serde_json::to_vec(&ask)?;
    request.push(b'\n');
    stream.get_mut().write_all(&request).await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    Ok(Some(serde_json::from_str(&line)?))
}

/// Blocks until the service that kept its store at `store` has let go of it, or its process is gone.
pub fn wait_for_release(store: &Path, process: &Path) {
    let Ok(lock) = std::fs::File::open(store.join("lock")) else { return };
    if process.exists() {
        // Whether the lock was ever taken does not matter, only that nobody holds it now.
        drop(lock.lock());
    }
}
