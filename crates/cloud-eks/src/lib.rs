//! Amazon EKS: clusters and access entries as records, the operations over them, and the reconciler that makes a
//! cluster true.
//!
//! **Invariant**: a status moves by facts. A cluster is ACTIVE only after its endpoint has answered `/readyz` under the
//! certificate that DescribeCluster shows; nothing here waits for a time to pass.

mod access_policies;
mod cluster;
mod control;
mod describe;
mod entries;
mod failures;
mod network;
mod nodegroups;
mod operations;
mod plan;
mod records;
mod service;
mod states;
mod tags;
mod validate;
mod versions;

pub use access_policies::ACCESS_POLICIES;
pub use control::{ClusterControl, ReadyProbe};
pub use nodegroups::{ClusterNodes, Hear, NodeView, NodegroupControl, NodegroupStatus};
pub use records::{ACCESS_ENTRIES, CLUSTER_LABEL, CLUSTERS, CONTROL_PLANES, NODEGROUP_LABEL, NODEGROUPS, UPDATES, records};
pub use service::{Config, service};
pub use states::{ClusterStatus, ControlPlanePhase};
pub use versions::{DEFAULT_VERSION, VERSIONS, Version};
