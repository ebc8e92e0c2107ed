//! What a watch delivers.

use bytes::Bytes;
use futures::Stream;
use meta::{Gvr, Object, Status};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    Added,
    Modified,
    Deleted,
}

impl EventKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One change, shared by every watcher that sees it; its JSON is made once, by whoever needs it first.
#[derive(Debug)]
pub struct Event {
    pub kind: EventKind,
    pub object: Arc<Object>,
    json_line: OnceLock<Bytes>,
}

impl Event {
    pub fn new(kind: EventKind, object: Arc<Object>) -> Self {
        Self { kind, object, json_line: OnceLock::new() }
    }

    /// The event as one line of a JSON watch stream.
    pub fn json_line(&self) -> &Bytes {
        self.json_line.get_or_init(|| {
            let mut line = Vec::with_capacity(self.object.stored().len() + 80);
            line.extend_from_slice(b"{\"type\":\"");
            line.extend_from_slice(self.kind.as_str().as_bytes());
            line.extend_from_slice(b"\",\"object\":");
            self.object.write_json(&mut line);
            line.extend_from_slice(b"}\n");
            line.into()
        })
    }
}

#[derive(Clone, Debug)]
pub enum WatchItem {
    Event(Arc<Event>),
    /// Everything up to this revision has been delivered.
    Bookmark {
        revision: u64,
        initial_events_end: bool,
    },
    /// The stream ends after this.
    Error(Status),
}

pub type WatchStream = Pin<Box<dyn Stream<Item = WatchItem> + Send>>;

/// One change of any kind, in the form and under the resource that the server stores it as.
#[derive(Clone, Debug)]
pub struct ObjectFeed {
    pub resource: Gvr,
    pub event: Arc<Event>,
}

/// Everything there is, as added, then every change in the order it was committed. Ends when its reader falls too far
/// behind or the server stops; the reader then starts over.
pub type ChangeStream = Pin<Box<dyn Stream<Item = ObjectFeed> + Send>>;
