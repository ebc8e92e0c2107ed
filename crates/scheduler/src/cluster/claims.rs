//! PersistentVolumeClaims, as far as pods have to wait for them.

use meta::Object;
use std::collections::{HashMap, HashSet};

/// Where a claim stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    Bound,
    /// It is bound as soon as it can be, whoever uses it.
    Immediate,
    /// It is bound where its first pod goes.
    FirstConsumer,
    /// Its volume, of this name, is no more.
    Lost(String),
    Deleting,
}

#[derive(Debug)]
struct Seen {
    class: String,
    is_bound: bool,
    is_deleting: bool,
    /// The volume of a claim that is lost.
    lost: Option<String>,
}

#[derive(Debug, Default)]
pub struct Claims {
    claims: HashMap<String, HashMap<String, Seen>>,
    /// Storage classes with `volumeBindingMode: WaitForFirstConsumer`.
    waiting: HashSet<String>,
}

const BIND_COMPLETED: &str = "/metadata/annotations/pv.kubernetes.io~1bind-completed";

impl Claims {
    pub fn set(&mut self, object: &Object, is_there: bool) {
        let (namespace, name) = (&object.meta.namespace, &object.meta.name);
        if is_there {
            self.claims.entry(namespace.clone()).or_default().insert(name.clone(), Seen::of(object));
        } else if let Some(claims) = self.claims.get_mut(namespace) {
            claims.remove(name);
            if claims.is_empty() {
                self.claims.remove(namespace);
            }
        }
    }

    pub fn set_class(&mut self, object: &Object, is_there: bool) {
        if is_there && object.get("/volumeBindingMode") == "WaitForFirstConsumer" {
            self.waiting.insert(object.meta.name.clone());
        } else {
            self.waiting.remove(&object.meta.name);
        }
    }

    pub fn get(&self, namespace: &str, name: &str) -> Option<Claim> {
        let seen = self.claims.get(namespace)?.get(name)?;
        Some(match seen {
            Seen { lost: Some(volume), .. } => Claim::Lost(volume.clone()),
            Seen { is_deleting: true, .. } => Claim::Deleting,
            Seen { is_bound: true, .. } => Claim::Bound,
            Seen { class, .. } if self.waiting.contains(class) => Claim::FirstConsumer,
            _ => Claim::Immediate,
        })
    }
}

impl Seen {
    fn of(object: &Object) -> Self {
        let text = |pointer: &str| object.get(pointer).as_str().unwrap_or_default().to_owned();
        let volume = text("/spec/volumeName");
        Self {
            class: text("/spec/storageClassName"),
            is_bound: !volume.is_empty() && !object.get(BIND_COMPLETED).is_null(),
            is_deleting: object.meta.is_deleting(),
            lost: (object.get("/status/phase") == "Lost").then_some(volume),
        }
    }
}
