//! The Kubernetes DNS specification 1.1, answered on the node that asks.
//!
//! **Invariant**: what is known of a cluster is never asked for when a query comes: [`Zone`] is kept by informers, and an
//! answer is a pure function of it. Only names outside the cluster's domain leave the node.

mod answer;
mod draft;
mod follow;
mod names;
mod records;
mod server;
mod upstream;
mod zone;

pub use answer::{Outcome, answer};
pub use draft::Draft;
pub use records::{Endpoint, Port, Service, Slice};
pub use server::{Config, start};
pub use zone::{Found, SharedZone, Target, Zone};
