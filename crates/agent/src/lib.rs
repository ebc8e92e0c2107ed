//! The agent of one host: makes the records whose `spec.host` is itself true, and nobody else's.
//!
//! **Invariant**: an agent is a client of the management plane like any other (user `system:host:<name>`); what starts
//! and stops control planes is handed in.

mod control_plane;
pub mod dns;
mod images;
pub mod imds;
pub mod instances;
pub mod load_balancers;
mod plan;
pub mod vpc;

pub use control_plane::{Agent, ControlPlaneFactory, Endpoint, Network};
pub use images::ImageServer;
pub use plan::{ControlPlaneSpec, FINALIZER};
pub use vpc::{PlaneNetwork, VpcServices};
