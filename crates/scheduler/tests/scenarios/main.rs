//! The scheduler on a real API server: stories with an end.

mod basics;
mod failures;
mod neighbours;
#[path = "../../../apiserver/tests/plane/mod.rs"]
mod plane;
mod preemption;
#[path = "../../../apiserver/tests/plane/watched.rs"]
mod watched;
mod world;
