//! A watch's body, decoded line by line as it comes in.

use crate::reply;
use bytes::{Bytes, BytesMut};
use client::{Event, EventKind, WatchItem, WatchStream};
use futures::StreamExt;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use meta::{Doc, Status};
use std::sync::Arc;

/// Far more than the largest object a server stores.
const MAX_LINE_BYTES: usize = 16 << 20;

/// Ends with the connection, or after an error.
pub(crate) fn stream(body: Incoming) -> WatchStream {
    let lines = futures::stream::unfold(Lines { body, buffer: BytesMut::new(), searched: 0, ended: false }, |mut lines| async {
        let item = lines.next().await?;
        Some((item, lines))
    });
    lines.boxed()
}

struct Lines {
    body: Incoming,
    buffer: BytesMut,
    /// So much of the buffer holds no line end.
    searched: usize,
    ended: bool,
}

impl Lines {
    async fn next(&mut self) -> Option<WatchItem> {
        while !self.ended {
            if let Some(line) = self.line() {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                let item = decode(&line);
                self.ended = matches!(item, WatchItem::Error(_));
                return Some(item);
            }
            if self.buffer.len() > MAX_LINE_BYTES {
                self.ended = true;
                return Some(WatchItem::Error(Status::internal("an event of the watch is too long")));
            }
            match self.body.frame().await? {
                Ok(frame) => self.buffer.extend_from_slice(&frame.into_data().unwrap_or_default()), // trailers say nothing
                Err(error) => {
                    tracing::debug!(%error, "a watch broke off");
                    return None;
                }
            }
        }
        None
    }

    fn line(&mut self) -> Option<Bytes> {
        let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let line = self.buffer.split_to(self.searched + at + 1).freeze();
        self.searched = 0;
        Some(line)
    }
}

fn decode(line: &[u8]) -> WatchItem {
    event(line).unwrap_or_else(WatchItem::Error)
}

fn event(line: &[u8]) -> Result<WatchItem, Status> {
    let mut doc: Doc =
        serde_json::from_slice(line).map_err(|error| Status::internal(format!("an unreadable event of a watch: {error}")))?;
    let object = doc["object"].take();
    let kind = match doc["type"].as_str().unwrap_or_default() {
        "ADDED" => EventKind::Added,
        "MODIFIED" => EventKind::Modified,
        "DELETED" => EventKind::Deleted,
        "BOOKMARK" => {
            let initial_events_end = object["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true";
            return Ok(WatchItem::Bookmark { revision: reply::revision(&object), initial_events_end });
        }
        "ERROR" => return Err(reply::status(&object, 500)),
        other => return Err(Status::internal(format!("a watch event of unknown type {other:?}"))),
    };
    Ok(WatchItem::Event(Arc::new(Event::new(kind, reply::object(&object)?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::Reason;

    #[test]
    fn lines_become_items() {
        let object = r#"{"kind":"Pod","metadata":{"name":"a","resourceVersion":"7"}}"#;
        for (kind, expected) in [("ADDED", EventKind::Added), ("MODIFIED", EventKind::Modified), ("DELETED", EventKind::Deleted)]
        {
            let item = decode(format!(r#"{{"type":"{kind}","object":{object}}}"#).as_bytes());
            assert!(matches!(&item, WatchItem::Event(e) if e.kind == expected && e.object.revision == 7), "{item:?}");
        }
        let bookmark = br#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"8","annotations":{"k8s.io/initial-events-end":"true"}}}}"#;
        assert!(matches!(decode(bookmark), WatchItem::Bookmark { revision: 8, initial_events_end: true }));
        let expired = br#"{"type":"ERROR","object":{"kind":"Status","reason":"Expired","code":410,"message":"too old"}}"#;
        assert!(matches!(decode(expired), WatchItem::Error(status) if status.reason == Reason::Expired));
        assert!(matches!(decode(b"nonsense"), WatchItem::Error(_)));
        assert!(matches!(decode(br#"{"type":"ODD","object":{}}"#), WatchItem::Error(_)));
    }
}
