//! All pods of a control plane as [`Pod`]s, by the UID of the controller that owns them; orphans by namespace.

use super::pod::Pod;
use client::Resource;
use meta::Object;
use parking_lot::RwLock;
use reconcile::{Informer, Informers, ObjectChange};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub(crate) const PODS: Resource = Resource::new("", "v1", "pods");

/// Pods by name, within their owner's UID or within their namespace.
type Shelf = HashMap<String, BTreeMap<String, Arc<Pod>>>;

#[derive(Default)]
struct Tables {
    owned: Shelf,
    orphans: Shelf,
}

impl Tables {
    fn shelf(&mut self, object: &Object) -> (&mut Shelf, String) {
        match object.meta.controller() {
            Some(owner) => (&mut self.owned, owner.uid.clone()),
            None => (&mut self.orphans, object.meta.namespace.clone()),
        }
    }

    fn remove(&mut self, object: &Object) {
        let (shelf, key) = self.shelf(object);
        if let Some(pods) = shelf.get_mut(&key) {
            // A name is unique in a namespace, and an owner's pods are all in its own.
            pods.remove(&object.meta.name);
            if pods.is_empty() {
                shelf.remove(&key);
            }
        }
    }

    fn insert(&mut self, object: &Arc<Object>) {
        let pod = Arc::new(Pod::of(object));
        let (shelf, key) = self.shelf(object);
        shelf.entry(key).or_default().insert(object.meta.name.clone(), pod);
    }
}

/// Shared by the controllers. A controller that watches the informer and then asks here sees at least what woke it.
pub(crate) struct Pods {
    pub informer: Arc<Informer>,
    tables: Arc<RwLock<Tables>>,
}

impl Pods {
    /// To be called before any controller watches pods: handlers run in the order of their registration.
    pub fn follow(informers: &Informers) -> Arc<Self> {
        let informer = informers.get(PODS);
        let tables: Arc<RwLock<Tables>> = Arc::default();
        let kept = tables.clone();
        informer.on_change(move |change: &ObjectChange| {
            let mut tables = kept.write();
            change.old.iter().for_each(|old| tables.remove(old));
            change.new.iter().for_each(|new| tables.insert(new));
        });
        Arc::new(Self { informer, tables })
    }

    /// Whom the UID controls, in the order of their names.
    pub fn owned_by(&self, uid: &str) -> Vec<Arc<Pod>> {
        self.tables.read().owned.get(uid).into_iter().flat_map(|pods| pods.values().cloned()).collect()
    }

    /// Whether a pod of the owner has not ended, be it on its way out.
    pub fn any_unfinished(&self, uid: &str) -> bool {
        self.tables.read().owned.get(uid).is_some_and(|pods| pods.values().any(|pod| !pod.is_finished()))
    }

    /// Pods that nobody controls.
    pub fn orphans(&self, namespace: &str) -> Vec<Arc<Pod>> {
        self.tables.read().orphans.get(namespace).into_iter().flat_map(|pods| pods.values().cloned()).collect()
    }

    /// What an owner may claim: its own pods and the orphans of its namespace.
    pub fn claimable(&self, owner: &Object) -> Vec<Arc<Pod>> {
        let mut pods = self.owned_by(&owner.meta.uid);
        pods.extend(self.orphans(&owner.meta.namespace));
        pods
    }
}
