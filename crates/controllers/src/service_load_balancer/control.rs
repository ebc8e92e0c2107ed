//! The passes over Services.

use super::cloud::{Change, Ensured, LoadBalancers, Removed, State};
use super::model::{Seen, model};
use super::service::{FINALIZER, finalizers, has_finalizer, hostname, key_of, of_addresses, wants_load_balancer};
use super::targets;
use crate::context::{Cx, NODES};
use client::{Client, Resource};
use meta::{Doc, Object, Reason, Status};
use reconcile::{Controller, Error, EventType, Informer, Next, ObjectChange, ObjectKey, Recorder};
use serde_json::json;
use std::sync::Arc;

pub(crate) const NAME: &str = "service-controller";

const SERVICES: Resource = Resource::new("", "v1", "services");
const ENDPOINT_SLICES: Resource = Resource::new("discovery.k8s.io", "v1", "endpointslices");
const SERVICE_LABEL: &str = "kubernetes.io/service-name";
const KIND: (&str, &str) = ("v1", "Service");
/// Services side by side; as `--concurrent-service-syncs` of upstream's cloud controller manager, and then some.
const WORKERS: usize = 4;

/// Services that want a load balancer.
const BALANCED: &str = "service-controller-balanced";
/// EndpointSlices by `<namespace>/<service>`.
const OF_SERVICE: &str = "service-controller-of-service";

/// Woken by Services, by nodes that come, go or change their mind, by endpoints of those whose targets they are, and by the
/// load balancers themselves.
pub(crate) fn start(cx: &Cx) {
    let Some(cloud) = cx.context.load_balancers.clone() else { return };
    let (services, nodes, slices) = (cx.informers.get(SERVICES), cx.informers.get(NODES), cx.informers.get(ENDPOINT_SLICES));
    services.add_index(BALANCED, |service| if wants_load_balancer(&service.to_doc()) { vec![String::new()] } else { vec![] });
    slices.add_index(OF_SERVICE, |slice| service_of(slice).map(|key| key.to_string()).into_iter().collect());
    let pass = Arc::new(Pass {
        client: cx.client(NAME),
        recorder: cx.recorder(NAME, NAME),
        cloud: cloud.clone(),
        services: services.clone(),
        nodes: nodes.clone(),
        slices: slices.clone(),
    });
    let (all, by_address) = (services.clone(), services.clone());
    let controller = Controller::new(NAME, &cx.context.runtime)
        .watches_own(&services)
        .watches(&nodes, move |change| of_node(change, &all))
        .watches(&slices, move |change| of_slice(change, &by_address));
    let queue = controller.queue().clone();
    cloud.subscribe(Arc::new(move |namespace, name| queue.add(ObjectKey::new(namespace, name))));
    controller.run(WORKERS, move |key| {
        let pass = pass.clone();
        async move { pass.reconcile(&key).await.map(|()| Next::OnChange) }
    });
}

/// Every Service that has a load balancer, when a node begins or ends to take traffic.
fn of_node(change: &ObjectChange, services: &Informer) -> Vec<ObjectKey> {
    let projection = |node: &Option<Arc<Object>>| node.as_ref().map(|node| targets::projection(&node.to_doc()));
    if projection(&change.old) == projection(&change.new) {
        return Vec::new();
    }
    services.indexed(BALANCED, "").iter().map(|service| ObjectKey::of(service)).collect()
}

fn of_slice(change: &ObjectChange, services: &Informer) -> Option<ObjectKey> {
    let key = service_of(change.object())?;
    let service = services.get(&key.namespace, &key.name)?.to_doc();
    (wants_load_balancer(&service) && of_addresses(&service)).then_some(key)
}

fn service_of(slice: &Object) -> Option<ObjectKey> {
    let labels = slice.get("/metadata/labels");
    Some(ObjectKey::new(&*slice.meta.namespace, labels[SERVICE_LABEL].as_str()?))
}

struct Pass {
    client: Client,
    recorder: Recorder,
    cloud: Arc<dyn LoadBalancers>,
    services: Arc<Informer>,
    nodes: Arc<Informer>,
    slices: Arc<Informer>,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<(), Error> {
        let Some(service) = self.services.get(&key.namespace, &key.name) else { return Ok(()) };
        let doc = service.to_doc();
        let outcome = match next(&doc) {
            Act::Leave => return Ok(()),
            Act::Ensure => self.ensure(&service, doc).await,
            Act::Remove => self.remove(&service, &doc).await,
        };
        match outcome {
            Err(Failed::Cloud(why)) => {
                self.tell(&service, EventType::Warning, "SyncLoadBalancerFailed", &format!("Error syncing load balancer: {why}"))
                    .await?;
                Err(Error::Waiting(why))
            }
            Err(Failed::Api(status)) if status.reason == Reason::NotFound => Ok(()),
            Err(Failed::Api(status)) => Err(status.into()),
            Ok(()) => Ok(()),
        }
    }

    async fn ensure(&self, service: &Arc<Object>, doc: Doc) -> Result<(), Failed> {
        let fresh = !has_finalizer(&doc);
        if fresh {
            self.tell(service, EventType::Normal, "EnsuringLoadBalancer", "Ensuring load balancer").await?;
            let all: Vec<Doc> = finalizers(&doc).cloned().chain([FINALIZER.into()]).collect();
            self.patch(service, json!({"metadata": {"finalizers": all}})).await?;
            // Its change wakes the next pass, which reads it back.
            return Ok(());
        }
        let shown = hostname(&doc).map(str::to_owned);
        let failed = |why: String| Failed::Cloud(format!("failed to ensure load balancer: {why}"));
        let seen = self.observe(service, doc);
        let wanted = model(&seen).map_err(failed)?;
        if !seen.nodes.iter().any(targets::is_proxy) {
            let message = "There are no available nodes for LoadBalancer";
            self.tell(service, EventType::Warning, "UnAvailableLoadBalancer", message).await?;
        }
        let Ensured { state, change } = self.cloud.ensure(&wanted).await.map_err(failed)?;
        match state {
            State::Provisioning => Ok(()),
            State::Failed(why) => Err(failed(why)),
            State::Active { hostname } if shown.as_ref() != Some(&hostname) => {
                let status = json!({"loadBalancer": {"ingress": [{"hostname": hostname}]}});
                self.patch(service, json!({"status": status})).await?;
                self.tell(service, EventType::Normal, "EnsuredLoadBalancer", "Ensured load balancer").await
            }
            State::Active { .. } => match change {
                Change::Nothing => Ok(()),
                Change::Targets => {
                    let message = "Updated load balancer with new hosts";
                    self.tell(service, EventType::Normal, "UpdatedLoadBalancer", message).await
                }
                Change::Configuration => {
                    self.tell(service, EventType::Normal, "EnsuredLoadBalancer", "Ensured load balancer").await
                }
            },
        }
    }

    fn observe(&self, service: &Arc<Object>, doc: Doc) -> Seen {
        let slices = match of_addresses(&doc) {
            true => self.slices.indexed(OF_SERVICE, &ObjectKey::of(service).to_string()),
            false => Vec::new(),
        };
        Seen {
            key: key_of(service),
            service: doc,
            nodes: self.nodes.all().iter().map(|node| node.to_doc()).collect(),
            slices: slices.iter().map(|slice| slice.to_doc()).collect(),
        }
    }

    async fn remove(&self, service: &Arc<Object>, doc: &Doc) -> Result<(), Failed> {
        let failed = |why: String| Failed::Cloud(format!("failed to delete load balancer: {why}"));
        match self.cloud.remove(&key_of(service)).await.map_err(failed)? {
            Removed::Begun => self.tell(service, EventType::Normal, "DeletingLoadBalancer", "Deleting load balancer").await,
            Removed::Going => Ok(()),
            Removed::Gone => {
                self.tell(service, EventType::Normal, "DeletedLoadBalancer", "Deleted load balancer").await?;
                let rest: Vec<&Doc> = finalizers(doc).filter(|finalizer| **finalizer != FINALIZER).collect();
                self.patch(service, json!({"metadata": {"finalizers": rest}, "status": {"loadBalancer": {"ingress": null}}}))
                    .await
            }
        }
    }

    /// Upstream patches finalizers by way of the status too, which is all that its role allows. Only over the Service as it
    /// was looked at.
    async fn patch(&self, service: &Object, mut patch: Doc) -> Result<(), Failed> {
        patch["metadata"]["uid"] = json!(service.meta.uid);
        patch["metadata"]["resourceVersion"] = json!(service.resource_version());
        self.client.patch(SERVICES, &service.meta.namespace, &service.meta.name, "status", patch).await?;
        Ok(())
    }

    async fn tell(&self, service: &Object, level: EventType, reason: &str, message: &str) -> Result<(), Failed> {
        match self.recorder.record(service, KIND, level, reason, message).await {
            // In a namespace that is being deleted nothing new is made; the work goes on.
            Err(status) if status.reason != Reason::Forbidden => Err(status.into()),
            _ => Ok(()),
        }
    }
}

enum Failed {
    /// What the Service's owner is told.
    Cloud(String),
    Api(Status),
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        Self::Api(status)
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Cloud(why) => Self::Waiting(why),
            Failed::Api(status) => status.into(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Leave,
    Ensure,
    Remove,
}

/// A Service that is deleted, or wants no load balancer any more, loses the one it had.
fn next(service: &Doc) -> Act {
    let live = service["metadata"]["deletionTimestamp"].is_null();
    match (live && wants_load_balancer(service), has_finalizer(service)) {
        (true, _) => Act::Ensure,
        (false, true) => Act::Remove,
        (false, false) => Act::Leave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_turn_it_is() {
        let balancer = || json!({"type": "LoadBalancer"});
        for (metadata, spec, act) in [
            (json!({}), balancer(), Act::Ensure),
            (json!({"finalizers": [FINALIZER]}), balancer(), Act::Ensure),
            (json!({"finalizers": [FINALIZER], "deletionTimestamp": "x"}), balancer(), Act::Remove),
            (json!({"finalizers": [FINALIZER]}), json!({"type": "ClusterIP"}), Act::Remove),
            (json!({"finalizers": ["other"], "deletionTimestamp": "x"}), balancer(), Act::Leave),
            (json!({}), json!({"type": "ClusterIP"}), Act::Leave),
        ] {
            assert_eq!(next(&json!({"metadata": metadata, "spec": spec})), act, "{metadata}");
        }
    }
}
