//! Watch events, one JSON document per line.

use crate::negotiate::{Encoding, Shape};
use crate::partial;
use crate::table::{self, IncludeObject};
use api::ResourceDef;
use meta::{Object, Status, Time};
use serde_json::{Value, json};
use std::sync::Arc;

/// Marks the bookmark that ends the initial list of a streaming list.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// Writes the events of one watch.
pub struct WatchEncoder {
    def: Arc<ResourceDef>,
    shape: Shape,
    version: &'static str,
    include: IncludeObject,
    /// Only the first event of a table watch names the columns.
    headers: bool,
}

impl WatchEncoder {
    pub fn new(def: Arc<ResourceDef>, encoding: &Encoding, include: IncludeObject) -> Self {
        Self { def, shape: encoding.shape, version: encoding.version, include, headers: true }
    }

    /// Whether an event is the object itself, so that a line shared among watchers will do.
    pub fn is_plain(&self) -> bool {
        self.shape == Shape::Object
    }

    /// `kind` is ADDED, MODIFIED or DELETED.
    pub fn event(&mut self, kind: &str, object: &Object, now: Time) -> Vec<u8> {
        let mut line = open(kind, object.stored().len());
        self.object(object, now, &mut line);
        close(line)
    }

    /// Everything up to this revision has been delivered.
    pub fn bookmark(&mut self, revision: u64, initial_events_end: bool, now: Time) -> Vec<u8> {
        let mut metadata = json!({"creationTimestamp": null});
        if initial_events_end {
            metadata["annotations"] = json!({ INITIAL_EVENTS_END: "true" });
        }
        let doc = json!({"kind": self.def.kind, "apiVersion": self.def.api_version(), "metadata": metadata});
        let mut line = open("BOOKMARK", 0);
        match Object::from_doc(&doc, revision) {
            Ok(object) => self.object(&object, now, &mut line),
            Err(error) => return error_line(&Status::internal(error)),
        }
        close(line)
    }

    fn object(&mut self, object: &Object, now: Time, out: &mut Vec<u8>) {
        match self.shape {
            Shape::Table => {
                let headers = std::mem::take(&mut self.headers);
                table::write_one(&self.def, object, self.version, self.include, headers, now, out);
            }
            Shape::PartialObjectMetadata | Shape::PartialObjectMetadataList => partial::write(object, self.version, out),
            Shape::Object | Shape::Discovery => object.write_json(out),
        }
    }
}

/// The last line of a watch that fails.
pub fn error_line(status: &Status) -> Vec<u8> {
    let event: Value = json!({"type": "ERROR", "object": status.to_value()});
    let mut line = event.to_string().into_bytes();
    line.push(b'\n');
    line
}

fn open(kind: &str, size_hint: usize) -> Vec<u8> {
    let mut line = Vec::with_capacity(size_hint + 128);
    line.extend_from_slice(b"{\"type\":\"");
    line.extend_from_slice(kind.as_bytes());
    line.extend_from_slice(b"\",\"object\":");
    line
}

fn close(mut line: Vec<u8>) -> Vec<u8> {
    line.extend_from_slice(b"}\n");
    line
}
