//! What a revision holds, and which one a template is.

use crate::workloads::{Kind, controller_reference, fnv32a, safe_encode};
use meta::{Doc, Object};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;

/// On pods: the revision they were made from.
pub(crate) const HASH_LABEL: &str = "controller-revision-hash";
/// What a name leaves for a dash and the hash.
const LONGEST_PREFIX: usize = 223;

#[derive(Clone, Debug)]
pub(crate) struct Revision {
    pub object: Arc<Object>,
    pub number: i64,
    /// A strategic merge patch that gives a set this revision's template.
    pub data: Doc,
    created: String,
}

impl Revision {
    pub fn of(object: Arc<Object>) -> Self {
        let mut doc = object.to_doc();
        let created = doc["metadata"]["creationTimestamp"].as_str().unwrap_or("").to_owned();
        Self { object, number: doc["revision"].as_i64().unwrap_or(0), data: doc["data"].take(), created }
    }

    pub fn name(&self) -> &str {
        &self.object.meta.name
    }

    /// The pod template, as it was.
    pub fn template(&self) -> Doc {
        let mut template = self.data["spec"]["template"].clone();
        if let Some(fields) = template.as_object_mut() {
            fields.remove("$patch");
        }
        template
    }

    fn order(&self) -> (i64, &str, &str) {
        (self.number, &self.created, self.name())
    }
}

pub(super) fn sort(revisions: &mut [Revision]) {
    revisions.sort_by(|a, b| a.order().cmp(&b.order()));
}

/// A set's template as a revision keeps it.
pub(super) fn data_of(set: &Doc) -> Doc {
    let mut template = set["spec"]["template"].clone();
    template["$patch"] = "replace".into();
    json!({ "spec": { "template": template } })
}

/// What makes a template the latest revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Update {
    /// It is.
    None,
    /// An earlier one comes back: it gets this number.
    Renumber(usize, i64),
    Create(i64),
}

/// `revisions` in order.
pub(super) fn update(revisions: &[Revision], data: &Doc) -> Update {
    let next = revisions.last().map_or(1, |latest| latest.number + 1);
    match revisions.iter().rposition(|revision| revision.data == *data) {
        Some(at) if at + 1 == revisions.len() => Update::None,
        Some(at) => Update::Renumber(at, next),
        None => Update::Create(next),
    }
}

/// The revision to create. `collisions` makes another name where the hash of another template is the same.
pub(super) fn document(set: &Object, kind: Kind, label: &str, data: Doc, number: i64, collisions: i64) -> Doc {
    let doc = set.to_doc();
    let hash = safe_encode(fnv32a(format!("{data}{collisions}").into_bytes()));
    let prefix = &set.meta.name[..set.meta.name.len().min(LONGEST_PREFIX)];
    let mut labels = doc["spec"]["template"]["metadata"]["labels"].clone();
    labels[label] = hash.as_str().into();
    let metadata = json!({
        "name": format!("{prefix}-{hash}"), "namespace": set.meta.namespace, "labels": labels,
        "annotations": doc["metadata"]["annotations"], "ownerReferences": [controller_reference(set, kind)],
    });
    json!({ "metadata": metadata, "data": data, "revision": number })
}

/// The oldest revisions that are neither live nor within the limit.
pub(crate) fn surplus(revisions: &[Revision], live: &HashSet<&str>, limit: usize) -> Vec<Arc<Object>> {
    let dead: Vec<&Revision> = revisions.iter().filter(|revision| !live.contains(revision.name())).collect();
    let count = dead.len().saturating_sub(limit);
    dead.into_iter().take(count).map(|revision| revision.object.clone()).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A revision with a template that is just a label.
    pub(crate) fn revision(name: &str, number: i64, template: &str) -> Revision {
        let data = data_of(&json!({"spec": {"template": {"metadata": {"labels": {"v": template}}}}}));
        let doc = json!({"metadata": {"name": name, "namespace": "ns", "uid": name}, "revision": number, "data": data});
        Revision::of(Object::from_doc(&doc, 1).expect("a valid revision").shared())
    }

    #[test]
    fn templates_come_and_come_back() {
        let history = |texts: &[&str]| {
            let numbered = texts.iter().enumerate().map(|(at, text)| revision(&format!("r{at}"), at as i64 + 1, text));
            numbered.collect::<Vec<Revision>>()
        };
        for (texts, template, expected) in [
            (&[][..], "a", Update::Create(1)),
            (&["a"], "a", Update::None),
            (&["a"], "b", Update::Create(2)),
            (&["a", "b"], "b", Update::None),
            (&["a", "b"], "a", Update::Renumber(0, 3)),
        ] {
            assert_eq!(update(&history(texts), &revision("new", 0, template).data), expected, "{texts:?} {template}");
        }
        let template = revision("r", 1, "a").template();
        assert_eq!(template, json!({"metadata": {"labels": {"v": "a"}}}));
    }

    #[test]
    fn names_tell_templates_apart() {
        let set = json!({"metadata": {"name": "set", "namespace": "ns", "uid": "u", "annotations": {"kubernetes.io/change-cause": "x"}},
            "spec": {"template": {"metadata": {"labels": {"app": "a"}}}}});
        let object = Object::from_doc(&set, 1).expect("a valid set");
        let kind =
            Kind { resource: client::Resource::new("apps", "v1", "daemonsets"), api_version: "apps/v1", kind: "DaemonSet" };
        let first = document(&object, kind, HASH_LABEL, data_of(&set), 1, 0);
        let again = document(&object, kind, HASH_LABEL, data_of(&set), 5, 0);
        let collided = document(&object, kind, HASH_LABEL, data_of(&set), 1, 1);
        assert_eq!(first["metadata"]["name"], again["metadata"]["name"]);
        assert_ne!(first["metadata"]["name"], collided["metadata"]["name"]);
        let hash = first["metadata"]["labels"][HASH_LABEL].as_str().expect("a hash");
        assert_eq!(first["metadata"]["name"], format!("set-{hash}"));
        assert_eq!(
            (&first["metadata"]["labels"]["app"], &first["metadata"]["annotations"]["kubernetes.io/change-cause"]),
            (&json!("a"), &json!("x"))
        );
        assert_eq!(first["metadata"]["ownerReferences"][0]["uid"], "u");
    }

    #[test]
    fn the_oldest_dead_revisions_go() {
        let revisions: Vec<Revision> = (1..=5).map(|n| revision(&format!("r{n}"), n, "x")).collect();
        for (live, limit, gone) in [
            (&[][..], 10, vec![]),
            (&[], 2, vec!["r1", "r2", "r3"]),
            (&["r1", "r5"], 1, vec!["r2", "r3"]),
            (&["r5"], 0, vec!["r1", "r2", "r3", "r4"]),
        ] {
            let live: HashSet<&str> = live.iter().copied().collect();
            let found = surplus(&revisions, &live, limit);
            assert_eq!(found.iter().map(|o| o.meta.name.as_str()).collect::<Vec<_>>(), gone, "{live:?} {limit}");
        }
    }
}
