//! Evicting a pod, as far as its disruption budgets allow (kubernetes `pkg/registry/core/pod/storage/eviction.go`).

use super::budget::{Budget, Verdict};
use crate::server::{ApiServer, Cx};
use client::{Body, Call, DeleteOptions, Options, PatchKind, Reply, ReplyBody, Verb};
use meta::status::Result;
use meta::{Doc, Gvk, Gvr, LabelSelector, Object, Reason, Status};
use serde_json::json;
use std::sync::Arc;

/// How often an eviction that somebody else got in the way of is tried (`EvictionsRetry`).
const ATTEMPTS: usize = 20;

/// What an eviction asks for.
struct Asked {
    delete: DeleteOptions,
    dry_run: bool,
}

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
        let delete = crate::http::options::delete_options(&eviction["deleteOptions"])?;
        let dry_run = cx.call.options.dry_run || eviction["deleteOptions"]["dryRun"] == json!(["All"]);
        self.evict_with_patience(cx, &Asked { delete, dry_run }).await?;
        Ok(Reply::new(ReplyBody::Doc(wire::status::success(201))).with_code(201))
    }

    async fn evict_with_patience(&self, cx: &Cx<'_>, asked: &Asked) -> Result<()> {
        // Who names a version means that one.
        let attempts = if asked.delete.preconditions.resource_version.is_some() { 1 } else { ATTEMPTS };
        for _ in 1..attempts {
            match self.evict_once(cx, asked).await {
                Err(status) if status.reason == Reason::Conflict => tokio::task::yield_now().await,
                other => return other,
            }
        }
        self.evict_once(cx, asked).await
    }

    async fn evict_once(&self, cx: &Cx<'_>, asked: &Asked) -> Result<()> {
        let pod = self.current(cx).await?.ok_or_else(|| cx.not_found())?;
        let doc = pod.to_doc();
        let of_this_version = match ignores_budgets(&doc) {
            // It must not have started to run in the meantime.
            true => doc["status"]["phase"] == "Pending" && !pod.meta.is_deleting(),
            false => self.ask_budget(cx, &pod, &doc, asked.dry_run).await?,
        };
        let mut delete = asked.delete.clone();
        if of_this_version && delete.preconditions.resource_version.is_none() {
            delete.preconditions.resource_version = Some(pod.resource_version());
        }
        if !asked.dry_run {
            let marked = self.mark(cx, &pod, &doc, &delete).await?;
            if delete.preconditions.resource_version.is_some() {
                delete.preconditions.resource_version = Some(marked.resource_version());
            }
        }
        let mut call = Call::new(Verb::Delete, cx.call.target.resource.clone(), &pod.meta.namespace, &pod.meta.name);
        call.options = Options { delete, dry_run: asked.dry_run, ..Options::default() };
        let def = self.published.catalog.by_path("", "v1", "pods").ok_or_else(Status::no_such_path)?;
        self.delete(&Cx { user: cx.user, call: &call, def }).await.map(drop)
    }

    /// Says in the pod's status why it ends.
    async fn mark(&self, cx: &Cx<'_>, pod: &Arc<Object>, doc: &Doc, delete: &DeleteOptions) -> Result<Arc<Object>> {
        let mut conditions = doc["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let known = |condition: &Doc| condition["type"] == "DisruptionTarget" && condition["status"] == "True";
        if conditions.iter().any(known) {
            return Ok(pod.clone());
        }
        conditions.retain(|condition| condition["type"] != "DisruptionTarget");
        conditions.push(json!({ "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting", "lastTransitionTime": self.clock.now().to_string() }));
        let version = delete.preconditions.resource_version.clone().unwrap_or_else(|| pod.resource_version());
        let uid = delete.preconditions.uid.clone().unwrap_or_else(|| pod.meta.uid.clone());
        let patch = json!({ "metadata": { "uid": uid, "resourceVersion": version }, "status": { "conditions": conditions } });
        self.patch_status(cx, Gvr::new("", "v1", "pods"), pod, patch, false).await
    }

    async fn patch_status(&self, cx: &Cx<'_>, gvr: Gvr, object: &Object, patch: Doc, dry_run: bool) -> Result<Arc<Object>> {
        let def = self.published.catalog.by_path(&gvr.group, &gvr.version, &gvr.resource).ok_or_else(Status::no_such_path)?;
        let mut call = Call::new(Verb::Patch, gvr, &object.meta.namespace, &object.meta.name).subresource("status");
        call.body = Body::Patch(PatchKind::Merge, patch);
        call.options.dry_run = dry_run;
        match self.update(&Cx { user: cx.user, call: &call, def }).await?.body {
            ReplyBody::Object(object) => Ok(object),
            _ => Err(Status::internal("an update was answered with something else than its object")),
        }
    }

    /// Takes one disruption from the pod's budget, or refuses. True if what was decided holds for this version of the pod.
    async fn ask_budget(&self, cx: &Cx<'_>, pod: &Object, doc: &Doc, dry_run: bool) -> Result<bool> {
        let budgets = self.budgets_of(pod)?;
        let budget = match &budgets[..] {
            [] => return Ok(false),
            [one] => one,
            _ => {
                return Err(Status::internal(
                    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
                ));
            }
        };
        match Budget::of(budget).verdict(&pod.meta.name, is_ready(doc), self.clock.now())? {
            Verdict::Free => Ok(true),
            Verdict::Spend(status) => {
                let patch = json!({ "metadata": { "resourceVersion": budget.resource_version() }, "status": status });
                let gvr = Gvr::new("policy", "v1", "poddisruptionbudgets");
                self.patch_status(cx, gvr, budget, patch, dry_run).await.map(|_| false)
            }
        }
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

fn is_ready(pod: &Doc) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
