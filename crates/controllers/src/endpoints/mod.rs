//! Keeps an Endpoints object beside every Service that selects pods, for those who do not read EndpointSlices yet.
//! Promise: it deletes none but those of Services that are gone. Follows kubernetes `pkg/controller/endpoint`.

mod plan;
mod subsets;

pub(crate) use subsets::Subsets;

use crate::context::{Cx, ENDPOINTS, SERVICES};
use crate::endpoint_slice::{SERVICE, WORKERS};
use crate::service_account::is_settled;
use crate::service_pods::{Selection, Service, TriggerTimes};
use crate::workloads::{Events, Expectations};
use client::{Client, DeleteOptions};
use meta::{Object, Reason, Status};
use plan::{MANAGED_BY_LABEL, Step, plan};
use reconcile::{Controller, Error, Informer, Next, ObjectChange, ObjectKey};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(crate) const NAME: &str = "endpoint-controller";
/// The API server itself writes the endpoints of this one.
const API_SERVER: (&str, &str) = ("default", "kubernetes");

/// Woken by Services, by pods behind them, and by the deletion of what must be there.
pub(crate) fn start(cx: &Cx) {
    let (services, pods) = (cx.informers.get(SERVICES), cx.pods.informer.clone());
    let endpoints = cx.informers.get(ENDPOINTS);
    let selection = Selection::new(&services);
    let affected = selection.clone();
    let controller = Controller::new(NAME, &cx.context.runtime)
        .watches_own(&services)
        .watches(&pods, move |change| affected.affected(change))
        .watches(&endpoints, |change| is_news(change).then(|| ObjectKey::of(change.object())));
    let (client, events, stop) = (cx.client(NAME), Events::new(cx, NAME, SERVICE), cx.context.runtime.stop.clone());
    let times = TriggerTimes::default();
    let pass = Arc::new(Pass { client, services, pods, endpoints, selection, times, events, stop });
    controller.run(WORKERS, move |key| {
        let pass = pass.clone();
        async move { pass.reconcile(&key).await }
    });
}

/// A deletion, or an object of ours seen for the first time: its Service may have gone while nobody looked.
fn is_news(change: &ObjectChange) -> bool {
    let ours = |object: &Arc<Object>| object.meta.labels.get(MANAGED_BY_LABEL) == Some(NAME);
    change.new.as_ref().is_none_or(|new| change.old.is_none() && ours(new))
}

struct Pass {
    client: Client,
    services: Arc<Informer>,
    pods: Arc<Informer>,
    endpoints: Arc<Informer>,
    selection: Arc<Selection>,
    times: TriggerTimes,
    events: Events,
    stop: CancellationToken,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Next, Error> {
        if (&*key.namespace, &*key.name) == API_SERVER {
            return Ok(Next::OnChange);
        }
        let current = self.endpoints.get(&key.namespace, &key.name);
        match self.services.get(&key.namespace, &key.name) {
            None => {
                self.times.forget(key);
                if current.is_some() {
                    self.delete(key).await?;
                }
            }
            Some(object) => {
                let service = Service::of(&object);
                if service.selector.is_some() {
                    let members = self.selection.members(&service, &self.pods);
                    let changed = self.times.earliest(key, &service, &members);
                    let current = current.map(|endpoints| endpoints.to_doc());
                    self.write(&object, plan(&service, &members, current, changed)).await?;
                    self.times.remember(key, &service, &members);
                }
            }
        }
        Ok(Next::OnChange)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Status> {
        match self.client.delete(ENDPOINTS, &key.namespace, &key.name, DeleteOptions::default()).await {
            Err(status) if status.reason != Reason::NotFound => Err(status),
            _ => Ok(()),
        }
    }

    async fn write(&self, service: &Arc<Object>, step: Step) -> Result<(), Status> {
        let (namespace, name) = (&service.meta.namespace, &service.meta.name);
        let (written, reason, failure) = match step {
            Step::Leave => return Ok(()),
            Step::Create(doc) => (
                self.client.create(ENDPOINTS, namespace, doc).await,
                "FailedToCreateEndpoint",
                format!("Failed to create endpoint for service {namespace}/{name}"),
            ),
            Step::Update(doc) => (
                self.client.update(ENDPOINTS, namespace, name, doc).await,
                "FailedToUpdateEndpoint",
                format!("Failed to update endpoint {namespace}/{name}"),
            ),
        };
        match written {
            Ok(endpoints) => {
                let mut expectations = Expectations::default();
                expectations.written(endpoints.revision);
                expectations.met(&self.endpoints, &self.stop).await;
                Ok(())
            }
            Err(status) if status.reason == Reason::Forbidden && is_settled(&status) => Ok(()),
            Err(status) => {
                if status.reason != Reason::Conflict {
                    self.events.warning(service, reason, format!("{failure}: {status}"));
                }
                Err(status)
            }
        }
    }
}
