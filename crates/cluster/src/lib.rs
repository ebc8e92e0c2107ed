//! Composition: which components, wired how, drained in which order.

mod access;
mod aws_http;
mod caller;
mod control_plane;
pub mod control_socket;
mod factory;
mod image_requests;
mod instances;
mod keys;
mod kube_dns;
mod load_balancers;
mod management;
mod nodes;
mod plane_network;
mod probe;
mod service;
mod simulation;
mod state_dir;
mod versions;
mod vpc_endpoint;

pub use control_plane::{Cloud, ControlPlane, ControlPlaneError, Plan};
pub use control_socket::wait_for_release;
pub use instances::{forget_names, purge};
pub use keys::{Keys, KeysError, SigningKeys};
pub use plane_network::LateNetwork;
pub use service::{Config, Service, ServiceError};
pub use state_dir::{Credentials, ServiceInfo, StateDir, default_hosts_file};
