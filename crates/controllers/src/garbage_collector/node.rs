//! What the graph keeps of an object: little, for there may be many.

use crate::context::KindFacts;
use crate::kinds;
use client::ObjectFeed;
use meta::{Meta, OwnerReference};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

pub const FOREGROUND: &str = "foregroundDeletion";
pub const ORPHAN: &str = "orphan";

/// A UID in 16 bytes. References may carry any text as UID; a text that is no UUID is hashed. That is enough for a graph
/// whose every decision is checked against the live object's own UID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(u128);

impl Uid {
    pub fn of(text: &str) -> Self {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        match u128::from_str_radix(&digits, 16) {
            Ok(number) if digits.len() == 32 => Self(number),
            _ => Self(u128::from(digest(&(text, 0))) << 64 | u128::from(digest(&(text, 1)))),
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

fn digest(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Where an object is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into the table of kinds.
    pub kind: u16,
    pub namespace: Box<str>,
    pub name: Box<str>,
}

/// Where an object is, digested: enough to tell whether a reference means the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// None for cluster scope.
    namespace: Option<u64>,
    /// Group, kind and name.
    identity: u64,
}

impl Whereabouts {
    pub fn of(facts: &KindFacts, meta: &Meta) -> Self {
        let namespace = facts.namespaced.then(|| digest(&*meta.namespace));
        Self { namespace, identity: digest(&(&*facts.gvr.group, &*facts.kind, &*meta.name)) }
    }

    /// Whether an object in `namespace` may mean this by a reference.
    pub fn is_reachable_from(&self, namespace: &str) -> bool {
        self.namespace.is_none_or(|own| own == digest(namespace))
    }

    pub fn matches(&self, owner: &Owner) -> bool {
        self.identity == owner.identity
    }
}

/// An owner reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub uid: Uid,
    pub blocking: bool,
    identity: u64,
}

impl Owner {
    pub fn of(reference: &OwnerReference) -> Self {
        let group = reference.api_version.split_once('/').map_or("", |(group, _)| group);
        Self {
            uid: Uid::of(&reference.uid),
            blocking: reference.block_owner_deletion == Some(true),
            identity: digest(&(group, &*reference.kind, &*reference.name)),
        }
    }
}

/// How far an object is on its way out, as far as its dependents are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// Not being deleted, or in a way that does not wait for dependents. Left by a deletion with one of the finalizers.
    Ordinary,
    /// Waits until no dependent blocks it. Left when the finalizer is taken off.
    Foreground,
    /// Waits until its dependents no longer refer to it. Left when the finalizer is taken off.
    Orphaning,
}

impl Deletion {
    pub fn of(meta: &Meta) -> Self {
        let holds = |finalizer: &str| meta.is_deleting() && meta.finalizers.iter().any(|f| f == finalizer);
        match (holds(ORPHAN), holds(FOREGROUND)) {
            (true, _) => Self::Orphaning,
            (_, true) => Self::Foreground,
            _ => Self::Ordinary,
        }
    }
}

/// An object that has owners, or that waits for its dependents. Others are known by their whereabouts only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub place: Place,
    pub owners: Box<[Owner]>,
    pub deletion: Deletion,
}

impl Node {
    /// None when the graph needs no node for it.
    pub fn of(kind: usize, facts: &KindFacts, meta: &Meta) -> Option<Self> {
        let deletion = Deletion::of(meta);
        if !facts.allows("delete") || (meta.owner_references.is_empty() && deletion == Deletion::Ordinary) {
            return None;
        }
        let place = Place { kind: u16::try_from(kind).ok()?, namespace: (*meta.namespace).into(), name: (*meta.name).into() };
        Some(Self { place, owners: meta.owner_references.iter().map(Owner::of).collect(), deletion })
    }

    pub fn is_blocked_on(&self, owner: Uid) -> bool {
        self.owners.iter().any(|o| o.uid == owner && o.blocking)
    }
}

/// The kind a change is about. None for Events, which upstream leaves out too, and for kinds nobody told us of.
pub fn kind_of<'a>(kinds: &'a [KindFacts], change: &ObjectFeed) -> Option<(usize, &'a KindFacts)> {
    let is_events = change.resource.resource == "events" && matches!(&*change.resource.group, "" | "events.k8s.io");
    if is_events { None } else { kinds::by_gvr(kinds, &change.resource) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_small() {
        assert_eq!(size_of::<(Uid, Whereabouts)>(), 48);
        assert!(size_of::<Node>() <= 64 && size_of::<Owner>() <= 32);
    }

    #[test]
    fn uids_compare_as_their_texts() {
        let uuid = "8f14e45f-ceea-467f-9f33-0123456789ab";
        assert_eq!(format!("{:?}", Uid::of(uuid)), uuid.replace('-', ""));
        assert_eq!(Uid::of("made-up"), Uid::of("made-up"));
        for other in ["", "made-up2", "8f14e45f", "8f14e45f-ceea-467f-9f33-0123456789ac"] {
            assert_ne!(Uid::of(other), Uid::of("made-up"), "{other}");
            assert_ne!(Uid::of(other), Uid::of(uuid), "{other}");
        }
    }
}
