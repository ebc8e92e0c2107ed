//! Which pods are behind which Services: what the controllers of endpoints go by
//! (k8s.io/endpointslice `util/controller_utils.go`).

mod member;
mod service;
mod trigger_times;

pub(crate) use member::Member;
pub(crate) use service::{Family, HEADLESS_LABEL, Service, ServicePort, texts};
pub(crate) use trigger_times::{TriggerTimes, annotate};

use meta::Object;
use parking_lot::{Mutex, RwLock};
use reconcile::{Informer, ObjectChange, ObjectKey};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The labels that a Service asks of its pods.
type Selector = Vec<(String, String)>;

/// What each Service selects, and what is known of the pods that were selected.
#[derive(Default)]
pub(crate) struct Selection {
    /// By namespace and name.
    selectors: RwLock<HashMap<String, HashMap<String, Selector>>>,
    /// By uid, each with the revision that it was read at: a pod is read once, not once a pass of each Service.
    members: Mutex<HashMap<String, (u64, Arc<Member>)>>,
}

impl Selection {
    /// Learns of Services as they come and go.
    pub fn new(services: &Informer) -> Arc<Self> {
        let selection = Arc::new(Self::default());
        let learning = selection.clone();
        services.on_change(move |change| learning.learn(change));
        selection
    }

    fn learn(&self, change: &ObjectChange) {
        let (meta, selector) = (&change.object().meta, change.new.as_ref().and_then(|service| Service::of(service).selector));
        let mut selectors = self.selectors.write();
        let of_namespace = selectors.entry(meta.namespace.clone()).or_default();
        match selector {
            Some(selector) => drop(of_namespace.insert(meta.name.clone(), selector)),
            None => drop(of_namespace.remove(&meta.name)),
        }
        if of_namespace.is_empty() {
            selectors.remove(&meta.namespace);
        }
    }

    /// The Services whose endpoints a change of a pod may change.
    pub fn affected(&self, change: &ObjectChange) -> BTreeSet<ObjectKey> {
        let (old, new) = (self.selecting(change.old.as_deref()), self.selecting(change.new.as_deref()));
        let (Some(before), Some(after)) = (&change.old, &change.new) else {
            self.members.lock().remove(&change.object().meta.uid);
            return if change.new.is_none() { old } else { new };
        };
        match old == new && (old.is_empty() || Member::of(before) == Member::of(after)) {
            true => BTreeSet::new(),
            false if Member::of(before) == Member::of(after) => old.symmetric_difference(&new).cloned().collect(),
            false => old.union(&new).cloned().collect(),
        }
    }

    fn selecting(&self, pod: Option<&Object>) -> BTreeSet<ObjectKey> {
        let Some(meta) = pod.map(|pod| &pod.meta) else { return BTreeSet::new() };
        let selectors = self.selectors.read();
        let of_namespace = selectors.get(&meta.namespace).into_iter().flatten();
        let selecting = of_namespace.filter(|(_, selector)| selects(selector, pod));
        selecting.map(|(name, _)| ObjectKey::new(&*meta.namespace, &**name)).collect()
    }

    /// The pods that a Service selects.
    pub fn members(&self, service: &Service, pods: &Informer) -> Vec<Arc<Member>> {
        let Some(selector) = &service.selector else { return Vec::new() };
        let pods = pods.in_namespace(&service.namespace);
        pods.iter().filter(|pod| selects(selector, Some(pod))).map(|pod| self.member(pod)).collect()
    }

    fn member(&self, pod: &Object) -> Arc<Member> {
        let mut members = self.members.lock();
        match members.get(&pod.meta.uid) {
            Some((revision, member)) if *revision == pod.revision => member.clone(),
            _ => {
                let member = Arc::new(Member::of(pod));
                members.insert(pod.meta.uid.clone(), (pod.revision, member.clone()));
                member
            }
        }
    }
}

fn selects(selector: &Selector, pod: Option<&Object>) -> bool {
    pod.is_some_and(|pod| selector.iter().all(|(key, value)| pod.meta.labels.get(key) == Some(value.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::Doc;
    use serde_json::json;

    fn object(doc: Doc) -> Option<Arc<Object>> {
        (!doc.is_null()).then(|| Object::from_doc(&doc, 1).expect("a valid object").shared())
    }

    fn pod(app: &str, ready: &str) -> Doc {
        json!({"metadata": {"namespace": "a", "name": "pod", "uid": "u", "labels": {"app": app}},
            "status": {"conditions": [{"type": "Ready", "status": ready}], "podIPs": [{"ip": "10.0.0.1"}]}})
    }

    #[test]
    fn a_change_of_a_pod_concerns_the_services_it_was_and_is_behind() {
        let selection = Selection::default();
        for (namespace, name, app) in [("a", "one", "x"), ("a", "two", "y"), ("b", "three", "x")] {
            let doc = json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"selector": {"app": app}}});
            selection.learn(&ObjectChange { old: None, new: object(doc) });
        }
        let busy = {
            let mut doc = pod("x", "True");
            doc["status"]["startTime"] = "2026-11-20T10:00:00Z".into();
            doc
        };
        for (old, new, expected) in [
            (Doc::Null, pod("x", "True"), &["a/one"][..]),
            (pod("x", "True"), Doc::Null, &["a/one"]),
            (pod("x", "True"), busy, &[]),
            (pod("x", "True"), pod("x", "False"), &["a/one"]),
            (pod("x", "True"), pod("y", "True"), &["a/one", "a/two"]),
            (pod("z", "True"), pod("z", "False"), &[]),
        ] {
            let change = ObjectChange { old: object(old), new: object(new) };
            let affected: Vec<String> = selection.affected(&change).iter().map(ToString::to_string).collect();
            assert_eq!(affected, expected, "{change:?}");
        }
    }
}
