//! The API server as its clients see it: every kind, every verb, every refusal.

mod access;
mod allocation;
mod certificates;
mod consistency;
mod deletes;
mod durability;
mod encodings;
mod fields;
mod kind;
mod lists;
#[path = "../../../api/tests/kinds/minimal.rs"]
mod minimal;
mod nodes;
#[path = "../plane/mod.rs"]
mod plane;
mod pods;
mod promises;
mod reviews;
mod scale;
mod tokens;
mod versions;
mod wire;
mod world;
