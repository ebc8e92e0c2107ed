//! Kinds as data: the published structure of every built-in kind, structures of custom resources, and the machinery
//! that goes by them: decoding, defaulting, validation, patches, OpenAPI. No I/O, no async.

pub mod decode;
pub mod leaf;
pub mod parse;
mod path;
pub mod resource;
mod table;
pub mod types;

pub use decode::{Decoded, FieldValidation, decode};
pub use parse::{Parsed, find_duplicates, parse_json};
pub use resource::{ResourceFacts, SubresourceFacts};
pub use table::{MINORS, Schema};
pub use types::{Facts, Field, ListType, Node, PatchStrategy, Shape, Type, TypeId, Types};
