//! What to do about an object. Pure.

use super::node::{Deletion, FOREGROUND, ORPHAN, Uid};
use super::observe::{OwnerState, Seen};
use client::Propagation;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Say that an owner is in another namespace: the reference at this index.
    ReportMisplaced(usize),
    /// Take the references at these indexes off.
    DropOwners(Vec<usize>),
    /// Let no owner wait for it any more, to break a circle of waiting.
    Unblock,
    Delete(Propagation),
    /// Take the references to this object off these.
    Orphan(Vec<Uid>),
    /// Look at these, which it waits for.
    Wake(Vec<Uid>),
    /// Take the finalizer off.
    Release(&'static str),
}

pub fn plan(seen: &Seen) -> Vec<Step> {
    match seen.deletion {
        Deletion::Orphaning => vec![Step::Orphan(seen.dependents.all.clone()), Step::Release(ORPHAN)],
        Deletion::Foreground if seen.dependents.blocking.is_empty() => vec![Step::Release(FOREGROUND)],
        Deletion::Foreground => {
            let waits_itself = |uid: &Uid| seen.dependents.foreground.contains(uid);
            vec![Step::Wake(seen.dependents.blocking.iter().copied().filter(|uid| !waits_itself(uid)).collect())]
        }
        // A one-way trip: the rest follows from its end.
        Deletion::Ordinary if seen.object.meta.is_deleting() => Vec::new(),
        Deletion::Ordinary => plan_owned(seen),
    }
}

fn plan_owned(seen: &Seen) -> Vec<Step> {
    let has = |state: OwnerState| seen.owners.contains(&state);
    if seen.owners.is_empty() || has(OwnerState::Unknown) {
        return Vec::new();
    }
    let indexes = |wanted: fn(&OwnerState) -> bool| -> Vec<usize> {
        seen.owners.iter().enumerate().filter(|(_, state)| wanted(state)).map(|(index, _)| index).collect()
    };
    let misplaced = indexes(|state| *state == OwnerState::Misplaced);
    let mut steps: Vec<Step> = misplaced.into_iter().map(Step::ReportMisplaced).collect();
    if has(OwnerState::Solid) {
        // References to waiting owners go too, or those would wait for an object that stays.
        match indexes(|state| *state != OwnerState::Solid) {
            gone if gone.is_empty() => {}
            gone => steps.push(Step::DropOwners(gone)),
        }
    } else if has(OwnerState::Waiting) && !seen.dependents.all.is_empty() {
        if !seen.dependents.foreground.is_empty() {
            steps.push(Step::Unblock);
        }
        steps.push(Step::Delete(Propagation::Foreground));
    } else {
        steps.push(Step::Delete(own_policy(seen)));
    }
    steps
}

/// A finalizer that already says how the object wants to be deleted is honoured.
fn own_policy(seen: &Seen) -> Propagation {
    let holds = |finalizer: &str| seen.object.meta.finalizers.iter().any(|f| f == finalizer);
    match (holds(ORPHAN), holds(FOREGROUND)) {
        (true, _) => Propagation::Orphan,
        (_, true) => Propagation::Foreground,
        _ => Propagation::Background,
    }
}

#[cfg(test)]
mod tests {
    use super::super::graph::Dependents;
    use super::super::node::Place;
    use super::*;
    use OwnerState::{Absent, Misplaced, Solid, Unknown, Waiting};
    use meta::{Doc, Object};
    use serde_json::json;

    fn seen(metadata: Doc, deletion: Deletion, owners: &[OwnerState], dependents: Dependents) -> Seen {
        let object = Object::from_doc(&json!({ "metadata": metadata }), 1).expect("an object").shared();
        let place = Place { kind: 0, namespace: "n".into(), name: "a".into() };
        Seen { place, object, deletion, owners: owners.to_vec(), dependents }
    }

    fn dependents(all: &[Uid], blocking: &[Uid], foreground: &[Uid]) -> Dependents {
        Dependents { all: all.to_vec(), blocking: blocking.to_vec(), foreground: foreground.to_vec() }
    }

    #[test]
    fn owners_decide_about_an_object() {
        let b = Uid::of("b");
        let (none, some, waiting) = (dependents(&[], &[], &[]), dependents(&[b], &[], &[]), dependents(&[b], &[], &[b]));
        let (background, foreground) = (Step::Delete(Propagation::Background), Step::Delete(Propagation::Foreground));
        for (owners, dependents, steps) in [
            (&[][..], &none, vec![]),
            (&[Solid], &none, vec![]),
            (&[Solid, Solid], &some, vec![]),
            (&[Absent], &none, vec![background.clone()]),
            (&[Absent, Absent], &some, vec![background.clone()]),
            (&[Absent, Unknown], &none, vec![]),
            (&[Absent, Solid, Waiting], &none, vec![Step::DropOwners(vec![0, 2])]),
            (&[Misplaced], &none, vec![Step::ReportMisplaced(0), background.clone()]),
            (&[Solid, Misplaced], &none, vec![Step::ReportMisplaced(1), Step::DropOwners(vec![1])]),
            (&[Waiting], &none, vec![background]),
            (&[Waiting, Absent], &some, vec![foreground.clone()]),
            (&[Waiting], &waiting, vec![Step::Unblock, foreground]),
        ] {
            let seen = seen(json!({"name": "a"}), Deletion::Ordinary, owners, dependents.clone());
            assert_eq!(plan(&seen), steps, "{owners:?}");
        }
    }

    #[test]
    fn deletions_that_wait_for_dependents() {
        let (b, c) = (Uid::of("b"), Uid::of("c"));
        for (deletion, dependents, steps) in [
            (Deletion::Foreground, dependents(&[], &[], &[]), vec![Step::Release(FOREGROUND)]),
            (Deletion::Foreground, dependents(&[b], &[], &[]), vec![Step::Release(FOREGROUND)]),
            (Deletion::Foreground, dependents(&[b, c], &[b, c], &[c]), vec![Step::Wake(vec![b])]),
            (Deletion::Orphaning, dependents(&[b], &[b], &[]), vec![Step::Orphan(vec![b]), Step::Release(ORPHAN)]),
            (Deletion::Ordinary, dependents(&[b], &[b], &[]), vec![]),
        ] {
            let metadata = json!({"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"});
            assert_eq!(plan(&seen(metadata, deletion, &[], dependents)), steps, "{deletion:?}");
        }
    }

    #[test]
    fn an_object_is_deleted_the_way_its_finalizers_say() {
        for (finalizers, policy) in [
            (json!([]), Propagation::Background),
            (json!([ORPHAN]), Propagation::Orphan),
            (json!(["x.example/y", FOREGROUND]), Propagation::Foreground),
        ] {
            let seen = seen(json!({"finalizers": finalizers}), Deletion::Ordinary, &[Absent], dependents(&[], &[], &[]));
            assert_eq!(plan(&seen), [Step::Delete(policy)]);
        }
    }
}
