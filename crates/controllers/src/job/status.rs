//! A job's status: read, changed, and written back where it differs.

use meta::{Doc, Time};
use serde_json::{Map, json};

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct JobStatus {
    pub active: i64,
    pub ready: Option<i64>,
    pub terminating: Option<i64>,
    pub succeeded: i64,
    pub failed: i64,
    pub start_time: Option<Time>,
    pub completion_time: Option<Time>,
    pub completed_indexes: String,
    pub failed_indexes: Option<String>,
    /// UIDs of ended pods that are in neither count yet.
    pub uncounted: Uncounted,
    pub conditions: Vec<Doc>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Uncounted {
    pub succeeded: Vec<String>,
    pub failed: Vec<String>,
}

impl Uncounted {
    pub fn is_empty(&self) -> bool {
        self.succeeded.is_empty() && self.failed.is_empty()
    }
    pub fn len(&self) -> usize {
        self.succeeded.len() + self.failed.len()
    }
}

impl JobStatus {
    pub fn read(doc: &Doc) -> Self {
        let time = |field: &str| doc[field].as_str().and_then(Time::parse);
        let uids = |field: &str| -> Vec<String> {
            let listed = doc["uncountedTerminatedPods"][field].as_array().into_iter().flatten();
            listed.filter_map(|uid| uid.as_str().map(str::to_owned)).collect()
        };
        Self {
            active: doc["active"].as_i64().unwrap_or(0),
            ready: doc["ready"].as_i64(),
            terminating: doc["terminating"].as_i64(),
            succeeded: doc["succeeded"].as_i64().unwrap_or(0),
            failed: doc["failed"].as_i64().unwrap_or(0),
            start_time: time("startTime"),
            completion_time: time("completionTime"),
            completed_indexes: doc["completedIndexes"].as_str().unwrap_or("").to_owned(),
            failed_indexes: doc["failedIndexes"].as_str().map(str::to_owned),
            uncounted: Uncounted { succeeded: uids("succeeded"), failed: uids("failed") },
            conditions: doc["conditions"].as_array().cloned().unwrap_or_default(),
        }
    }

    /// Nothing that is zero or empty but what upstream prints as zero.
    pub fn to_doc(&self) -> Doc {
        let mut out = Map::new();
        let mut put = |field: &str, value: Doc, shown: bool| {
            if shown {
                out.insert(field.into(), value);
            }
        };
        for (field, count) in [("active", self.active), ("succeeded", self.succeeded), ("failed", self.failed)] {
            put(field, count.into(), count != 0);
        }
        for (field, count) in [("ready", self.ready), ("terminating", self.terminating)] {
            put(field, count.into(), count.is_some());
        }
        for (field, time) in [("startTime", self.start_time), ("completionTime", self.completion_time)] {
            put(field, time.map(|t| t.to_string()).into(), time.is_some());
        }
        put("completedIndexes", self.completed_indexes.as_str().into(), !self.completed_indexes.is_empty());
        put("failedIndexes", self.failed_indexes.as_deref().into(), self.failed_indexes.is_some());
        let mut uncounted = Map::new();
        for (field, uids) in [("succeeded", &self.uncounted.succeeded), ("failed", &self.uncounted.failed)] {
            if !uids.is_empty() {
                uncounted.insert(field.into(), json!(uids));
            }
        }
        put("uncountedTerminatedPods", uncounted.into(), true);
        put("conditions", json!(self.conditions), !self.conditions.is_empty());
        Doc::Object(out)
    }

    pub fn condition(&self, kind: &str) -> Option<&Doc> {
        self.conditions.iter().find(|c| c["type"] == kind && c["status"] == "True")
    }

    pub fn is_finished(&self) -> bool {
        self.condition("Complete").is_some() || self.condition("Failed").is_some()
    }

    /// Adds or changes a condition; from nothing to False is no news. Returns whether there was any.
    pub fn set_condition(&mut self, kind: &str, on: bool, because: (&str, &str), now: Time) -> bool {
        let status = if on { "True" } else { "False" };
        let (reason, message) = because;
        let (now, known) = (now.to_string(), self.conditions.iter().position(|c| c["type"] == kind));
        let same = |c: &Doc| c["status"] == status && c["reason"] == reason && c["message"] == message;
        if known.map_or(!on, |at| same(&self.conditions[at])) {
            return false;
        }
        let condition = json!({ "type": kind, "status": status, "reason": reason, "message": message,
            "lastProbeTime": now, "lastTransitionTime": now });
        match known {
            Some(at) => self.conditions[at] = condition,
            None => self.conditions.push(condition),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_survives_being_read_and_written() {
        for doc in [
            json!({"uncountedTerminatedPods": {}}),
            json!({"active": 2, "ready": 0, "terminating": 0, "startTime": "2026-01-01T00:00:00Z", "uncountedTerminatedPods": {}}),
            json!({"succeeded": 1, "failed": 3, "completedIndexes": "0-2", "failedIndexes": "", "completionTime": "2026-01-01T00:00:00Z",
                "uncountedTerminatedPods": {"succeeded": ["a"], "failed": ["b", "c"]},
                "conditions": [{"type": "Suspended", "status": "False"}]}),
        ] {
            assert_eq!(JobStatus::read(&doc).to_doc(), doc);
        }
        // What the server may drop is no difference.
        assert_eq!(JobStatus::read(&json!({})), JobStatus::read(&json!({"uncountedTerminatedPods": {}})));
    }

    #[test]
    fn conditions_change_once() {
        let mut status = JobStatus::default();
        let now = Time::from_unix(0);
        for (on, news, status_is) in
            [(false, false, None), (true, true, Some("True")), (true, false, Some("True")), (false, true, Some("False"))]
        {
            assert_eq!(status.set_condition("Suspended", on, ("R", "m"), now), news);
            assert_eq!(status.conditions.first().and_then(|c| c["status"].as_str()), status_is);
        }
    }
}
