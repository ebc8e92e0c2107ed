//! Who owns whom: filled by the feed, in the order of commits, and asked by the passes. Pure.

use super::node::{Deletion, Node, Owner, Uid, Whereabouts, kind_of};
use crate::context::KindFacts;
use client::{EventKind, ObjectFeed};
use std::collections::{BTreeSet, HashMap};

/// The objects of a control plane as ownership sees them. Objects without owners, which is most, take 48 bytes.
#[derive(Default)]
pub struct Graph {
    /// Everything there is.
    present: HashMap<Uid, Whereabouts>,
    nodes: HashMap<Uid, Node>,
    dependents: HashMap<Uid, BTreeSet<Uid>>,
}

/// What a pass may know of an object's dependents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependents {
    pub all: Vec<Uid>,
    /// Those whose reference blocks the owner's deletion.
    pub blocking: Vec<Uid>,
    /// Those that wait for dependents of their own.
    pub foreground: Vec<Uid>,
}

impl Graph {
    /// Takes in a change and returns who is to be looked at because of it.
    pub fn apply(&mut self, kinds: &[KindFacts], change: &ObjectFeed) -> Vec<Uid> {
        let Some((kind, facts)) = kind_of(kinds, change) else { return Vec::new() };
        let meta = &change.event.object.meta;
        let uid = Uid::of(&meta.uid);
        if change.event.kind == EventKind::Deleted {
            return self.remove(uid);
        }
        self.present.insert(uid, Whereabouts::of(facts, meta));
        let node = Node::of(kind, facts, meta);
        if self.nodes.get(&uid) == node.as_ref() {
            return Vec::new();
        }
        let old = self.replace(uid, node);
        self.woken_by(uid, old.as_ref())
    }

    /// Who is to be looked at once everything there is has been taken in.
    pub fn all_unsettled(&self) -> Vec<Uid> {
        self.nodes.keys().copied().filter(|uid| self.is_unsettled(*uid)).collect()
    }

    pub fn node(&self, uid: Uid) -> Option<&Node> {
        self.nodes.get(&uid)
    }

    pub fn whereabouts(&self, uid: Uid) -> Option<&Whereabouts> {
        self.present.get(&uid)
    }

    pub fn dependents(&self, uid: Uid) -> Dependents {
        let mut found = Dependents::default();
        for dependent in self.dependents.get(&uid).into_iter().flatten() {
            let Some(node) = self.nodes.get(dependent) else { continue };
            found.all.push(*dependent);
            if node.is_blocked_on(uid) {
                found.blocking.push(*dependent);
            }
            if node.deletion == Deletion::Foreground {
                found.foreground.push(*dependent);
            }
        }
        found
    }

    /// How many objects are known, and how many of them by more than their whereabouts.
    pub fn size(&self) -> (usize, usize) {
        (self.present.len(), self.nodes.len())
    }

    fn replace(&mut self, uid: Uid, node: Option<Node>) -> Option<Node> {
        let old = match node {
            Some(node) => {
                for owner in &node.owners {
                    self.dependents.entry(owner.uid).or_default().insert(uid);
                }
                self.nodes.insert(uid, node)
            }
            None => self.nodes.remove(&uid),
        };
        for owner in old.iter().flat_map(|node| &node.owners) {
            let still = self.nodes.get(&uid).is_some_and(|node| node.owners.iter().any(|o| o.uid == owner.uid));
            if !still && let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                dependents.remove(&uid);
                if dependents.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
        }
        old
    }

    /// The dependents of what is gone, and the owners that may have waited for it.
    fn remove(&mut self, uid: Uid) -> Vec<Uid> {
        self.present.remove(&uid);
        let old = self.replace(uid, None);
        let mut woken = self.dependents(uid).all;
        woken.extend(self.waiting_owners(old.as_ref()));
        woken
    }

    fn woken_by(&self, uid: Uid, old: Option<&Node>) -> Vec<Uid> {
        let mut woken = self.waiting_owners(old);
        if self.is_unsettled(uid) {
            woken.push(uid);
        }
        let began = |node: &Node| node.deletion == Deletion::Foreground && old.map(|o| o.deletion) != Some(node.deletion);
        if self.nodes.get(&uid).is_some_and(began) {
            woken.extend(self.dependents(uid).all);
        }
        woken
    }

    fn waiting_owners(&self, old: Option<&Node>) -> Vec<Uid> {
        let owners = old.into_iter().flat_map(|node| &node.owners).map(|owner| owner.uid);
        owners.filter(|owner| self.waits(*owner)).collect()
    }

    fn waits(&self, uid: Uid) -> bool {
        self.nodes.get(&uid).is_some_and(|node| node.deletion == Deletion::Foreground)
    }

    /// Whether an object waits for dependents itself, or has an owner that is unknown, elsewhere, or waits for it.
    fn is_unsettled(&self, uid: Uid) -> bool {
        let Some(node) = self.nodes.get(&uid) else { return false };
        let doubtful = |owner: &Owner| match self.present.get(&owner.uid) {
            None => true,
            Some(known) => !known.is_reachable_from(&node.place.namespace) || !known.matches(owner) || self.waits(owner.uid),
        };
        node.deletion != Deletion::Ordinary || node.owners.iter().any(doubtful)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::tests::facts;
    use client::Event;
    use meta::{Doc, Gvr, Object};
    use serde_json::json;
    use std::sync::Arc;

    fn kinds() -> Vec<KindFacts> {
        ["/v1/configmaps ConfigMap", "!/v1/nodes Node", "/v1/events Event"].map(facts).to_vec()
    }

    /// `+a`, `~a` and `-a` add, change and delete ConfigMap `a` in namespace `n`; `<b` refers to `b`, `<!b` so as to block
    /// it; `m/a` is in namespace `m`; `fg` and `or` are deletions that wait.
    fn change(text: &str) -> ObjectFeed {
        let mut words = text.split(' ');
        let (sign, place) = words.next().and_then(|w| w.split_at_checked(1)).expect("a change");
        let (namespace, name) = place.split_once('/').unwrap_or(("n", place));
        let mut metadata = json!({"namespace": namespace, "name": name, "uid": format!("uid-{name}"), "ownerReferences": []});
        for word in words {
            let finalizer = match word {
                "fg" => super::super::node::FOREGROUND,
                "or" => super::super::node::ORPHAN,
                _ => {
                    let owner = word.trim_start_matches(['<', '!']);
                    let reference = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": format!("uid-{owner}"),
                        "blockOwnerDeletion": word.contains('!')});
                    metadata["ownerReferences"].as_array_mut().expect("a list").push(reference);
                    continue;
                }
            };
            metadata["finalizers"] = json!([finalizer]);
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        let kind = match sign {
            "+" => EventKind::Added,
            "~" => EventKind::Modified,
            _ => EventKind::Deleted,
        };
        let object = Object::from_doc(&json!({ "metadata": metadata }), 1).expect("an object").shared();
        ObjectFeed { resource: Gvr::new("", "v1", "configmaps"), event: Arc::new(Event::new(kind, object)) }
    }

    fn names(woken: &[Uid]) -> String {
        let known = ["a", "b", "c", "d"].map(|name| (Uid::of(&format!("uid-{name}")), name));
        let mut names: Vec<&str> = woken.iter().filter_map(|u| known.iter().find(|(k, _)| k == u).map(|(_, n)| *n)).collect();
        names.sort_unstable();
        names.dedup();
        names.join(" ")
    }

    /// Applies what there is, then the last change, and says who is woken by it.
    fn check(history: &[&str], woken: &str) {
        let (kinds, mut graph) = (kinds(), Graph::default());
        let mut last = Vec::new();
        for text in history {
            last = graph.apply(&kinds, &change(text));
        }
        assert_eq!(names(&last), woken, "{history:?}");
    }

    #[test]
    fn changes_wake_whom_they_concern() {
        for (history, woken) in [
            // Nothing to do.
            (&["+a"][..], ""),
            (&["+a", "+b <a"], ""),
            (&["+a", "+b <a", "~b <a"], ""),
            (&["+a", "+b <a", "~b"], ""),
            (&["+a", "-a"], ""),
            // An owner that nobody knows, or somewhere else.
            (&["+b <a"], "b"),
            (&["+m/a", "+b <a"], "b"),
            (&["+a", "+b <a", "~b <a <c"], "b"),
            // An owner goes.
            (&["+a", "+b <a", "+c <a", "-a"], "b c"),
            (&["+a", "+b <a", "~b", "-a"], ""),
            // Foreground deletion.
            (&["+a", "+b <!a", "+c <a", "~a fg"], "a b c"),
            (&["+a", "+b <!a", "~a fg", "-b"], "a"),
            (&["+a", "+b <!a", "~a fg", "~b"], "a"),
            (&["+a", "+b <!a", "~a fg", "~b <a"], "a b"),
            (&["~a fg", "+b <!a"], "b"),
            (&["+a", "+b <!a", "-b"], ""),
            // Orphaning.
            (&["+a", "+b <a", "~a or"], "a"),
            (&["~a or", "~a or"], ""),
        ] {
            check(history, woken);
        }
    }

    #[test]
    fn after_the_first_look_only_doubtful_objects_are_looked_at() {
        let (kinds, mut graph) = (kinds(), Graph::default());
        for text in ["+b <a", "+a", "+c <gone", "+d or"] {
            graph.apply(&kinds, &change(text));
        }
        assert_eq!(names(&graph.all_unsettled()), "c d", "the order of the first look does not matter");
        assert_eq!(graph.size(), (4, 3));
        let dependents = graph.dependents(Uid::of("uid-a"));
        assert_eq!((names(&dependents.all).as_str(), dependents.blocking.len()), ("b", 0));
    }

    #[test]
    fn what_is_gone_leaves_nothing_behind() {
        let (kinds, mut graph) = (kinds(), Graph::default());
        for text in ["+a", "+b <a <c", "~b <!a", "-b", "-a"] {
            graph.apply(&kinds, &change(text));
        }
        assert_eq!((graph.size(), graph.dependents.len()), ((0, 0), 0));
    }

    #[test]
    fn events_are_left_out() {
        let mut event = change("+b <a");
        event.resource = Gvr::new("", "v1", "events");
        let mut graph = Graph::default();
        assert_eq!(graph.apply(&kinds(), &event), []);
        assert_eq!(graph.size(), (0, 0));
    }

    #[test]
    fn cluster_scoped_owners_are_reachable_from_everywhere() {
        let (kinds, mut graph) = (kinds(), Graph::default());
        let node: Doc = json!({"metadata": {"name": "a", "uid": "uid-a"}});
        let object = Object::from_doc(&node, 1).expect("an object").shared();
        let added = ObjectFeed { resource: Gvr::new("", "v1", "nodes"), event: Arc::new(Event::new(EventKind::Added, object)) };
        graph.apply(&kinds, &added);
        assert!(graph.whereabouts(Uid::of("uid-a")).is_some_and(|w| w.is_reachable_from("n")));
    }
}
