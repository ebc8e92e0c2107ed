//! Node groups. Promise: ACTIVE means that the cluster's own API shows as many Ready nodes as are wanted, each of them an
//! instance of the group; and no instance outlives its group.

mod balance;
mod control;
pub mod describe;
mod drain;
pub mod find;
mod health;
mod instance;
mod node;
mod plan;
mod states;
mod status;

pub use control::{ClusterNodes, Hear, NodeView, NodegroupControl};
pub use states::NodegroupStatus;

use meta::Doc;

/// On Instance, NetworkInterface and Update: the record name of the node group.
pub const NODEGROUP_ANNOTATION: &str = "eks.pilothouse.dev/nodegroup";
/// On Instance: since when its node is being drained.
pub const DRAINING_ANNOTATION: &str = "eks.pilothouse.dev/draining-since";

fn text<'a>(doc: &'a Doc, pointer: &str) -> &'a str {
    doc.pointer(pointer).and_then(Doc::as_str).unwrap_or_default()
}

fn name(record: &Doc) -> &str {
    record["metadata"]["name"].as_str().unwrap_or_default()
}

fn annotation<'a>(record: &'a Doc, key: &str) -> Option<&'a str> {
    record["metadata"]["annotations"][key].as_str()
}
