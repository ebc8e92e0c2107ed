//! Kinds as data: the published structure of every built-in kind, structures of custom resources, and the machinery
//! that goes by them: decoding, defaulting, validation, patches, OpenAPI. No I/O, no async.

pub mod decode;
pub mod defaults;
mod formats;
pub mod leaf;
pub mod openapi;
pub mod patch;
mod path;
pub mod resource;
mod rules;
pub mod strategic;
pub mod structural;
mod table;
pub mod types;

pub use decode::{Decoded, FieldValidation, decode};
pub use defaults::{apply_defaults, fill_zero_values};
pub use patch::{PatchError, json_patch, json_patch_unknown_fields, merge_patch};
pub use resource::{ResourceFacts, SubresourceFacts};
pub use strategic::strategic_merge;
pub use structural::{Structural, StructuralError};
pub use table::{MINORS, Schema};
pub use types::{Facts, Field, ListType, MapType, Node, PatchStrategy, Shape, Type, TypeId, Types};
