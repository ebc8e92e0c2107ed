//! The socket through which commands speak to a running service: a JSON line to it, one or more back, for its owner only.

use crate::image_requests;
use crate::service::Service;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

pub use crate::image_requests::{Image, ImageAnswer};

/// A request is a word, at most with a path and a name.
const MAX_REQUEST_BYTES: u64 = 16 << 10;
/// Commands at a time; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ask {
    Status,
    Stop,
    /// The service reads the archive itself, so the path is absolute.
    ImageLoad {
        archive: PathBuf,
        name: Option<String>,
    },
    ImageList,
    ImageRemove {
        name: String,
    },
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
    pub instances: Vec<InstanceStatus>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    pub name: String,
    pub version: String,
    pub status: String,
    pub endpoint: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceStatus {
    pub id: String,
    pub instance_type: String,
    pub zone: String,
    pub address: String,
    /// As EC2 names it.
    pub state: String,
    /// Why it is not running, if it should be.
    pub message: String,
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
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < MAX_CONNECTIONS => open.push(exchange(accepted?.0, service)),
            // A slow one, such as the load of an image, keeps nobody else waiting.
            Some(outcome) = open.next() => match outcome {
                Ok(Ask::Stop) => return Ok(()),
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "control connection ended"),
            },
        }
    }
}

async fn exchange(mut stream: UnixStream, service: &Service) -> io::Result<Ask> {
    let mut line = String::new();
    BufReader::new((&mut stream).take(MAX_REQUEST_BYTES)).read_line(&mut line).await?;
    let ask: Ask = serde_json::from_str(&line)?;
    match &ask {
        Ask::Status | Ask::Stop => say(&mut stream, &status(service).await.map_err(io::Error::other)?).await?,
        Ask::ImageLoad { archive, name } => {
            image_requests::load(&mut stream, &service.images, archive.clone(), name.clone()).await?;
        }
        Ask::ImageList => image_requests::list(&mut stream, &service.images).await?,
        Ask::ImageRemove { name } => image_requests::remove(&mut stream, &service.images, name.clone()).await?,
    }
    Ok(ask)
}

/// One line of an answer.
pub(crate) async fn say(stream: &mut UnixStream, line: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

async fn status(service: &Service) -> meta::status::Result<ServiceStatus> {
    let clusters = service.admin.list(cloud_eks::CLUSTERS, "", client::Options::default()).await?;
    let instances = service.admin.list(crate::instances::INSTANCES, "", client::Options::default()).await?;
    let info = &service.info;
    Ok(ServiceStatus {
        endpoint: info.endpoint.clone(),
        account: info.account.clone(),
        region: info.region.clone(),
        pid: info.pid,
        clusters: clusters.items.iter().map(|record| cluster_status(&record.to_doc())).collect(),
        instances: instances.items.iter().map(|record| instance_status(&record.to_doc())).collect(),
    })
}

fn text(doc: &meta::Doc, pointer: &str) -> String {
    doc.pointer(pointer).and_then(meta::Doc::as_str).unwrap_or_default().to_owned()
}

fn cluster_status(doc: &meta::Doc) -> ClusterStatus {
    ClusterStatus {
        name: text(doc, "/spec/name"),
        version: text(doc, "/spec/version"),
        status: text(doc, "/status/phase"),
        endpoint: text(doc, "/status/endpoint"),
    }
}

fn instance_status(doc: &meta::Doc) -> InstanceStatus {
    let state = text(doc, "/status/state");
    InstanceStatus {
        id: text(doc, "/metadata/name"),
        instance_type: text(doc, "/spec/instanceType"),
        zone: text(doc, "/spec/availabilityZone"),
        address: text(doc, "/status/network/privateIpAddress"),
        state: if state.is_empty() { "pending".into() } else { state },
        message: text(doc, "/status/message"),
    }
}

/// Asks the service at `path`. None when nobody listens there, or whoever did died before an answer.
pub async fn ask(path: &Path, ask: Ask) -> io::Result<Option<ServiceStatus>> {
    let line = async {
        let Some(mut answer) = send(path, &ask).await? else { return Ok(String::new()) };
        let mut line = String::new();
        answer.read_line(&mut line).await.map(|_| line)
    };
    match line.await {
        Ok(line) if line.is_empty() => Ok(None),
        Ok(line) => Ok(Some(serde_json::from_str(&line)?)),
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks something of images; `progress` hears of each step. None when nobody listens; otherwise the answer, or why not.
pub async fn ask_images(
    path: &Path,
    ask: Ask,
    progress: &mut dyn FnMut(&str),
) -> io::Result<Option<Result<ImageAnswer, String>>> {
    match send(path, &ask).await? {
        Some(answer) => image_requests::read(answer, progress).await.map(Some),
        None => Ok(None),
    }
}

async fn send(path: &Path, ask: &Ask) -> io::Result<Option<BufReader<UnixStream>>> {
    let stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut stream = BufReader::new(stream);
    say(stream.get_mut(), ask).await?;
    Ok(Some(stream))
}

/// Blocks until the service that kept its store at `store` has let go of it, or its process is gone.
pub fn wait_for_release(store: &Path, process: &Path) {
    let Ok(lock) = std::fs::File::open(store.join("lock")) else { return };
    if process.exists() {
        // Whether the lock was ever taken does not matter, only that nobody holds it now.
        drop(lock.lock());
    }
}
