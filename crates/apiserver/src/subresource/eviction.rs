//! Evicting a pod, as far as its disruption budgets allow (kubernetes `pkg/registry/core/pod/storage/eviction.go`).

use crate::server::{ApiServer, Cx};
use client::{Body, Call, Options, Reply, ReplyBody, Verb};
use meta::status::Result;
use meta::{Doc, Gvk, Gvr, LabelSelector, Object, Status};
use serde_json::json;
use std::sync::Arc;

impl ApiServer {
    pub(super) async fn evict(&self, cx: &Cx<'_>) -> Result<Reply> {
        let kind = Gvk::new("policy", "v1", "Eviction");
        let Body::Doc(body) = &cx.call.body else { return Err(Status::bad_request("an eviction needs a body")) };
        let mut eviction = self.decode(cx, body.clone(), &kind)?.doc;
        let asked = eviction["metadata"]["name"].as_str().unwrap_or_default();
        if !asked.is_empty() && asked != cx.call.target.name {
            return Err(Status::bad_request("name in URL does not match name in Eviction object"));
        }
        self.admit_special(cx, &mut eviction).await?;
        let pod = self.current(cx).await?.ok_or_else(|| cx.not_found())?;
        if !ignores_budgets(&pod.to_doc()) {
            self.spend_budget(cx, &pod).await?;
        }
        let delete = crate::http::options::delete_options(&eviction["deleteOptions"])?;
        let dry_run = cx.call.options.dry_run || eviction["deleteOptions"]["dryRun"] == json!(["All"]);
        let mut call = Call::new(Verb::Delete, cx.call.target.resource.clone(), &pod.meta.namespace, &pod.meta.name);
        call.options = Options { delete, dry_run, ..Options::default() };
        let def = self.published.catalog.by_path("", "v1", "pods").ok_or_else(Status::no_such_path)?;
        self.delete(&Cx { user: cx.user, call: &call, def }).await?;
        Ok(Reply::new(ReplyBody::Doc(wire::status::success(201))).with_code(201))
    }

    /// Takes one disruption from the pod's budget, or refuses.
    async fn spend_budget(&self, cx: &Cx<'_>, pod: &Object) -> Result<()> {
        let budgets = self.budgets_of(pod)?;
        let budget = match &budgets[..] {
            [] => return Ok(()),
            [one] => one,
            _ => {
                return Err(Status::internal(
                    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
                ));
            }
        };
        let (name, doc) = (&budget.meta.name, budget.to_doc());
        if doc["status"]["observedGeneration"].as_i64().unwrap_or(0) < budget.meta.generation {
            return Err(refused(name, "The disruption budget does not reflect its current spec yet", 10));
        }
        let allowed = doc["status"]["disruptionsAllowed"].as_i64().unwrap_or(0);
        if allowed <= 0 {
            let why = format!(
                "The disruption budget {name} needs {} healthy pods and has {} currently",
                doc["status"]["desiredHealthy"].as_i64().unwrap_or(0),
                doc["status"]["currentHealthy"].as_i64().unwrap_or(0)
            );
            return Err(refused(name, &why, 0));
        }
        let mut call = Call::new(Verb::Patch, Gvr::new("policy", "v1", "poddisruptionbudgets"), &budget.meta.namespace, name);
        let disrupted = json!({ (pod.meta.name.clone()): self.clock.now().to_string() });
        let patch = json!({ "metadata": { "resourceVersion": budget.resource_version() },
            "status": { "disruptionsAllowed": allowed - 1, "disruptedPods": disrupted } });
        call.target.subresource = "status".into();
        call.body = Body::Patch(client::PatchKind::Merge, patch);
        call.options.dry_run = cx.call.options.dry_run;
        let def = self.published.catalog.by_path("policy", "v1", "poddisruptionbudgets").ok_or_else(Status::no_such_path)?;
        self.update(&Cx { user: cx.user, call: &call, def }).await.map(drop)
    }

    fn budgets_of(&self, pod: &Object) -> Result<Vec<Arc<Object>>> {
        let Some(cache) = self.caches.of(&Gvr::new("policy", "v1", "poddisruptionbudgets")) else { return Ok(Vec::new()) };
        let prefix = format!("{}/", pod.meta.namespace);
        let slice = cache.slice();
        let selects = |budget: &Object| {
            LabelSelector::from_doc(&budget.get("/spec/selector")).ok().flatten().is_some_and(|s| s.matches(&pod.meta.labels))
        };
        Ok(slice.under(&prefix, "").map(|(_, budget)| budget).filter(|b| selects(b)).cloned().collect())
    }
}

fn ignores_budgets(pod: &Doc) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed" | "Pending"))
        || pod["metadata"].get("deletionTimestamp").is_some()
}

fn refused(budget: &str, why: &str, retry_after: u32) -> Status {
    let cause = json!([{ "reason": "DisruptionBudget", "message": why }]);
    let mut status = Status::too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.", retry_after);
    status.details["name"] = budget.into();
    status.with_causes(cause)
}
