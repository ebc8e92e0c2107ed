//! Which budgets select a pod, and which pods a budget selects.

use crate::workloads::selector_of;
use meta::{LabelSelector, Object};
use parking_lot::RwLock;
use reconcile::{Informer, ObjectChange, ObjectKey};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Budgets {
    /// By namespace and name.
    selectors: Arc<RwLock<HashMap<String, HashMap<String, LabelSelector>>>>,
}

impl Budgets {
    pub fn follow(budgets: &Informer) -> Self {
        let followed = Self::default();
        let kept = Self { selectors: followed.selectors.clone() };
        budgets.on_change(move |change| kept.learn(change));
        followed
    }

    fn learn(&self, change: &ObjectChange) {
        let meta = &change.object().meta;
        let mut selectors = self.selectors.write();
        let of_namespace = selectors.entry(meta.namespace.clone()).or_default();
        match change.new.as_deref().and_then(selector_of) {
            Some(selector) => drop(of_namespace.insert(meta.name.clone(), selector)),
            None => drop(of_namespace.remove(&meta.name)),
        }
        if of_namespace.is_empty() {
            selectors.remove(&meta.namespace);
        }
    }

    /// The budgets that select a pod, or did.
    pub fn concerned(&self, change: &ObjectChange) -> BTreeSet<ObjectKey> {
        let selectors = self.selectors.read();
        let Some(of_namespace) = selectors.get(&change.object().meta.namespace) else { return BTreeSet::new() };
        let sides = [&change.old, &change.new].into_iter().flatten();
        let selecting = sides.flat_map(|pod| of_namespace.iter().filter(|(_, selector)| selector.matches(&pod.meta.labels)));
        selecting.map(|(name, _)| ObjectKey::new(&*change.object().meta.namespace, &**name)).collect()
    }

    pub fn selected(&self, budget: &ObjectKey, pods: &Informer) -> Vec<Arc<Object>> {
        let selectors = self.selectors.read();
        let Some(selector) = selectors.get(&budget.namespace).and_then(|names| names.get(&budget.name)) else {
            return Vec::new();
        };
        pods.in_namespace(&budget.namespace).into_iter().filter(|pod| selector.matches(&pod.meta.labels)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::Doc;
    use serde_json::json;

    #[test]
    fn selectors_of_budgets() {
        let budgets = Budgets::default();
        for (name, selector) in [("all", json!({})), ("none", Doc::Null), ("web", json!({"matchLabels": {"app": "web"}}))] {
            let doc = json!({"metadata": {"namespace": "a", "name": name}, "spec": {"selector": selector}});
            let budget = Object::from_doc(&doc, 1).expect("a valid object").shared();
            budgets.learn(&ObjectChange { old: None, new: Some(budget) });
        }
        for (namespace, app, expected) in [("a", "web", "a/all a/web"), ("a", "db", "a/all"), ("b", "web", "")] {
            let doc = json!({"metadata": {"namespace": namespace, "name": "pod", "labels": {"app": app}}});
            let pod = Object::from_doc(&doc, 1).expect("a valid object").shared();
            let concerned = budgets.concerned(&ObjectChange { old: None, new: Some(pod) });
            assert_eq!(concerned.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), expected);
        }
    }
}
