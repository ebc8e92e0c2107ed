//! List replies, written piece by piece: memory does not grow with the list.

use crate::negotiate::{Encoding, Format, Shape};
use crate::table::{self, IncludeObject};
use crate::{partial, yaml};
use api::ResourceDef;
use bytes::Bytes;
use meta::{Object, Time};
use serde_json::{Map, Value, json};
use std::iter::Peekable;
use std::sync::Arc;

/// A chunk is handed out once it holds this much.
const CHUNK_BYTES: usize = 64 << 10;

/// `metav1.ListMeta`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListMeta {
    pub revision: u64,
    pub continue_token: String,
    pub remaining: Option<u64>,
}

impl ListMeta {
    pub(crate) fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("resourceVersion".into(), if self.revision == 0 { "".into() } else { self.revision.to_string().into() });
        if !self.continue_token.is_empty() {
            map.insert("continue".into(), self.continue_token.as_str().into());
        }
        if let Some(remaining) = self.remaining {
            map.insert("remainingItemCount".into(), remaining.into());
        }
        Value::Object(map)
    }
}

/// What a list is of, one after the other: nobody needs to have all of it at once.
pub type Items = Box<dyn Iterator<Item = Arc<Object>> + Send>;

type WriteItem = Box<dyn Fn(&Object, &mut Vec<u8>) + Send>;

/// The body of a list reply, as an iterator over its parts in order.
pub struct Chunks {
    encoding: Encoding,
    write: WriteItem,
    items: Peekable<Items>,
    head: Option<Value>,
    /// The member that holds the items.
    array: &'static str,
    first: bool,
    done: bool,
}

impl Chunks {
    /// A list of a kind in whatever form was negotiated. `now` is what ages in tables count from.
    pub fn new(
        def: &Arc<ResourceDef>,
        items: Items,
        meta: &ListMeta,
        encoding: &Encoding,
        include: IncludeObject,
        now: Time,
    ) -> Self {
        let version = encoding.version;
        let (head, array, write): (Value, _, WriteItem) = match encoding.shape {
            Shape::Table => {
                let head = table::head(version, Some(def), meta);
                let def = Arc::clone(def);
                (head, "rows", Box::new(move |object, out| table::write_row(&def, object, version, include, now, out)))
            }
            Shape::PartialObjectMetadata | Shape::PartialObjectMetadataList => {
                let api_version = format!("meta.k8s.io/{version}");
                let head = json!({"kind": "PartialObjectMetadataList", "apiVersion": api_version, "metadata": meta.to_value()});
                (head, "items", Box::new(move |object, out| partial::write(object, version, out)))
            }
            Shape::Object | Shape::Discovery => {
                let head = json!({"kind": def.list_kind, "apiVersion": def.api_version(), "metadata": meta.to_value()});
                (head, "items", Box::new(|object, out| object.write_json(out)))
            }
        };
        let items = items.peekable();
        Self { encoding: encoding.clone(), write, items, head: Some(head), array, first: true, done: false }
    }

    fn open(&mut self, head: &Value, out: &mut Vec<u8>) {
        match (self.encoding.format, self.encoding.pretty) {
            (Format::Yaml, _) => {
                // The items come last, so that everything before them is ready at once.
                out.extend_from_slice(yaml::encode(head).as_bytes());
                out.extend_from_slice(self.array.as_bytes());
                out.extend_from_slice(if self.items.peek().is_none() { ": []\n" } else { ":\n" }.as_bytes());
            }
            (Format::Json, pretty) => {
                let text = if pretty { format!("{head:#}") } else { head.to_string() };
                out.extend_from_slice(text.strip_suffix('}').unwrap_or(&text).trim_end().as_bytes());
                out.extend_from_slice(if pretty { ",\n  \"" } else { ",\"" }.as_bytes());
                out.extend_from_slice(self.array.as_bytes());
                out.extend_from_slice(if pretty { "\": [" } else { "\":[" }.as_bytes());
            }
        }
    }

    fn item(&mut self, object: &Object, out: &mut Vec<u8>) {
        let first = std::mem::take(&mut self.first);
        match (self.encoding.format, self.encoding.pretty) {
            (Format::Json, false) => {
                if !first {
                    out.push(b',');
                }
                (self.write)(object, out);
            }
            (Format::Json, true) => {
                out.extend_from_slice(if first { "\n" } else { ",\n" }.as_bytes());
                indent(&format!("{:#}", self.value(object)), "    ", "    ", out);
                out.pop();
            }
            (Format::Yaml, _) => indent(&yaml::encode(&self.value(object)), "- ", "  ", out),
        }
    }

    fn value(&self, object: &Object) -> Value {
        let mut json = Vec::new();
        (self.write)(object, &mut json);
        serde_json::from_slice(&json).expect("what we wrote is JSON")
    }

    fn close(&self, out: &mut Vec<u8>) {
        match (self.encoding.format, self.encoding.pretty) {
            (Format::Json, false) => out.extend_from_slice(b"]}\n"),
            (Format::Json, true) if self.first => out.extend_from_slice(b"]\n}\n"),
            (Format::Json, true) => out.extend_from_slice(b"\n  ]\n}\n"),
            (Format::Yaml, _) => {}
        }
    }
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.done {
            return None;
        }
        let mut out = Vec::with_capacity(CHUNK_BYTES + 4096);
        if let Some(head) = self.head.take() {
            self.open(&head, &mut out);
        }
        while out.len() < CHUNK_BYTES {
            match self.items.next() {
                Some(object) => self.item(&object, &mut out),
                None => {
                    self.close(&mut out);
                    self.done = true;
                    break;
                }
            }
        }
        Some(out.into())
    }
}

/// Appends every line behind a margin. Works for YAML too: block scalars keep their shape under a common indent.
fn indent(text: &str, first: &str, rest: &str, out: &mut Vec<u8>) {
    for (at, line) in text.lines().enumerate() {
        if !line.is_empty() {
            out.extend_from_slice(if at == 0 { first } else { rest }.as_bytes());
            out.extend_from_slice(line.as_bytes());
        }
        out.push(b'\n');
    }
}
