//! The watch cache: per resource an ordered map of shared objects, the ring of recent changes, and its watchers.
//! Follows k8s.io/apiserver `pkg/storage/cacher`; reads are consistent because they wait for the store's revision.

mod feed;
mod handoff;
mod index;
mod resource;

pub use feed::{Caches, FeedError};
pub(crate) use handoff::Handoff;
pub use index::Lookup;
pub use resource::{CachedChange, Objects, ResourceCache, Scope, Slice, Subscription};
