//! Mirrors Endpoints that people write for Services without a selector into EndpointSlices. Promise: what it made goes with
//! what it was made from. Follows kubernetes `pkg/controller/endpointslicemirroring`.

mod plan;

use crate::context::{Cx, ENDPOINTS, SERVICES};
use crate::endpoint_slice::{self, Slice, WORKERS, Writer, managed_services, managed_slices};
use crate::service_pods::Service;
use crate::workloads::{Events, Kind};
use meta::{Doc, Object};
use plan::plan;
use reconcile::{Controller, Error, Informer, Next, ObjectKey};
use std::sync::Arc;

pub(crate) const NAME: &str = "endpointslicemirroring-controller";
const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP_LABEL: &str = "endpointslice.kubernetes.io/skip-mirror";
/// Endpoints that are locks, not addresses.
const LEADER_ANNOTATION: &str = "control-plane.alpha.kubernetes.io/leader";
const KIND: Kind = Kind { resource: ENDPOINTS, api_version: "v1", kind: "Endpoints" };

/// Woken by Endpoints, their Services, and what others do to the slices.
pub(crate) fn start(cx: &Cx) {
    let (services, endpoints) = (cx.informers.get(SERVICES), cx.informers.get(ENDPOINTS));
    let slices = endpoint_slice::slices_by_service(cx);
    let controller = Controller::new(NAME, &cx.context.runtime)
        .watches_own(&endpoints)
        .watches_own(&services)
        .watches(&slices, |change| managed_services(change, MANAGER));
    let (writer, events) = (Writer::new(cx, NAME, &slices), Events::new(cx, NAME, KIND));
    let pass = Arc::new(Pass { services, endpoints, slices, writer, events });
    controller.run(WORKERS, move |key| {
        let pass = pass.clone();
        async move { pass.reconcile(&key).await }
    });
}

struct Pass {
    services: Arc<Informer>,
    endpoints: Arc<Informer>,
    slices: Arc<Informer>,
    writer: Writer,
    events: Events,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Next, Error> {
        let slices: Vec<Slice> = managed_slices(&self.slices, key, MANAGER).iter().map(|slice| Slice::stored(slice)).collect();
        let Some(endpoints) = self.to_mirror(key) else {
            if !slices.is_empty() {
                let gone = slices.into_iter().map(|slice| endpoint_slice::Step::Delete(slice.name));
                self.writer.write(&key.namespace, gone.collect()).await?;
            }
            return Ok(Next::OnChange);
        };
        let planned = plan(&endpoints.to_doc(), slices);
        for (reason, message) in planned.warnings {
            self.events.warning(&endpoints, reason, message);
        }
        self.writer.write(&key.namespace, planned.steps).await?;
        Ok(Next::OnChange)
    }

    /// The Endpoints of a Service that has no selector, unless they say that they are not meant.
    fn to_mirror(&self, key: &ObjectKey) -> Option<Arc<Object>> {
        let endpoints = self.endpoints.get(&key.namespace, &key.name)?;
        let service = self.services.get(&key.namespace, &key.name)?;
        let skipped = endpoints.meta.labels.get(SKIP_LABEL) == Some("true")
            || endpoints.get("/metadata/annotations").get(LEADER_ANNOTATION).is_some();
        (!skipped && Service::of(&service).selector.is_none()).then_some(endpoints)
    }
}

/// Annotations that say something of the Endpoints object only.
const OWN_ANNOTATIONS: [&str; 2] =
    ["endpoints.kubernetes.io/last-change-trigger-time", "kubectl.kubernetes.io/last-applied-configuration"];

fn mirrored_annotations(endpoints: &Doc) -> serde_json::Map<String, Doc> {
    let annotations = endpoints["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    annotations.into_iter().filter(|(key, _)| !OWN_ANNOTATIONS.contains(&key.as_str())).collect()
}
