//! Which kinds the scheduler watches, and what it hears of their changes.

use crate::cluster::GroupKind;
use crate::inbox::{Inbox, News};
use crate::model::{Node, Pod};
use client::Resource;
use reconcile::{Informer, Informers, ObjectChange};
use std::sync::Arc;

const PODS: Resource = Resource::new("", "v1", "pods");
const NODES: Resource = Resource::new("", "v1", "nodes");
const NAMESPACES: Resource = Resource::new("", "v1", "namespaces");
const SERVICES: Resource = Resource::new("", "v1", "services");
const REPLICATION_CONTROLLERS: Resource = Resource::new("", "v1", "replicationcontrollers");
const REPLICA_SETS: Resource = Resource::new("apps", "v1", "replicasets");
const STATEFUL_SETS: Resource = Resource::new("apps", "v1", "statefulsets");
const CLAIMS: Resource = Resource::new("", "v1", "persistentvolumeclaims");
const STORAGE_CLASSES: Resource = Resource::new("storage.k8s.io", "v1", "storageclasses");
const BUDGETS: Resource = Resource::new("policy", "v1", "poddisruptionbudgets");

const GROUPS: [(Resource, GroupKind); 4] = [
    (SERVICES, GroupKind::Service),
    (REPLICATION_CONTROLLERS, GroupKind::ReplicationController),
    (REPLICA_SETS, GroupKind::ReplicaSet),
    (STATEFUL_SETS, GroupKind::StatefulSet),
];

/// Has every change put into the inbox. Returns whom to wait for before the first decision.
pub fn watch(informers: &Informers, inbox: &Arc<Inbox>) -> Vec<Arc<Informer>> {
    let mut watched = vec![
        heard(informers, PODS, inbox, pod),
        heard(informers, NODES, inbox, node),
        heard(informers, NAMESPACES, inbox, |change| vec![News::Namespace(change.object().clone(), change.new.is_some())]),
        heard(informers, BUDGETS, inbox, |change| vec![News::Budget(change.object().clone(), change.new.is_some())]),
        heard(informers, CLAIMS, inbox, |change| vec![News::Claim(change.object().clone(), change.new.is_some())]),
        heard(informers, STORAGE_CLASSES, inbox, |change| {
            vec![News::StorageClass(change.object().clone(), change.new.is_some())]
        }),
    ];
    for (resource, kind) in GROUPS {
        let news = move |change: &ObjectChange| vec![News::Group(kind, change.object().clone(), change.new.is_some())];
        watched.push(heard(informers, resource, inbox, news));
    }
    watched
}

fn heard(
    informers: &Informers,
    resource: Resource,
    inbox: &Arc<Inbox>,
    news_of: impl Fn(&ObjectChange) -> Vec<News> + Send + Sync + 'static,
) -> Arc<Informer> {
    // An inbox that nobody empties any more is not filled either.
    let (informer, inbox) = (informers.get(resource), Arc::downgrade(inbox));
    informer.on_change(move |change| {
        if let Some(inbox) = inbox.upgrade() {
            news_of(change).into_iter().for_each(|news| inbox.put(news));
        }
    });
    informer
}

fn pod(change: &ObjectChange) -> Vec<News> {
    let new_uid = change.new.as_ref().map(|new| new.meta.uid.as_str());
    let gone = change.old.as_ref().map(|old| &old.meta.uid).filter(|uid| new_uid != Some(uid));
    let mut news: Vec<News> = gone.map(|uid| News::PodGone(uid.clone())).into_iter().collect();
    match change.new.as_ref().map(Pod::parse) {
        Some(Ok(pod)) => news.push(News::Pod(Arc::new(pod))),
        Some(Err(error)) => tracing::error!(pod = change.object().meta.name, %error, "a pod cannot be read"),
        None => {}
    }
    news
}

fn node(change: &ObjectChange) -> Vec<News> {
    match change.new.as_ref().map(Node::parse) {
        Some(Ok(node)) => vec![News::Node(Arc::new(node))],
        Some(Err(error)) => {
            tracing::error!(node = change.object().meta.name, %error, "a node cannot be read");
            Vec::new()
        }
        None => vec![News::NodeGone(change.object().meta.name.clone())],
    }
}
