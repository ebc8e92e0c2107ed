//! Takes condition `DisruptionTarget` back from pods that nobody deletes after all.

use super::NAME;
use crate::context::Cx;
use crate::disruption_target::DISRUPTION_TARGET;
use crate::node_lifecycle::precondition;
use crate::nodes::condition;
use crate::workloads::PODS;
use client::Client;
use meta::time::SharedClock;
use meta::{Doc, Object, Reason, Time};
use reconcile::{Controller, Error, Informer, Next, ObjectKey};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// `stalePodDisruptionTimeout`.
const TIMEOUT_SECONDS: i64 = 120;

/// Woken by pods with the condition.
pub(super) fn start(cx: &Cx) {
    let pods = cx.pods.informer.clone();
    let marked = |pod: &Arc<Object>| !pod.meta.is_deleting() && mentions_condition(pod);
    let controller = Controller::new("disruption-controller-stale", &cx.context.runtime)
        .watches(&pods, move |change| change.new.as_ref().filter(|pod| marked(pod)).map(|pod| ObjectKey::of(pod)));
    let pass = Arc::new(Pass { client: cx.client(NAME), pods, clock: cx.context.clock.clone() });
    controller.run(1, move |key| {
        let pass = pass.clone();
        async move { pass.reconcile(&key).await }
    });
}

/// Without reading all of every pod that changes.
fn mentions_condition(pod: &Object) -> bool {
    std::str::from_utf8(pod.stored()).is_ok_and(|text| text.contains(DISRUPTION_TARGET))
}

struct Pass {
    client: Client,
    pods: Arc<Informer>,
    clock: SharedClock,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Next, Error> {
        let Some(pod) = self.pods.get(&key.namespace, &key.name) else { return Ok(Next::OnChange) };
        let doc = pod.to_doc();
        let Some(since) = stale_since(&doc) else { return Ok(Next::OnChange) };
        let left = TIMEOUT_SECONDS - self.clock.now().seconds_since(since);
        if left > 0 {
            return Ok(Next::After(Duration::from_secs(left.unsigned_abs())));
        }
        match self.client.patch(PODS, &key.namespace, &key.name, "status", taken_back(&doc, self.clock.now())).await {
            Err(status) if status.reason != Reason::NotFound => Err(status.into()),
            _ => Ok(Next::OnChange),
        }
    }
}

/// Since when the pod has been about to be deleted. What a kubelet has said holds for as long as it takes.
fn stale_since(pod: &Doc) -> Option<Time> {
    let finished = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let target = condition(pod, DISRUPTION_TARGET)?;
    let stale = target["status"] == "True" && target["reason"] != "TerminationByKubelet" && !finished;
    let since = Time::parse(target["lastTransitionTime"].as_str()?)?;
    (stale && pod["metadata"]["deletionTimestamp"].is_null()).then_some(since)
}

fn taken_back(pod: &Doc, now: Time) -> Doc {
    let mut conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    for condition in conditions.iter_mut().filter(|condition| condition["type"] == DISRUPTION_TARGET) {
        *condition = json!({ "type": DISRUPTION_TARGET, "status": "False", "lastTransitionTime": now.to_string() });
    }
    json!({ "metadata": precondition(pod), "status": { "conditions": conditions } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_that_came_to_nothing() {
        let at = "2026-11-20T12:00:00Z";
        let target = |status: &str, reason: &str| json!([{"type": DISRUPTION_TARGET, "status": status, "reason": reason, "lastTransitionTime": at}]);
        for (phase, conditions, deleting, stale) in [
            ("Running", target("True", "EvictionByEvictionAPI"), Doc::Null, true),
            ("Running", target("False", ""), Doc::Null, false),
            ("Running", target("True", "TerminationByKubelet"), Doc::Null, false),
            ("Failed", target("True", "EvictionByEvictionAPI"), Doc::Null, false),
            ("Running", target("True", "EvictionByEvictionAPI"), json!(at), false),
            ("Running", json!([]), Doc::Null, false),
        ] {
            let pod = json!({"metadata": {"deletionTimestamp": deleting}, "status": {"phase": phase, "conditions": conditions}});
            assert_eq!(stale_since(&pod).map(|time| time.to_string()).as_deref(), stale.then_some(at), "{pod}");
        }
        let now = Time::parse("2026-11-20T12:02:00Z").expect("a time");
        let pod = json!({"metadata": {}, "status": {"conditions": target("True", "x")}});
        let expected = json!([{"type": DISRUPTION_TARGET, "status": "False", "lastTransitionTime": "2026-11-20T12:02:00Z"}]);
        assert_eq!(taken_back(&pod, now)["status"]["conditions"], expected);
    }
}
