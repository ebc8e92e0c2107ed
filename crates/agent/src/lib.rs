//! The agent of one host: makes the ControlPlane records whose `spec.host` is itself true, and nobody else's.
//!
//! **Invariant**: an agent is a client of the management plane like any other (user `system:host:<name>`); what starts
//! and stops control planes is handed in.

mod control_plane;
mod images;
mod plan;

pub use control_plane::{Agent, ControlPlaneFactory, Endpoint};
pub use images::ImageServer;
pub use plan::{ControlPlaneSpec, FINALIZER};
