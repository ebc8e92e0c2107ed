//! Instances of this host: each a sandbox of a network namespace, a cgroup, a directory and one node process, or whatever else
//! the composition makes them of.
//!
//! Promise: an instance is called terminated, and its record let go, only after nothing of it is left.

mod controller;
#[cfg(test)]
mod host_tests;
mod keeper;
mod machines;
mod node_file;
mod plan;
mod records;
mod sandbox;
mod sandboxes;
mod states;

pub use controller::{Config, Instances};
pub use machines::{Launch, Machines};
pub use node_file::{IMAGES_SOCKET, Machine, NODE_FILE, NodeFile};
pub use plan::FINALIZER;
pub use sandbox::{purge, service_cgroup};
pub use sandboxes::{SandboxConfig, Sandboxes};
pub use states::InstanceState;

use client::Resource;

pub(crate) const INSTANCES: Resource = Resource::new("ec2.pilothouse.dev", "v1", "instances");
pub(crate) const NETWORK_INTERFACES: Resource = Resource::new("ec2.pilothouse.dev", "v1", "networkinterfaces");
pub(crate) const SUBNETS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "subnets");
pub(crate) const VPCS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "vpcs");
