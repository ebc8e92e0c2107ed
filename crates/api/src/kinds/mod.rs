//! One file per kind or small family, and the list of them all.

mod admission;
mod apps;
mod autoscaling;
mod batch;
mod certificates;
mod config_map;
mod endpoint_slice;
mod endpoints;
mod event;
mod flow_control;
mod job_policies;
mod lease;
mod namespace;
mod networking;
mod node;
mod pod;
mod policy;
mod quota;
mod rbac;
mod reviews;
mod row;
mod scheduling;
mod secret;
mod service;
mod service_account;
mod storage;
mod workload;

pub use event::RENAMED as RENAMED_EVENT_FIELDS;
pub use namespace::FINALIZER as NAMESPACE_FINALIZER;
pub use pod::{qos_class, validate_binding};
pub use row::Row;
pub use scheduling::{HIGHEST_USER_PRIORITY, SYSTEM_CLASSES as SYSTEM_PRIORITY_CLASSES};

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
    service::ROW,
    endpoints::ROW,
    endpoint_slice::ROW,
    config_map::ROW,
    secret::ROW,
    service_account::ROW,
    lease::ROW,
    event::CORE_ROW,
    event::EVENTS_ROW,
    rbac::ROLE_ROW,
    rbac::CLUSTER_ROLE_ROW,
    rbac::ROLE_BINDING_ROW,
    rbac::CLUSTER_ROLE_BINDING_ROW,
    scheduling::PRIORITY_CLASS_ROW,
    scheduling::RUNTIME_CLASS_ROW,
    quota::LIMIT_RANGE_ROW,
    quota::RESOURCE_QUOTA_ROW,
    storage::PERSISTENT_VOLUME_ROW,
    storage::PERSISTENT_VOLUME_CLAIM_ROW,
    storage::STORAGE_CLASS_ROW,
    storage::CSI_DRIVER_ROW,
    storage::CSI_NODE_ROW,
    storage::CSI_STORAGE_CAPACITY_ROW,
    storage::VOLUME_ATTACHMENT_ROW,
    networking::INGRESS_ROW,
    networking::INGRESS_CLASS_ROW,
    networking::NETWORK_POLICY_ROW,
    networking::SERVICE_CIDR_ROW,
    networking::IP_ADDRESS_ROW,
    policy::POD_DISRUPTION_BUDGET_ROW,
    autoscaling::HPA_V2_ROW,
    autoscaling::HPA_V1_ROW,
    certificates::CSR_ROW,
    certificates::CLUSTER_TRUST_BUNDLE_ROW,
    admission::MUTATING_WEBHOOK_ROW,
    admission::VALIDATING_WEBHOOK_ROW,
    admission::VALIDATING_POLICY_ROW,
    admission::VALIDATING_BINDING_ROW,
    admission::MUTATING_POLICY_ROW,
    admission::MUTATING_BINDING_ROW,
    admission::CRD_ROW,
    admission::API_SERVICE_ROW,
    flow_control::FLOW_SCHEMA_ROW,
    flow_control::PRIORITY_LEVEL_ROW,
    reviews::SUBJECT_ACCESS_REVIEW_ROW,
    reviews::LOCAL_SUBJECT_ACCESS_REVIEW_ROW,
    reviews::SELF_SUBJECT_ACCESS_REVIEW_ROW,
    reviews::TOKEN_REVIEW_ROW,
];

/// The row of a kind, when it has one.
pub fn row(api_version: &str, kind: &str) -> Option<&'static Row> {
    KINDS.iter().find(|row| row.api_version == api_version && row.kind == kind)
}
