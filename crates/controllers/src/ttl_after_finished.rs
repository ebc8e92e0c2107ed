//! Deletes jobs some time after they finished. Promise: only finished jobs with `spec.ttlSecondsAfterFinished`, and none
//! that was changed since it was looked at.
//! Follows kubernetes `pkg/controller/ttlafterfinished/ttlafterfinished_controller.go`.

use crate::context::Cx;
use crate::job::KIND;
use client::{Client, DeleteOptions, Preconditions, Propagation};
use meta::time::SharedClock;
use meta::{Doc, Reason, Time};
use reconcile::{Controller, Error, Informer, Next, ObjectKey};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const NAME: &str = "ttl-after-finished-controller";

/// Woken by jobs, and when one has been finished for long enough.
pub(crate) fn start(cx: &Cx) {
    let jobs = cx.informers.get(KIND.resource);
    let pass = Arc::new(Pass { client: cx.client(NAME), jobs: jobs.clone(), clock: cx.context.clock.clone() });
    Controller::new(NAME, &cx.context.runtime).watches_own(&jobs).run(1, move |key: ObjectKey| {
        let pass = pass.clone();
        async move { pass.reconcile(&key).await }
    });
}

struct Pass {
    client: Client,
    jobs: Arc<Informer>,
    clock: SharedClock,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Next, Error> {
        let Some(job) = self.jobs.get(&key.namespace, &key.name).filter(|job| !job.meta.is_deleting()) else {
            return Ok(Next::OnChange);
        };
        match plan(&job.to_doc(), self.clock.now()) {
            Step::Leave => return Ok(Next::OnChange),
            Step::Wait(seconds) => return Ok(Next::After(Duration::from_secs(seconds))),
            Step::Delete => {}
        }
        let preconditions = Preconditions { uid: Some(job.meta.uid.clone()), resource_version: Some(job.resource_version()) };
        let options = DeleteOptions { propagation: Some(Propagation::Foreground), preconditions, ..DeleteOptions::default() };
        match self.client.delete(KIND.resource, &key.namespace, &key.name, options).await {
            Err(status) if status.reason != Reason::NotFound => Err(status.into()),
            _ => Ok(Next::OnChange),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Leave,
    /// So many seconds.
    Wait(u64),
    Delete,
}

fn plan(job: &Doc, now: Time) -> Step {
    let Some(ttl) = job["spec"]["ttlSecondsAfterFinished"].as_i64() else { return Step::Leave };
    let ended = |c: &&Doc| (c["type"] == "Complete" || c["type"] == "Failed") && c["status"] == "True";
    let condition = job["status"]["conditions"].as_array().into_iter().flatten().find(ended);
    let Some(finished) = condition.and_then(|c| Time::parse(c["lastTransitionTime"].as_str()?)) else { return Step::Leave };
    match u64::try_from(ttl - now.seconds_since(finished)) {
        Ok(left) if left > 0 => Step::Wait(left),
        _ => Step::Delete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn jobs_go_when_their_time_is_over() {
        let at =
            |kind: &str, status: &str| json!([{"type": kind, "status": status, "lastTransitionTime": "1970-01-01T00:01:40Z"}]);
        for (ttl, conditions, now, step) in [
            (json!(30), at("Complete", "True"), 110, Step::Wait(20)),
            (json!(30), at("Complete", "True"), 130, Step::Delete),
            (json!(30), at("Failed", "True"), 999, Step::Delete),
            (json!(0), at("Complete", "True"), 100, Step::Delete),
            (json!(30), at("Complete", "True"), 90, Step::Wait(40)),
            (Doc::Null, at("Complete", "True"), 999, Step::Leave),
            (json!(30), at("Complete", "False"), 999, Step::Leave),
            (json!(30), at("SuccessCriteriaMet", "True"), 999, Step::Leave),
            (json!(30), json!([]), 999, Step::Leave),
        ] {
            let job = json!({"spec": {"ttlSecondsAfterFinished": ttl}, "status": {"conditions": conditions}});
            assert_eq!(plan(&job, Time::from_unix(now)), step, "{job} at {now}");
        }
    }
}
