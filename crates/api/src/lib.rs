//! The kinds, as data: one row of facts and a few pure hooks each. No HTTP, storage or authentication in sight.

pub mod columns;
mod def;

pub use def::{Cell, Column, Hooks, ResourceDef, ScalePaths, Subresource};
