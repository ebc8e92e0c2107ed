//! One file per verb, none per kind.

mod changes;
mod create;
mod delete;
mod get;
mod list;
mod patch;
pub(crate) mod prepare;
mod update;
mod watch;

pub(crate) use list::{Listing, Whole};
