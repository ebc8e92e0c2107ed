//! Which owners of one kind a change of a pod concerns: the one it names, or for an orphan those whose selectors match.

use meta::{LabelSelector, Labels, Object};
use parking_lot::RwLock;
use reconcile::{Informer, ObjectChange, ObjectKey};
use std::collections::HashMap;
use std::sync::Arc;

/// Of an owner. Validation has refused what does not parse; whoever selects nothing owns nothing.
pub(crate) fn selector_of(owner: &Object) -> Option<LabelSelector> {
    LabelSelector::from_doc(&owner.get("/spec/selector")).ok().flatten()
}

/// Names and selectors, by namespace.
type Selectors = HashMap<String, HashMap<String, LabelSelector>>;

pub(crate) struct Owners {
    kind: &'static str,
    selectors: Arc<RwLock<Selectors>>,
}

impl Owners {
    /// Follows the owners' `spec.selector`, which `selector_of` reads.
    pub fn follow(kind: &'static str, owners: &Informer, selector_of: fn(&Object) -> Option<LabelSelector>) -> Self {
        let selectors: Arc<RwLock<Selectors>> = Arc::default();
        let kept = selectors.clone();
        owners.on_change(move |change| take_in(&mut kept.write(), change, selector_of));
        Self { kind, selectors }
    }

    /// The owners to look at after this change.
    pub fn keys(&self, change: &ObjectChange) -> Vec<ObjectKey> {
        let (old, new) = (change.old.as_deref(), change.new.as_deref());
        let (was, is) = (old.and_then(|object| self.owner(object)), new.and_then(|object| self.owner(object)));
        let mut keys: Vec<ObjectKey> = was.into_iter().chain(is).collect();
        keys.dedup();
        match new {
            Some(orphan) if is_news_of_orphan(old, orphan) => keys.extend(self.matching(orphan)),
            _ => {}
        }
        keys
    }

    fn owner(&self, object: &Object) -> Option<ObjectKey> {
        let reference = object.meta.controller().filter(|reference| reference.kind == self.kind)?;
        Some(ObjectKey::new(&*object.meta.namespace, &*reference.name))
    }

    fn matching(&self, orphan: &Object) -> Vec<ObjectKey> {
        let (namespace, labels): (&str, &Labels) = (&orphan.meta.namespace, &orphan.meta.labels);
        let selectors = self.selectors.read();
        let matching = selectors.get(namespace).into_iter().flatten().filter(|(_, selector)| selector.matches(labels));
        matching.map(|(name, _)| ObjectKey::new(namespace, &**name)).collect()
    }
}

/// Whether an object that nobody controls could be adopted now and could not before.
fn is_news_of_orphan(old: Option<&Object>, new: &Object) -> bool {
    let same = |old: &Object| old.meta.labels == new.meta.labels && old.meta.controller().is_none();
    new.meta.controller().is_none() && !new.meta.is_deleting() && !old.is_some_and(same)
}

fn take_in(selectors: &mut Selectors, change: &ObjectChange, selector_of: fn(&Object) -> Option<LabelSelector>) {
    let meta = &change.object().meta;
    match change.new.as_deref().and_then(selector_of) {
        Some(selector) => drop(selectors.entry(meta.namespace.clone()).or_default().insert(meta.name.clone(), selector)),
        None => {
            let Some(within) = selectors.get_mut(&meta.namespace) else { return };
            within.remove(&meta.name);
            if within.is_empty() {
                selectors.remove(&meta.namespace);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(app: &str, owner: Value, deleting: bool) -> Option<Arc<Object>> {
        let owners = match owner {
            Value::String(name) => json!([{"kind": "ReplicaSet", "name": name, "uid": name, "controller": true}]),
            _ => json!([]),
        };
        let stamp = if deleting { json!("2026-01-01T00:00:00Z") } else { Value::Null };
        let metadata =
            json!({"namespace": "n", "name": "p", "labels": {"app": app}, "ownerReferences": owners, "deletionTimestamp": stamp});
        Some(Object::from_doc(&json!({ "metadata": metadata }), 1).expect("an object").shared())
    }

    #[test]
    fn changes_wake_those_they_concern() {
        let mut selectors = Selectors::new();
        for (name, app) in [("web", "web"), ("web2", "web"), ("db", "db")] {
            let doc = json!({"metadata": {"namespace": "n", "name": name}, "spec": {"selector": {"matchLabels": {"app": app}}}});
            let owner = Object::from_doc(&doc, 1).expect("an object").shared();
            take_in(&mut selectors, &ObjectChange { old: None, new: Some(owner) }, selector_of);
        }
        let owners = Owners { kind: "ReplicaSet", selectors: Arc::new(RwLock::new(selectors)) };
        for (old, new, woken) in [
            (None, pod("web", json!("web"), false), "web"),
            (pod("web", json!("web"), false), pod("web", json!("web"), true), "web"),
            (pod("web", json!("web"), true), None, "web"),
            (None, pod("web", Value::Null, false), "web web2"),
            (None, pod("web", Value::Null, true), ""),
            (pod("web", Value::Null, false), pod("web", Value::Null, false), ""),
            (pod("web", Value::Null, false), pod("db", Value::Null, false), "db"),
            (pod("web", json!("web"), false), pod("web", Value::Null, false), "web web web2"),
            (pod("web", json!("web"), false), pod("web", json!("web2"), false), "web web2"),
            (pod("web", Value::Null, false), None, ""),
        ] {
            let mut keys: Vec<String> = owners.keys(&ObjectChange { old, new }).into_iter().map(|key| key.name).collect();
            keys.sort();
            assert_eq!(keys.join(" "), woken);
        }
    }
}
