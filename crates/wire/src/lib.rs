//! How objects travel over HTTP: negotiation, bodies, lists, tables, watch events, discovery and OpenAPI documents.
//!
//! **Invariant**: no I/O and no async here, and no built-in kind by name.

pub mod body;
pub mod discovery;
pub mod list;
pub mod negotiate;
pub mod openapi;
pub mod partial;
pub mod protobuf;
pub mod reply;
pub mod status;
pub mod table;
pub mod watch;
pub mod yaml;

mod document;

pub use body::{BodyFormat, Decoded, PatchFormat};
pub use document::Document;
pub use list::{Chunks, Items, ListMeta};
pub use negotiate::{Encoding, Endpoint, Format, Shape};
pub use table::IncludeObject;
pub use watch::WatchEncoder;
