//! How everyone talks to an API server: one call type, one reply type, one transport trait.
//!
//! **Invariant**: a [`Call`] carries no identity. The transport that takes it knows who is calling.

mod call;
mod handle;
mod watch;

pub use call::{
    Body, Call, DeleteOptions, List, Options, PatchKind, Preconditions, Propagation, Reply, ReplyBody, Target, Verb, VersionMatch,
};
pub use handle::{Client, Resource};
pub use meta::status::Result;
pub use watch::{ChangeStream, Event, EventKind, ObjectFeed, WatchItem, WatchStream};

/// Carries calls to one API server as one user.
#[async_trait::async_trait]
pub trait Transport: Send + Sync + 'static {
    async fn call(&self, call: Call) -> Result<Reply>;
    /// For [`Verb::Watch`] only.
    async fn watch(&self, call: Call) -> Result<WatchStream>;
    /// Objects of all kinds in one stream. Only transports inside the server's process offer it.
    async fn changes(&self) -> Result<ChangeStream> {
        let message = "a feed of all kinds is not supported by this connection";
        Err(meta::Status::new(meta::Reason::MethodNotAllowed, message))
    }
}
