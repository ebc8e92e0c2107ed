//! Keeps each ReplicaSet, and each ReplicationController, at its number of pods. Promise: it deletes no pod that it does not
//! control by UID, and never makes a pod twice.
//! Follows kubernetes `pkg/controller/replicaset`, which serves both kinds too.

mod act;
mod plan;
mod status;

use crate::context::Cx;
use crate::workloads::{Events, Kind, Owners, PodControl, Pods, StatusWriter, selector_of};
use client::Resource;
use meta::time::SharedClock;
use meta::{LabelSelector, Object};
use reconcile::{Controller, Informer};
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(crate) const NAME: &str = "replicaset-controller";
pub(crate) const REPLICATION: &str = "replication-controller";
pub(crate) const REPLICA_SETS: Resource = Resource::new("apps", "v1", "replicasets");
pub(crate) const REPLICA_SET: Kind = Kind { resource: REPLICA_SETS, api_version: "apps/v1", kind: "ReplicaSet" };
const REPLICATION_CONTROLLER: Kind =
    Kind { resource: Resource::new("", "v1", "replicationcontrollers"), api_version: "v1", kind: "ReplicationController" };
/// Sets dealt with at a time (`ConcurrentRSSyncs`).
const WORKERS: usize = 5;
/// Index of the sets by what controls them.
pub(crate) const BY_CONTROLLER: &str = "controller";

/// What tells the two kinds apart.
struct Family {
    name: &'static str,
    kind: Kind,
    selector_of: fn(&Object) -> Option<LabelSelector>,
}

pub(crate) fn start(cx: &Cx) {
    start_family(cx, Family { name: NAME, kind: REPLICA_SET, selector_of });
}

pub(crate) fn start_replication(cx: &Cx) {
    start_family(cx, Family { name: REPLICATION, kind: REPLICATION_CONTROLLER, selector_of: equality_selector_of });
}

/// Woken by the sets, and by the pods that they own or could own.
fn start_family(cx: &Cx, family: Family) {
    let sets = cx.informers.get(family.kind.resource);
    sets.add_index(BY_CONTROLLER, controller_keys);
    let owners = Owners::follow(family.kind.kind, &sets, family.selector_of);
    let keeper = Arc::new(Keeper {
        control: PodControl { client: cx.client(family.name), events: Events::new(cx, family.name, family.kind) },
        status: StatusWriter::new(cx, family.name, family.kind.resource),
        sets: sets.clone(),
        pods: cx.pods.clone(),
        clock: cx.context.clock.clone(),
        stop: cx.context.runtime.stop.clone(),
        kind: family.kind,
        selector_of: family.selector_of,
    });
    Controller::new(family.name, &cx.context.runtime)
        .watches_own(&sets)
        .watches(&cx.pods.informer, move |change| owners.keys(change))
        .run(WORKERS, move |key| {
            let keeper = keeper.clone();
            async move { keeper.reconcile(key).await }
        });
}

struct Keeper {
    control: PodControl,
    status: StatusWriter,
    sets: Arc<Informer>,
    pods: Arc<Pods>,
    clock: SharedClock,
    stop: CancellationToken,
    kind: Kind,
    selector_of: fn(&Object) -> Option<LabelSelector>,
}

fn equality_selector_of(set: &Object) -> Option<LabelSelector> {
    let labels = set.get("/spec/selector");
    labels.is_object().then(|| LabelSelector::from_doc(&json!({ "matchLabels": labels })).ok().flatten())?
}

/// The UID of the controller; of an orphan what [`orphans_of`] says.
pub(crate) fn controller_keys(set: &Object) -> Vec<String> {
    vec![set.meta.controller().map_or_else(|| orphans_of(&set.meta.namespace), |owner| owner.uid.clone())]
}

/// The key of sets that nobody controls. No UID has a slash.
pub(crate) fn orphans_of(namespace: &str) -> String {
    format!("orphans/{namespace}")
}
