//! The kinds, as data: one row of facts and a few pure hooks each. No HTTP, storage or authentication in sight.

pub mod catalog;
pub mod columns;
mod def;
pub mod doc;
pub mod kinds;
pub mod object_meta;
mod record;
pub mod rules;
mod selectable;
mod strategy;

pub use catalog::{Catalog, GroupEntry};
pub use def::{Cell, Column, Conversion, Generation, Hooks, Indexed, ResourceDef, ScalePaths, Subresource};
pub use record::RecordKind;
