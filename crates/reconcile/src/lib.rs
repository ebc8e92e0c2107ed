//! The machinery of every reconciler: shared informers, a work queue with one backoff policy, and the loop that joins them.

mod controller;
mod events;
mod informer;
mod queue;
mod release;

pub use controller::{Controller, Error, Next, Runtime};
pub use events::{EventType, Recorder};
pub use informer::{Informer, Informers, ObjectChange, ObjectKey};
pub use queue::Queue;
pub use release::{gone_is_done, release};
