//! What a decision looks at in a StatefulSet.

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

    pub fn name(&self) -> &str {
        &self.object.meta.name
    }

    fn number(&self, pointer: &str, default: usize) -> usize {
        let found = self.doc.pointer(pointer).and_then(Doc::as_u64).and_then(|number| usize::try_from(number).ok());
        found.unwrap_or(default)
    }

    pub fn replicas(&self) -> usize {
        self.number("/spec/replicas", 1)
    }

    pub fn first_ordinal(&self) -> usize {
        self.number("/spec/ordinals/start", 0)
    }

    pub fn min_ready_seconds(&self) -> i64 {
        self.doc["spec"]["minReadySeconds"].as_i64().unwrap_or(0)
    }

    pub fn history_limit(&self) -> usize {
        self.number("/spec/revisionHistoryLimit", 10)
    }

    /// Pods come and go one after the other.
    pub fn is_ordered(&self) -> bool {
        self.doc["spec"]["podManagementPolicy"] != "Parallel"
    }

    pub fn rolls(&self) -> bool {
        self.doc["spec"]["updateStrategy"]["type"] != "OnDelete"
    }

    /// How many of the first pods an update leaves as they are.
    pub fn partition(&self) -> usize {
        self.number("/spec/updateStrategy/rollingUpdate/partition", 0)
    }

    pub fn max_unavailable(&self) -> usize {
        let value = &self.doc["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"];
        let count = if value.is_null() { 1 } else { int_or_percent(value, self.replicas() as i64, false) };
        usize::try_from(count).unwrap_or(1).max(1)
    }

    pub fn claim_templates(&self) -> &[Doc] {
        self.doc["spec"]["volumeClaimTemplates"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The ordinal in a pod's name, where the rest of the name is this set's.
    pub fn ordinal(&self, pod: &str) -> Option<usize> {
        let (parent, ordinal) = pod.rsplit_once('-')?;
        let digits = !ordinal.is_empty() && ordinal.bytes().all(|b| b.is_ascii_digit());
        (parent == self.name() && digits).then(|| ordinal.parse::<i32>().ok())?.and_then(|n| usize::try_from(n).ok())
    }
}
