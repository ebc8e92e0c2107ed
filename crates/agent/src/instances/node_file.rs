//! `node.json`: what the agent tells a node process when it starts it. Its cluster it learns from its user data alone.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The hardware of an instance type, within what the host has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Machine {
    pub vcpus: u32,
    pub memory_bytes: u64,
    pub max_interfaces: u32,
    pub addresses_per_interface: u32,
}

/// Where the agent answers the node's image calls, beneath the instance's directory.
pub const IMAGES_SOCKET: &str = "run/images.sock";
pub const NODE_FILE: &str = "node.json";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NodeFile {
    pub instance_id: String,
    /// Marks what this service makes on its host.
    pub service_id: String,
    /// From the top of each hierarchy: `pilothouse-1a2b3c4d/i-0abc`.
    pub cgroup: PathBuf,
    pub machine: Machine,
    /// Whom the AWS endpoint's certificate is from, in PEM.
    pub aws_authority: String,
}
