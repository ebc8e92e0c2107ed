//! The image service of this node's host, over the socket that its agent serves.

use crate::service::{Credentials, Image, ImageService, PullError};
use crate::wire::{Call, MAX_REPLY_BYTES, PATH, Reply, ShortPath};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use std::fmt::Display;
use std::path::PathBuf;
use tokio::net::UnixStream;

/// A connection for each call: they are rare, and the agent may have been replaced since the last.
#[derive(Clone, Debug)]
pub struct RemoteImages {
    socket: PathBuf,
}

impl RemoteImages {
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    async fn call(&self, call: &Call) -> Result<Reply, PullError> {
        let short = ShortPath::of(&self.socket).map_err(unavailable)?;
        let stream = UnixStream::connect(&short.path).await.map_err(unavailable)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(unavailable)?;
        let body = Full::new(Bytes::from(serde_json::to_vec(call).map_err(unavailable)?));
        let request = http::Request::post(PATH).header(HOST, "agent").header(CONTENT_TYPE, "application/json");
        let request = request.body(body).map_err(unavailable)?;
        let exchange = async move {
            let response = sender.send_request(request).await.map_err(unavailable)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_REPLY_BYTES).collect().await.map_err(unavailable)?.to_bytes();
            if status.is_success() {
                return serde_json::from_slice(&body).map_err(unavailable);
            }
            Err(serde_json::from_slice(&body).unwrap_or_else(|_| unavailable(status)))
        };
        // The connection ends when the exchange has; what ends it earlier ends the exchange too.
        let (reply, _) = futures::join!(exchange, connection);
        reply
    }
}

fn unavailable(why: impl Display) -> PullError {
    PullError::Internal(format!("the host's image service does not answer: {why}"))
}

fn strange(reply: &Reply) -> PullError {
    unavailable(format!("an answer to something else: {reply:?}"))
}

#[async_trait::async_trait]
impl ImageService for RemoteImages {
    async fn image_status(&self, name: &str) -> Result<Option<Image>, PullError> {
        match self.call(&Call::ImageStatus { name: name.into() }).await? {
            Reply::Image(image) => Ok(image.map(|image| *image)),
            other => Err(strange(&other)),
        }
    }

    async fn pull_image(&self, name: &str, credentials: Option<&Credentials>) -> Result<Image, PullError> {
        match self.call(&Call::PullImage { name: name.into(), credentials: credentials.cloned() }).await? {
            Reply::Image(Some(image)) => Ok(*image),
            other => Err(strange(&other)),
        }
    }

    async fn list_images(&self) -> Result<Vec<Image>, PullError> {
        match self.call(&Call::ListImages).await? {
            Reply::Images(images) => Ok(images),
            other => Err(strange(&other)),
        }
    }

    async fn remove_image(&self, id: &str) -> Result<(), PullError> {
        match self.call(&Call::RemoveImage { id: id.into() }).await? {
            Reply::Done => Ok(()),
            other => Err(strange(&other)),
        }
    }

    async fn file_system(&self) -> Result<(u64, u64), PullError> {
        match self.call(&Call::FileSystem).await? {
            Reply::FileSystem { used_bytes, free_bytes } => Ok((used_bytes, free_bytes)),
            other => Err(strange(&other)),
        }
    }
}
