//! Deletes objects whose owners are gone, and carries out foreground and orphaning deletion. Promise: an owner counts as
//! gone only when the API server says so at the time, by UID; nothing else is ever deleted.
//! Follows kubernetes `pkg/controller/garbagecollector`.

mod act;
mod feed;
mod graph;
mod node;
mod observe;
mod plan;

use crate::context::{Cx, KindFacts};
use client::Client;
use graph::Graph;
use meta::{Object, Reason, Status};
use node::{Place, Uid};
use parking_lot::Mutex;
use reconcile::{Controller, Error, Next, Queue, Recorder};
use std::sync::Arc;

pub(crate) const NAME: &str = "generic-garbage-collector";
/// What its events are signed with.
const COMPONENT: &str = "garbage-collector-controller";
/// Objects dealt with at a time: deletions that are under way together share the store's commits.
const WORKERS: usize = 8;

/// Woken by what the feed of all objects does to the graph of owners.
pub(crate) fn start(cx: &Cx) {
    let controller = Controller::<Uid>::new(NAME, &cx.context.runtime);
    let collector = Arc::new(Collector {
        client: cx.client(NAME),
        kinds: cx.context.kinds.clone(),
        recorder: cx.recorder(NAME, COMPONENT),
        graph: Mutex::default(),
        queue: controller.queue().clone(),
    });
    let runtime = &cx.context.runtime;
    runtime.tasks.spawn(feed::follow(collector.clone(), runtime.stop.clone()));
    controller.run(WORKERS, move |uid| {
        let collector = collector.clone();
        async move { collector.reconcile(uid).await }
    });
}

struct Collector {
    client: Client,
    kinds: Arc<[KindFacts]>,
    recorder: Recorder,
    graph: Mutex<Graph>,
    queue: Arc<Queue<Uid>>,
}

impl Collector {
    async fn reconcile(&self, uid: Uid) -> Result<Next, Error> {
        let Some(seen) = self.observe(uid).await? else { return Ok(Next::OnChange) };
        match self.act(&seen, plan::plan(&seen)).await {
            // Gone meanwhile: the feed tells the graph.
            Err(status) if is_absent(&status, &seen.place.name) => Ok(Next::OnChange),
            Err(status) => Err(status.into()),
            Ok(()) => Ok(Next::OnChange),
        }
    }

    /// The object at a place, if it is still the one that the graph means.
    async fn live(&self, uid: Uid, place: &Place) -> Result<Option<Arc<Object>>, Status> {
        let Some(facts) = self.kinds.get(usize::from(place.kind)) else { return Ok(None) };
        match self.client.get(facts.gvr.clone(), &place.namespace, &place.name).await {
            Ok(object) if Uid::of(&object.meta.uid) == uid => Ok(Some(object)),
            Ok(_) => Ok(None),
            Err(status) if is_absent(&status, &place.name) => Ok(None),
            Err(status) => Err(status),
        }
    }
}

/// Whether the object itself was not found. An unknown path is "not found" as well, and says nothing about the object.
fn is_absent(status: &Status, name: &str) -> bool {
    status.reason == Reason::NotFound && status.details["name"] == name
}
