//! Controllers on a real API server: stories with an end.

mod born_with;
mod certificates;
mod feed;
mod garbage_collection;
mod namespace_deletion;
mod node_loss;
mod nodes;
mod service_endpoints;
mod world;
