//! Rolls each Deployment's template out by way of ReplicaSets. Promise: during a rolling update no more pods than
//! `maxSurge` allows, and no fewer available than `maxUnavailable` allows, are ever asked for.
//! Follows kubernetes `pkg/controller/deployment`.

mod act;
mod cleanup;
mod plan;
mod progress;
mod recreate;
mod revision;
mod rolling;
mod scale;
mod set;
mod status;
mod template;
mod view;

use crate::context::Cx;
use crate::replica_set::{BY_CONTROLLER, REPLICA_SETS, controller_keys};
use crate::workloads::{Events, Kind, Owners, Pods, StatusWriter, selector_of};
use client::{Client, Resource};
use meta::time::SharedClock;
use reconcile::{Controller, Informer};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(crate) const NAME: &str = "deployment-controller";
pub(crate) const DEPLOYMENTS: Resource = Resource::new("apps", "v1", "deployments");
const DEPLOYMENT: Kind = Kind { resource: DEPLOYMENTS, api_version: "apps/v1", kind: "Deployment" };
/// Deployments dealt with at a time (`ConcurrentDeploymentSyncs`).
const WORKERS: usize = 5;

/// Woken by the deployments, and by the sets that they own or could own. Pods count by way of their sets' status.
pub(crate) fn start(cx: &Cx) {
    let deployments = cx.informers.get(DEPLOYMENTS);
    let sets = cx.informers.get(REPLICA_SETS);
    sets.add_index(BY_CONTROLLER, controller_keys);
    let owners = Owners::follow(DEPLOYMENT.kind, &deployments, selector_of);
    let roller = Arc::new(Roller {
        client: cx.client(NAME),
        events: Events::new(cx, NAME, DEPLOYMENT),
        status: StatusWriter::new(cx, NAME, DEPLOYMENTS),
        deployments: deployments.clone(),
        sets: sets.clone(),
        pods: cx.pods.clone(),
        clock: cx.context.clock.clone(),
        stop: cx.context.runtime.stop.clone(),
    });
    Controller::new(NAME, &cx.context.runtime).watches_own(&deployments).watches(&sets, move |change| owners.keys(change)).run(
        WORKERS,
        move |key| {
            let roller = roller.clone();
            async move { roller.reconcile(key).await }
        },
    );
}

struct Roller {
    client: Client,
    events: Events,
    status: StatusWriter,
    deployments: Arc<Informer>,
    sets: Arc<Informer>,
    pods: Arc<Pods>,
    clock: SharedClock,
    stop: CancellationToken,
}
