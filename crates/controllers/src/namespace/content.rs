//! Deletes what is in a namespace and counts what is left.

use crate::context::KindFacts;
use crate::kinds::deletable_in_namespaces;
use client::{Client, DeleteOptions, Options, Preconditions, Propagation};
use meta::status::Result;
use meta::{GroupResource, Object, Reason};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one pass over a namespace found.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    pub failures: Vec<String>,
    pub remaining: BTreeMap<GroupResource, usize>,
    /// How many remaining objects each finalizer holds.
    pub finalizers: BTreeMap<String, usize>,
    /// How long what remains may take.
    pub seconds: u64,
}

/// How long others may take to remove their finalizers (upstream's finalizerEstimateSeconds).
const FINALIZER_SECONDS: u64 = 15;

impl Outcome {
    fn count(&mut self, kind: &KindFacts, left: &[Arc<Object>]) {
        if left.is_empty() {
            return;
        }
        self.remaining.insert(kind.gvr.group_resource(), left.len());
        for finalizer in left.iter().flat_map(|object| &object.meta.finalizers) {
            *self.finalizers.entry(finalizer.clone()).or_default() += 1;
            self.seconds = self.seconds.max(FINALIZER_SECONDS);
        }
        if is_pods(kind) {
            let grace = left.iter().filter_map(|pod| pod.get("/spec/terminationGracePeriodSeconds").as_u64()).max();
            self.seconds = self.seconds.max(grace.unwrap_or(0));
        }
    }

    fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.remaining.is_empty()
    }
}

fn is_pods(kind: &KindFacts) -> bool {
    kind.gvr.group.is_empty() && kind.gvr.resource == "pods"
}

/// Pods go first and alone (OrderedNamespaceDeletion): while one runs, nothing that it may rely on, such as the network
/// policies around it, is taken away.
pub async fn delete_all(client: &Client, kinds: &[KindFacts], namespace: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let kinds = deletable_in_namespaces(kinds).into_iter();
    let (pods, others): (Vec<&KindFacts>, Vec<&KindFacts>) = kinds.partition(|kind| is_pods(kind));
    for stage in [pods, others] {
        for kind in stage {
            match delete_kind(client, kind, namespace).await {
                Ok(left) => outcome.count(kind, &left),
                Err(status) => outcome.failures.push(status.message),
            }
        }
        if !outcome.is_empty() {
            break;
        }
    }
    outcome
}

/// What is left of a kind after its deletion was asked for. Most kinds have nothing in most namespaces: they cost a list.
async fn delete_kind(client: &Client, kind: &KindFacts, namespace: &str) -> Result<Vec<Arc<Object>>> {
    let present = list(client, kind, namespace).await?;
    if present.is_empty() {
        return Ok(present);
    }
    // Whatever the kind's default: nothing in here is to be orphaned, and all of it goes anyway.
    let delete = DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
    if kind.allows("deletecollection") {
        let options = Options { delete, ..Options::default() };
        client.delete_collection(kind.gvr.clone(), namespace, options).await?;
    } else {
        for object in present.iter().filter(|object| !object.meta.is_deleting()) {
            let preconditions = Preconditions { uid: Some(object.meta.uid.clone()), ..Preconditions::default() };
            let delete = DeleteOptions { preconditions, ..delete.clone() };
            match client.delete(kind.gvr.clone(), namespace, &object.meta.name, delete).await {
                Err(status) if !matches!(status.reason, Reason::NotFound | Reason::Conflict) => return Err(status),
                _ => {}
            }
        }
    }
    list(client, kind, namespace).await
}

async fn list(client: &Client, kind: &KindFacts, namespace: &str) -> Result<Vec<Arc<Object>>> {
    client.list(kind.gvr.clone(), namespace, Options::default()).await.map(|list| list.items)
}
