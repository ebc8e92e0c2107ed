//! Stacks: a load balancer, its listeners and its target groups that belong together, because one Service wants them. What
//! the AWS Load Balancer Controller deploys by many calls is made here as one, and taken away as one.
//!
//! Promise: doing it again changes nothing, wherever it was cut short.

mod control;
mod plan;

pub use control::{Removal, Stacks};
pub use plan::Change;

use meta::Doc;
use serde_json::Map;

/// A stack as it is to be.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// Tells it from all others: a label of its records.
    pub key: String,
    pub account: String,
    pub region: String,
    pub name: String,
    /// `internal` or `internet-facing`
    pub scheme: String,
    /// Specifications, one a zone, all of one VPC.
    pub subnets: Vec<Doc>,
    pub attributes: Map<String, Doc>,
    pub tags: Map<String, Doc>,
    pub target_groups: Vec<StackGroup>,
    pub listeners: Vec<StackListener>,
}

#[derive(Clone, Debug, Default)]
pub struct StackGroup {
    pub name: String,
    pub protocol: String,
    pub port: u64,
    /// `instance` or `ip`
    pub target_type: String,
    /// As records hold it; what is left out is ELB's default.
    pub health_check: Doc,
    pub attributes: Map<String, Doc>,
    pub tags: Map<String, Doc>,
    /// `[{id, port}]`
    pub targets: Doc,
}

#[derive(Clone, Debug, Default)]
pub struct StackListener {
    pub port: u64,
    pub protocol: String,
    /// By its place among the target groups.
    pub target_group: usize,
    pub tags: Map<String, Doc>,
}
