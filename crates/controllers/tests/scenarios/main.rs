//! Controllers on a real API server: stories with an end.

mod born_with;
mod certificates;
mod crashes;
mod cron_jobs;
mod daemon_sets;
mod deployments;
mod disruption_budgets;
mod feed;
mod fuse;
mod garbage_collection;
mod jobs;
mod kubelet;
mod namespace_deletion;
mod node_loss;
mod nodes;
#[path = "../../../apiserver/tests/plane/mod.rs"]
mod plane;
mod pod_endings;
mod replica_sets;
mod service_endpoints;
mod service_load_balancers;
mod stateful_sets;
#[path = "../../../apiserver/tests/plane/watched.rs"]
mod watched;
mod workloads;
mod world;
