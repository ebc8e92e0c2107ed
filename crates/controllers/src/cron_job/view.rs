//! What a decision looks at in a CronJob and its jobs.

use meta::{Doc, Object, Time};
use serde_json::{Map, json};
use std::sync::Arc;

pub(super) struct CronJob {
    pub object: Arc<Object>,
    pub doc: Doc,
    pub status: CronStatus,
}

impl CronJob {
    pub fn new(object: Arc<Object>) -> Self {
        let doc = object.to_doc();
        let status = CronStatus::read(&doc["status"]);
        Self { object, doc, status }
    }

    pub fn spec(&self, field: &str) -> &Doc {
        &self.doc["spec"][field]
    }

    pub fn schedule(&self) -> &str {
        self.spec("schedule").as_str().unwrap_or("")
    }

    /// From when on its times are counted.
    pub fn since(&self) -> Option<Time> {
        self.status.last_schedule.or_else(|| time(&self.doc["metadata"]["creationTimestamp"]))
    }

    pub fn limit(&self, field: &str) -> Option<usize> {
        self.spec(field).as_u64().and_then(|limit| usize::try_from(limit).ok())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CronStatus {
    /// References to jobs that were started and have not been seen to end.
    pub active: Vec<Doc>,
    pub last_schedule: Option<Time>,
    pub last_success: Option<Time>,
}

impl CronStatus {
    fn read(doc: &Doc) -> Self {
        Self {
            active: doc["active"].as_array().cloned().unwrap_or_default(),
            last_schedule: time(&doc["lastScheduleTime"]),
            last_success: time(&doc["lastSuccessfulTime"]),
        }
    }

    pub fn to_doc(&self) -> Doc {
        let mut out = Map::new();
        if !self.active.is_empty() {
            out.insert("active".into(), json!(self.active));
        }
        for (field, time) in [("lastScheduleTime", self.last_schedule), ("lastSuccessfulTime", self.last_success)] {
            if let Some(time) = time {
                out.insert(field.into(), time.to_string().into());
            }
        }
        Doc::Object(out)
    }

    pub fn has(&self, uid: &str) -> bool {
        self.active.iter().any(|job| job["uid"] == uid)
    }

    pub fn forget(&mut self, uid: &str) {
        self.active.retain(|job| job["uid"] != uid);
    }
}

pub(super) struct ChildJob {
    pub object: Arc<Object>,
    /// `Complete` or `Failed`, once it is one.
    pub end: Option<String>,
    pub started: Option<Time>,
    pub completed: Option<Time>,
}

impl ChildJob {
    pub fn new(object: Arc<Object>) -> Self {
        let status = object.get("/status");
        let ended = |c: &&Doc| (c["type"] == "Complete" || c["type"] == "Failed") && c["status"] == "True";
        let end = status["conditions"].as_array().into_iter().flatten().find(ended);
        let end = end.and_then(|c| c["type"].as_str()).map(str::to_owned);
        Self { object, end, started: time(&status["startTime"]), completed: time(&status["completionTime"]) }
    }

    pub fn name(&self) -> &str {
        &self.object.meta.name
    }

    pub fn uid(&self) -> &str {
        &self.object.meta.uid
    }
}

fn time(value: &Doc) -> Option<Time> {
    value.as_str().and_then(Time::parse)
}
