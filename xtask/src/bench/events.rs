//! Watches of the API server, read object by object.

use super::http::{Connection, Target};
use crate::process::{Failure, Result};
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(300);
const ADDED: &[u8] = br#"{"type":"ADDED""#;

/// A watch, event by event.
pub struct Events {
    _open: Connection,
    body: Incoming,
    buffer: BytesMut,
    /// So much of the buffer holds no end of a line.
    looked: usize,
}

impl Events {
    pub async fn open(target: &Target, path: &str) -> Result<Self> {
        let mut connection = target.connect().await?;
        let body = connection.open(Method::GET, path, Bytes::new()).await?.into_body();
        Ok(Self { _open: connection, body, buffer: BytesMut::new(), looked: 0 })
    }

    async fn line(&mut self) -> Result<BytesMut> {
        loop {
            if let Some(end) = self.buffer[self.looked..].iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.looked + end);
                self.buffer.advance(1);
                self.looked = 0;
                return Ok(line);
            }
            self.looked = self.buffer.len();
            let frame = self.body.frame().await.ok_or("a watch ended")?.map_err(|error| Failure(error.to_string()))?;
            self.buffer.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
    }

    /// The first object of which `wanted` says yes; it is asked about each in turn.
    pub async fn until(&mut self, mut wanted: impl FnMut(&Value) -> bool) -> Result<Value> {
        in_time(async {
            loop {
                let line = self.line().await?;
                let mut event: Value = serde_json::from_slice(&line).map_err(|error| Failure(error.to_string()))?;
                if wanted(&event["object"]) {
                    return Ok(event["object"].take());
                }
            }
        })
        .await
    }

    /// Until so many objects have come into the watch's selection, whatever they are.
    pub async fn count(&mut self, objects: usize) -> Result<()> {
        in_time(async {
            let mut seen = 0;
            while seen < objects {
                seen += usize::from(self.line().await?.starts_with(ADDED));
            }
            Ok(())
        })
        .await
    }
}

async fn in_time<T>(wait: impl Future<Output = Result<T>>) -> Result<T> {
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    waited.map_err(|_| Failure("what the benchmark waits for did not happen within five minutes".into()))?
}
