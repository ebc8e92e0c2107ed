//! The whole service, asked the way its users ask: AWS operations over TLS, Kubernetes with cluster tokens.

mod access;
mod bad_input;
mod describe;
mod lifecycle;
mod load_balancers;
mod nodegroups;
mod sagas;
#[path = "../../../node-os/tests/sandbox/mod.rs"]
mod sandbox;
mod sessions;
mod signatures;
mod tokens;
mod unbuilt;
mod vpc;
mod world;
