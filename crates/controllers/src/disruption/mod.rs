//! Says of every PodDisruptionBudget how many pods may be evicted now. Promise: in doubt none. Follows kubernetes
//! `pkg/controller/disruption`.

mod budgets;
mod plan;
mod scale;
mod stale;

use crate::context::Cx;
use crate::nodes::POD;
use crate::workloads::{Events, Kind, Pod, StatusWriter};
use budgets::Budgets;
use client::Resource;
use meta::time::SharedClock;
use meta::{Object, Status};
use plan::{Seen, plan, sync_failed};
use reconcile::{Controller, Error, Informer, Next, ObjectKey};
use scale::Scales;
use std::sync::Arc;

pub(crate) const NAME: &str = "disruption-controller";
/// The name that its events carry.
const COMPONENT: &str = "controllermanager";
const BUDGETS: Resource = Resource::new("policy", "v1", "poddisruptionbudgets");
const KIND: Kind = Kind { resource: BUDGETS, api_version: "policy/v1", kind: "PodDisruptionBudget" };

/// Woken by budgets and by the pods that they select.
pub(crate) fn start(cx: &Cx) {
    let (informer, pods) = (cx.informers.get(BUDGETS), cx.pods.informer.clone());
    let budgets = Arc::new(Budgets::follow(&informer));
    let of_pods = budgets.clone();
    let controller =
        Controller::new(NAME, &cx.context.runtime).watches_own(&informer).watches(&pods, move |change| of_pods.concerned(change));
    let scales = Scales::new(cx, cx.client(NAME));
    let controller = scales.informers().into_iter().fold(controller, |controller, owners| controller.watches(owners, |_| None));
    let pass = Arc::new(Pass {
        status: StatusWriter::new(cx, NAME, BUDGETS),
        informer,
        pods,
        budgets,
        scales,
        events: Events::of_component(cx, NAME, COMPONENT, KIND),
        pod_events: Events::of_component(cx, NAME, COMPONENT, POD),
        clock: cx.context.clock.clone(),
    });
    controller.run(1, move |key| {
        let pass = pass.clone();
        async move { pass.reconcile(&key).await }
    });
    stale::start(cx);
}

struct Pass {
    status: StatusWriter,
    informer: Arc<Informer>,
    pods: Arc<Informer>,
    budgets: Arc<Budgets>,
    scales: Scales,
    events: Events,
    pod_events: Events,
    clock: SharedClock,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Next, Error> {
        let Some(budget) = self.informer.get(&key.namespace, &key.name) else { return Ok(Next::OnChange) };
        let pods: Vec<Arc<Object>> = self.budgets.selected(key, &self.pods);
        if pods.is_empty() {
            self.events.normal(&budget, "NoPods", "No matching pods found".into());
        }
        let doc = budget.to_doc();
        let scale = match plan::needs_scale(&doc) {
            true => self.scales.of_all(&pods).await,
            false => Ok(scale::Scale::default()),
        };
        let scale = match scale {
            Ok(scale) => scale,
            Err(why) => {
                self.events.warning(&budget, "CalculateExpectedPodCountFailed", plan::no_count(&why));
                let status = sync_failed(&doc, &why, self.clock.now());
                return Ok(self.write(&budget, &doc, status).await.map(|()| Next::OnChange)?);
            }
        };
        if scale.unmanaged {
            self.events.warning(&budget, "UnmanagedPods", plan::unmanaged(&doc));
        }
        let seen = Seen { budget: doc, pods: pods.iter().map(Pod::of).collect(), expected: scale.replicas };
        let planned = plan(&seen, self.clock.now());
        for pod in &planned.not_deleted {
            let message = format!("Pod was expected by PDB {key} to be deleted but it wasn't");
            self.pod_events.warning(pod, "NotDeleted", message);
        }
        self.write(&budget, &seen.budget, planned.status).await?;
        Ok(planned.recheck.map_or(Next::OnChange, Next::After))
    }

    async fn write(&self, budget: &Object, doc: &meta::Doc, status: meta::Doc) -> Result<(), Status> {
        if doc["status"] == status {
            return Ok(());
        }
        let mut doc = doc.clone();
        doc["status"] = status;
        self.status.write(budget, doc).await.map(drop)
    }
}
