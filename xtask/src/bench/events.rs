//! Watches of the API server, read object by object.

use super::http::{Connection, Target};
use crate::process::{Failure, Result};
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// A watch, event by event.
pub struct Events {
    _open: Connection,
    body: Incoming,
    buffer: BytesMut,
}

impl Events {
    pub async fn open(target: &Target, path: &str) -> Result<Self> {
        let mut connection = target.connect().await?;
        let body = connection.open(Method::GET, path, Bytes::new()).await?.into_body();
        Ok(Self { _open: connection, body, buffer: BytesMut::new() })
    }

    /// The first object of which `wanted` says yes; it is asked about each in turn.
    pub async fn until(&mut self, mut wanted: impl FnMut(&Value) -> bool) -> Result<Value> {
        tokio::time::timeout(PATIENCE, async {
            loop {
                while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                    let line = self.buffer.split_to(end);
                    self.buffer.advance(1);
                    let event: Value = serde_json::from_slice(&line).map_err(|error| Failure(error.to_string()))?;
                    if wanted(&event["object"]) {
                        return Ok(event["object"].clone());
                    }
                }
                let frame = self.body.frame().await.ok_or("a watch ended")?.map_err(|error| Failure(error.to_string()))?;
                self.buffer.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            }
        })
        .await
        .map_err(|_| Failure("what the benchmark waits for did not happen within a minute".into()))?
    }
}
