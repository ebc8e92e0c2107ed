//! What pods belong to: Services and the controllers that own them. Pods that say nothing about spreading are spread
//! within these (kubernetes pkg/scheduler/framework/plugins/helper/spread.go DefaultSelector).

use crate::model::Pod;
use meta::labels::Requirement;
use meta::{Doc, LabelSelector, Object};
use std::collections::{BTreeMap, HashMap};

/// Kinds whose selector says which pods are each other's replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupKind {
    Service,
    ReplicationController,
    ReplicaSet,
    StatefulSet,
}

impl GroupKind {
    /// The kind that an owner reference names.
    fn owner(api_version: &str, kind: &str) -> Option<Self> {
        match (api_version, kind) {
            ("v1", "ReplicationController") => Some(Self::ReplicationController),
            ("apps/v1", "ReplicaSet") => Some(Self::ReplicaSet),
            ("apps/v1", "StatefulSet") => Some(Self::StatefulSet),
            _ => None,
        }
    }

    /// Services and ReplicationControllers select by a plain map.
    fn selector(self, doc: &Doc) -> Option<LabelSelector> {
        let selector = &doc["spec"]["selector"];
        match self {
            Self::ReplicaSet | Self::StatefulSet => LabelSelector::from_doc(selector).ok().flatten(), // refused by the API server
            Self::Service | Self::ReplicationController => {
                let labels = selector.as_object().filter(|labels| !labels.is_empty())?;
                let equal = |(key, value): (&String, &Doc)| Some(Requirement::In(key.clone(), vec![value.as_str()?.to_owned()]));
                Some(LabelSelector(labels.iter().filter_map(equal).collect()))
            }
        }
    }
}

type Key = (String, String);

#[derive(Debug, Default)]
pub struct Groups {
    services: HashMap<String, BTreeMap<String, LabelSelector>>,
    owners: HashMap<GroupKind, HashMap<Key, LabelSelector>>,
}

impl Groups {
    pub fn set(&mut self, kind: GroupKind, object: &Object, is_there: bool) {
        let (namespace, name) = (object.meta.namespace.clone(), object.meta.name.clone());
        let selector = is_there.then(|| kind.selector(&object.to_doc())).flatten();
        if kind == GroupKind::Service {
            let services = self.services.entry(namespace.clone()).or_default();
            match selector {
                Some(selector) => drop(services.insert(name, selector)),
                None => drop(services.remove(&name)),
            }
            if services.is_empty() {
                self.services.remove(&namespace);
            }
            return;
        }
        let owners = self.owners.entry(kind).or_default();
        match selector {
            Some(selector) => drop(owners.insert((namespace, name), selector)),
            None => drop(owners.remove(&(namespace, name))),
        }
    }

    /// The pod's replicas: what selects it as a member of everything it belongs to. None: it is on its own.
    pub fn selector_of(&self, pod: &Pod) -> Option<LabelSelector> {
        let services = self.services.get(pod.namespace()).into_iter().flatten();
        let mut all: Vec<Requirement> = Vec::new();
        for (_, selector) in services.filter(|(_, selector)| selector.matches(pod.labels())) {
            all.extend(selector.0.iter().cloned());
        }
        let owner = pod.object().meta.controller();
        let kind = owner.and_then(|owner| GroupKind::owner(&owner.api_version, &owner.kind));
        if let (Some(owner), Some(kind)) = (owner, kind) {
            let key = (pod.namespace().to_owned(), owner.name.clone());
            if let Some(selector) = self.owners.get(&kind).and_then(|owners| owners.get(&key)) {
                all.extend(selector.0.iter().cloned());
            }
        }
        all.dedup();
        (!all.is_empty()).then_some(LabelSelector(all))
    }
}
