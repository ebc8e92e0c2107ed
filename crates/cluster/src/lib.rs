//! Composition: which components, wired how, drained in which order.

mod control_plane;
mod keys;
mod versions;

pub use control_plane::{ControlPlane, ControlPlaneError, Plan};
pub use keys::{Keys, KeysError, SigningKeys};
