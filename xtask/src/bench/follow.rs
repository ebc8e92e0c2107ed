//! A watch, read line by line; a line is parsed only where it must be.

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

pub struct Follow {
    _open: Connection,
    body: Incoming,
    buffer: BytesMut,
    /// So much of the buffer holds no end of a line.
    looked: usize,
}

impl Follow {
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
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await;
            let frame = frame.map_err(|_| Failure("what the benchmark waits for did not happen in five minutes".into()))?;
            let frame = frame.ok_or("a watch ended")?.map_err(|error| Failure(error.to_string()))?;
            self.buffer.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
    }

    /// Until so many objects have come into the watch's selection.
    pub async fn count(&mut self, objects: usize) -> Result<()> {
        let mut seen = 0;
        while seen < objects {
            if self.line().await?.starts_with(ADDED) {
                seen += 1;
            }
        }
        Ok(())
    }

    /// Until an object is as wanted.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<()> {
        loop {
            let line = self.line().await?;
            let event: Value = serde_json::from_slice(&line).map_err(|error| Failure(error.to_string()))?;
            if wanted(&event["object"]) {
                return Ok(());
            }
        }
    }
}
