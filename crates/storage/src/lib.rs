//! The revisioned store behind every API server: the [`Store`] trait and the embedded engine that implements it.
//!
//! The engine keeps every cluster of the process in one append-only log (group commit: one `fdatasync` for all the
//! transactions that arrived meanwhile) and serves reads from an index in memory, which only ever shows what is durable.

pub mod backend;
mod cluster;
mod committer;
mod crypto;
mod engine;
mod error;
mod frame;
mod gather;
mod group;
mod index;
mod keeper;
mod log;
mod record;
mod recovery;
mod snapshot;
mod store;
mod watch;

pub use crypto::Keyring;
pub use engine::{Engine, EngineOptions};
pub use error::{Error, Result};
pub use store::{Change, Compare, Entry, Page, Revision, Snapshot, Store, Txn, TxnOutcome, Write};
pub use watch::{Watch, WatchSource};
