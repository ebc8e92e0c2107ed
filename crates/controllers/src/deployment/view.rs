//! A Deployment's facts, read once per pass.

use crate::workloads::int_or_percent;
use meta::{Doc, Object};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What `progressDeadlineSeconds` and `revisionHistoryLimit` say when there is no limit.
const NO_LIMIT: i64 = i32::MAX as i64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub replicas: i64,
    pub updated: i64,
    pub available: i64,
}

#[derive(Clone)]
pub(super) struct Deployment {
    pub object: Arc<Object>,
    pub doc: Doc,
    pub replicas: i64,
    pub rolling: bool,
    pub paused: bool,
    pub min_ready_seconds: i64,
    /// None: progress is not watched.
    pub deadline_seconds: Option<i64>,
    /// How many old sets are kept. None: all.
    pub history: Option<usize>,
    /// What the status said when this pass began.
    pub before: Counts,
}

impl Deployment {
    pub fn of(object: &Arc<Object>) -> Self {
        let doc = object.to_doc();
        let (spec, status) = (&doc["spec"], &doc["status"]);
        let limit = |field: &str| spec[field].as_i64().filter(|limit| *limit != NO_LIMIT);
        let count = |field: &str| status[field].as_i64().unwrap_or(0);
        Self {
            object: object.clone(),
            replicas: spec["replicas"].as_i64().unwrap_or(1),
            rolling: spec["strategy"]["type"] != "Recreate",
            paused: spec["paused"] == true,
            min_ready_seconds: spec["minReadySeconds"].as_i64().unwrap_or(0),
            deadline_seconds: limit("progressDeadlineSeconds"),
            history: limit("revisionHistoryLimit").and_then(|limit| usize::try_from(limit).ok()),
            before: Counts {
                replicas: count("replicas"),
                updated: count("updatedReplicas"),
                available: count("availableReplicas"),
            },
            doc,
        }
    }

    pub fn name(&self) -> &str {
        &self.object.meta.name
    }

    pub fn template(&self) -> &Doc {
        &self.doc["spec"]["template"]
    }

    pub fn annotations(&self) -> BTreeMap<String, String> {
        texts(&self.doc["metadata"]["annotations"])
    }

    pub fn conditions(&self) -> Vec<Doc> {
        self.doc["status"]["conditions"].as_array().cloned().unwrap_or_default()
    }

    pub fn collisions(&self) -> Option<i64> {
        self.doc["status"]["collisionCount"].as_i64()
    }

    /// How many pods there may be, and how many may be missing (`ResolveFenceposts` of kubernetes
    /// `pkg/controller/deployment/util/deployment_util.go`): shares round in favour of progress. Where both come to
    /// nothing one may be missing, or nothing would ever move.
    fn fenceposts(&self) -> (i64, i64) {
        let rolling = &self.doc["spec"]["strategy"]["rollingUpdate"];
        let surge = int_or_percent(&rolling["maxSurge"], self.replicas, true);
        let unavailable = int_or_percent(&rolling["maxUnavailable"], self.replicas, false);
        if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
    }

    pub fn max_surge(&self) -> i64 {
        if self.rolling { self.fenceposts().0 } else { 0 }
    }

    pub fn max_unavailable(&self) -> i64 {
        if self.rolling { self.fenceposts().1.min(self.replicas) } else { 0 }
    }

    pub fn min_available(&self) -> i64 {
        self.replicas - self.max_unavailable()
    }

    pub fn max_replicas(&self) -> i64 {
        self.replicas + self.max_surge()
    }
}

/// A map of texts, such as annotations.
pub(super) fn texts(doc: &Doc) -> BTreeMap<String, String> {
    let members = doc.as_object().into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// Deployment `web` with this spec, and with upstream's defaults for what is not in it.
    pub(crate) fn deployment(spec: Doc, status: Doc) -> Deployment {
        let mut whole = json!({
            "replicas": 3, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10, "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "v1"}]}},
        });
        for (field, value) in spec.as_object().into_iter().flatten() {
            whole[field] = value.clone();
        }
        let metadata = json!({"namespace": "n", "name": "web", "uid": "d", "generation": 1});
        let doc = json!({"metadata": metadata, "spec": whole, "status": status});
        Deployment::of(&Object::from_doc(&doc, 5).expect("an object").shared())
    }

    pub(crate) fn strategy(surge: Doc, unavailable: Doc) -> Doc {
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}})
    }

    #[test]
    fn fenceposts_round_in_favour_of_progress() {
        for (replicas, surge, unavailable, expected) in [
            (2, json!("0%"), json!("1%"), (0, 1)),
            (1, json!("0%"), json!("1%"), (0, 1)),
            (2, json!("1%"), json!("25%"), (1, 0)),
            (1, json!("1%"), json!("25%"), (1, 0)),
            (2, json!("1%"), json!("0%"), (1, 0)),
            (10, json!("25%"), json!("25%"), (3, 2)),
            (4, json!("25%"), json!("25%"), (1, 1)),
            (3, json!(5), json!(7), (5, 3)),
            (0, json!("25%"), json!("25%"), (0, 0)),
        ] {
            let name = format!("{replicas} of {surge} {unavailable}");
            let deployment = deployment(json!({"replicas": replicas, "strategy": strategy(surge, unavailable)}), json!({}));
            assert_eq!((deployment.max_surge(), deployment.max_unavailable()), expected, "{name}");
        }
        let recreated = deployment(json!({"strategy": {"type": "Recreate"}}), json!({}));
        assert_eq!((recreated.max_surge(), recreated.max_unavailable()), (0, 0));
    }

    #[test]
    fn the_largest_number_means_no_limit() {
        let limits = |limit: i64| {
            let spec = json!({"progressDeadlineSeconds": limit, "revisionHistoryLimit": limit});
            let deployment = deployment(spec, json!({}));
            (deployment.deadline_seconds, deployment.history)
        };
        assert_eq!((limits(0), limits(2_147_483_647)), ((Some(0), Some(0)), (None, None)));
    }
}
