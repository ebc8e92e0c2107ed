//! One file per kind or small family, and the list of them all.

mod apps;
mod batch;
mod namespace;
mod node;
mod pod;
mod row;
mod storage;
mod workload;

pub use pod::{qos_class, validate_binding};
pub use row::Row;

/// Every kind that is more than its schema.
pub const KINDS: &[Row] = &[
    namespace::ROW,
    node::ROW,
    pod::ROW,
    pod::TEMPLATE_ROW,
    workload::REPLICATION_CONTROLLER_ROW,
    apps::DEPLOYMENT_ROW,
    apps::REPLICA_SET_ROW,
    apps::STATEFUL_SET_ROW,
    apps::DAEMON_SET_ROW,
    apps::CONTROLLER_REVISION_ROW,
    batch::JOB_ROW,
    batch::CRON_JOB_ROW,
    storage::PERSISTENT_VOLUME_ROW,
    storage::PERSISTENT_VOLUME_CLAIM_ROW,
    storage::STORAGE_CLASS_ROW,
    storage::CSI_DRIVER_ROW,
    storage::CSI_NODE_ROW,
    storage::CSI_STORAGE_CAPACITY_ROW,
    storage::VOLUME_ATTACHMENT_ROW,
];

/// The row of a kind, when it has one.
pub fn row(api_version: &str, kind: &str) -> Option<&'static Row> {
    KINDS.iter().find(|row| row.api_version == api_version && row.kind == kind)
}
