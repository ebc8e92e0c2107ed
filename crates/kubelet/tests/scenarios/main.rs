//! Whole kubelets over a real API server and a runtime in memory: stories with an end.

mod deletion;
mod eviction;
mod failures;
mod lives;
#[path = "../../../apiserver/tests/plane/mod.rs"]
mod plane;
mod restarts;
mod world;
