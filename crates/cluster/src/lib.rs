//! Composition: which components, wired how, drained in which order.

mod access;
mod aws_http;
mod caller;
mod control_plane;
pub mod control_socket;
mod factory;
mod keys;
mod management;
mod nodes;
mod probe;
mod service;
mod state_dir;
mod versions;

pub use control_plane::{ControlPlane, ControlPlaneError, Plan};
pub use control_socket::wait_for_release;
pub use keys::{Keys, KeysError, SigningKeys};
pub use service::{Config, Service, ServiceError};
pub use state_dir::{Credentials, ServiceInfo, StateDir};
