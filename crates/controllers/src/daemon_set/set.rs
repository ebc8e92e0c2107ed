//! What a decision looks at in a DaemonSet.

use crate::workloads::int_or_percent;
use meta::{Doc, Object};
use std::sync::Arc;

pub(super) struct Set {
    pub object: Arc<Object>,
    pub doc: Doc,
}

impl Set {
    pub fn new(object: Arc<Object>) -> Self {
        let doc = object.to_doc();
        Self { object, doc }
    }

    pub fn template(&self) -> &Doc {
        &self.doc["spec"]["template"]
    }

    pub fn rolls(&self) -> bool {
        self.doc["spec"]["updateStrategy"]["type"] == "RollingUpdate"
    }

    fn share(&self, field: &str, nodes: usize) -> usize {
        let value = &self.doc["spec"]["updateStrategy"]["rollingUpdate"][field];
        let count = if self.rolls() { int_or_percent(value, nodes as i64, true) } else { 0 };
        usize::try_from(count).unwrap_or(0)
    }

    pub fn max_surge(&self, nodes: usize) -> usize {
        self.share("maxSurge", nodes)
    }

    /// At least one where nothing else would let an update go on.
    pub fn max_unavailable(&self, nodes: usize) -> usize {
        let count = self.share("maxUnavailable", nodes);
        if nodes > 0 && count == 0 && self.max_surge(nodes) == 0 { 1 } else { count }
    }

    pub fn allows_surge(&self) -> bool {
        self.max_surge(1) > 0
    }

    pub fn min_ready_seconds(&self) -> i64 {
        self.doc["spec"]["minReadySeconds"].as_i64().unwrap_or(0)
    }

    pub fn history_limit(&self) -> usize {
        self.doc["spec"]["revisionHistoryLimit"].as_u64().map_or(10, |limit| limit as usize)
    }
}
