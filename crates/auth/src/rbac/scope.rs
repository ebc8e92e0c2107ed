//! Bindings of one namespace, or of the cluster, found by subject.

use super::rule::{RoleRef, Subject, list_of};
use meta::{Doc, User, user};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

/// A binding seen from one of its subjects.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub binding: Arc<str>,
    pub role: Arc<RoleRef>,
    /// `RBAC: allowed by ...`, made once.
    pub reason: Arc<str>,
}

#[derive(Debug, Default)]
pub(super) struct Scope {
    users: HashMap<String, Vec<Entry>>,
    groups: HashMap<String, Vec<Entry>>,
    /// Binding name -> the keys under which it is found, to take it out again.
    keys: HashMap<String, Vec<Key>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Key {
    User(String),
    Group(String),
}

impl Scope {
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn remove(&mut self, name: &str) {
        for key in self.keys.remove(name).unwrap_or_default() {
            let (map, subject) = match &key {
                Key::User(name) => (&mut self.users, name),
                Key::Group(name) => (&mut self.groups, name),
            };
            if let Some(entries) = map.get_mut(subject) {
                entries.retain(|e| &*e.binding != name);
                if entries.is_empty() {
                    map.remove(subject);
                }
            }
        }
    }

    /// `namespace` is empty for ClusterRoleBindings.
    pub fn insert(&mut self, namespace: &str, name: &str, doc: &Doc) {
        self.remove(name);
        let Ok(role) = RoleRef::deserialize(&doc["roleRef"]) else { return };
        let (role, binding): (Arc<RoleRef>, Arc<str>) = (Arc::new(role), name.into());
        let mut keys = Vec::new();
        for subject in list_of::<Subject>(doc, "subjects") {
            let Some(key) = key_of(&subject, namespace) else { continue };
            if keys.contains(&key) {
                continue;
            }
            let reason = reason(namespace, name, &role, &subject).into();
            let entry = Entry { binding: binding.clone(), role: role.clone(), reason };
            match &key {
                Key::User(user) => self.users.entry(user.clone()).or_default().push(entry),
                Key::Group(group) => self.groups.entry(group.clone()).or_default().push(entry),
            }
            keys.push(key);
        }
        self.keys.insert(name.to_owned(), keys);
    }

    /// A binding comes once per matching subject.
    pub fn entries<'a>(&'a self, user: &'a User) -> impl Iterator<Item = &'a Entry> {
        let by_name = self.users.get(&user.name).into_iter().flatten();
        by_name.chain(user.groups.iter().filter_map(|g| self.groups.get(g)).flatten())
    }
}

fn key_of(subject: &Subject, binding_namespace: &str) -> Option<Key> {
    match subject.kind.as_str() {
        "User" => Some(Key::User(subject.name.clone())),
        "Group" => Some(Key::Group(subject.name.clone())),
        "ServiceAccount" => {
            let namespace = if subject.namespace.is_empty() { binding_namespace } else { &subject.namespace };
            (!namespace.is_empty()).then(|| Key::User(format!("{}{namespace}:{}", user::SERVICE_ACCOUNT_PREFIX, subject.name)))
        }
        _ => None,
    }
}

/// The texts of kubernetes `pkg/registry/rbac/validation/rule.go`, name before namespace as there.
fn reason(namespace: &str, name: &str, role: &RoleRef, subject: &Subject) -> String {
    let binding = match namespace {
        "" => format!("ClusterRoleBinding {name:?}"),
        namespace => format!("RoleBinding {:?}", format!("{name}/{namespace}")),
    };
    let who = match subject.kind.as_str() {
        "ServiceAccount" => {
            let of = if subject.namespace.is_empty() { namespace } else { &subject.namespace };
            format!("{}/{of}", subject.name)
        }
        _ => subject.name.clone(),
    };
    format!("RBAC: allowed by {binding} of {} {:?} to {} {who:?}", role.kind, role.name, subject.kind)
}
