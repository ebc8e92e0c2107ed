//! Keeps the EndpointSlices of every Service that selects pods. Promise: it changes no more slices than it must, and none
//! that others manage. Follows kubernetes `pkg/controller/endpointslice` and k8s.io/endpointslice.

mod fit;
mod hints;
mod plan;
mod slice;
mod write;

pub(crate) use slice::{Slice, name_prefix};
pub(crate) use write::{Step, Writer};

use crate::context::{Cx, ENDPOINT_SLICES, NODES, SERVICES};
use crate::service_pods::{Member, Selection, Service, TriggerTimes};
use crate::workloads::{Events, Kind};
use meta::{Object, Reason, Status};
use plan::{Seen, plan};
use reconcile::{Controller, Error, Informer, Next, ObjectChange, ObjectKey};
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) const NAME: &str = "endpointslice-controller";
const MANAGER: &str = "endpointslice-controller.k8s.io";
pub(crate) const MANAGED_BY_LABEL: &str = "endpointslice.kubernetes.io/managed-by";
pub(crate) const SERVICE_LABEL: &str = "kubernetes.io/service-name";
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
const BY_SERVICE: &str = "service";
/// `--concurrent-service-endpoint-syncs`.
pub(crate) const WORKERS: usize = 5;
pub(crate) const SERVICE: Kind = Kind { resource: SERVICES, api_version: "v1", kind: "Service" };

/// Woken by Services, by pods behind them, and by what others do to the slices.
pub(crate) fn start(cx: &Cx) {
    let informers = &cx.informers;
    let (services, pods) = (informers.get(SERVICES), cx.pods.informer.clone());
    let (slices, nodes) = (slices_by_service(cx), informers.get(NODES));
    let selection = Selection::new(&services);
    let affected = selection.clone();
    let controller = Controller::new(NAME, &cx.context.runtime)
        .watches_own(&services)
        .watches(&pods, move |change| affected.affected(change))
        .watches(&slices, |change| managed_services(change, MANAGER))
        // A node wakes nobody, but a pod's zone is read from it.
        .watches(&nodes, |_| None);
    let (writer, events) = (Writer::new(cx, NAME, &slices), Events::new(cx, NAME, SERVICE));
    let times = TriggerTimes::default();
    let pass = Arc::new(Pass { services, pods, slices, nodes, selection, times, writer, events });
    controller.run(WORKERS, move |key| {
        let pass = pass.clone();
        async move { pass.reconcile(&key).await }
    });
}

/// All slices, to be found by the Service that their label names.
pub(crate) fn slices_by_service(cx: &Cx) -> Arc<Informer> {
    let slices = cx.informers.get(ENDPOINT_SLICES);
    slices.add_index(BY_SERVICE, |slice| service_of(slice).map(|key| key.to_string()).into_iter().collect());
    slices
}

/// The slices of a Service that `manager` keeps and nobody is deleting.
pub(crate) fn managed_slices(slices: &Informer, service: &ObjectKey, manager: &str) -> Vec<Arc<Object>> {
    let labelled = slices.indexed(BY_SERVICE, &service.to_string()).into_iter();
    let mut managed: Vec<_> = labelled.filter(|slice| is_managed(slice, manager) && !slice.meta.is_deleting()).collect();
    managed.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    managed
}

/// The Services that a change of a slice kept by `manager` concerns: its label may have named another before.
pub(crate) fn managed_services(change: &ObjectChange, manager: &str) -> Vec<ObjectKey> {
    let sides = [&change.old, &change.new].into_iter().flatten();
    sides.filter(|slice| is_managed(slice, manager)).filter_map(|slice| service_of(slice)).collect()
}

fn is_managed(slice: &Object, manager: &str) -> bool {
    slice.meta.labels.get(MANAGED_BY_LABEL) == Some(manager)
}

fn service_of(slice: &Object) -> Option<ObjectKey> {
    let service = slice.meta.labels.get(SERVICE_LABEL)?;
    Some(ObjectKey::new(&*slice.meta.namespace, service))
}

struct Pass {
    services: Arc<Informer>,
    pods: Arc<Informer>,
    slices: Arc<Informer>,
    nodes: Arc<Informer>,
    selection: Arc<Selection>,
    times: TriggerTimes,
    writer: Writer,
    events: Events,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Next, Error> {
        let Some(object) = self.services.get(&key.namespace, &key.name) else {
            self.times.forget(key);
            return Ok(Next::OnChange);
        };
        let service = Service::of(&object);
        if service.selector.is_none() {
            return Ok(Next::OnChange);
        }
        let seen = self.observe(key, service);
        if let Err(status) = self.writer.write(&key.namespace, plan(&seen)).await {
            return Err(failed(&self.events, &object, status));
        }
        self.times.remember(key, &seen.service, &seen.members);
        match seen.homeless() {
            None => Ok(Next::OnChange),
            Some(pod) => Err(Error::Waiting(format!("skipping Pod {} for Service {key}: Node {} Not Found", pod.name, pod.node))),
        }
    }

    fn observe(&self, key: &ObjectKey, service: Service) -> Seen {
        let members = self.selection.members(&service, &self.pods);
        let zones = members.iter().filter_map(|member| self.zone(member)).collect::<HashMap<_, _>>();
        let slices = managed_slices(&self.slices, key, MANAGER);
        let changed = self.times.earliest(key, &service, &members);
        Seen { slices: slices.iter().map(|slice| Slice::stored(slice)).collect(), service, members, zones, changed }
    }

    /// The pod's node and its zone. None: there is no such node.
    fn zone(&self, member: &Member) -> Option<(String, Option<String>)> {
        let node = self.nodes.get("", &member.node)?;
        Some((member.node.clone(), node.meta.labels.get(ZONE_LABEL).filter(|zone| !zone.is_empty()).map(str::to_owned)))
    }
}

/// Says that the endpoints of a Service could not be written, unless that was only too soon.
fn failed(events: &Events, service: &Arc<Object>, status: Status) -> Error {
    if status.reason != Reason::Conflict {
        let key = ObjectKey::of(service);
        let message = format!("Error updating Endpoint Slices for Service {key}: {status}");
        events.warning(service, "FailedToUpdateEndpointSlices", message);
    }
    status.into()
}
