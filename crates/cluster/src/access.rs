//! Carries access entries from the management plane to the clusters they belong to.

use auth::access::{AccessEntry, AccessIndex, AccessScope, Association, EntryType, Policies};
use cloud_eks::{ACCESS_ENTRIES, CLUSTER_LABEL};
use meta::{Doc, Object};
use parking_lot::Mutex;
use reconcile::{Informer, Informers};
use std::collections::HashMap;
use std::sync::Arc;

/// The access indexes of all clusters, by the uid of the Cluster record.
pub struct AccessFeed {
    policies: Policies,
    clusters: Mutex<HashMap<String, Arc<AccessIndex>>>,
    informer: Arc<Informer>,
}

impl AccessFeed {
    /// Follows every AccessEntry. Returns once what is there has been taken in.
    pub async fn start(informers: &Informers) -> Arc<Self> {
        let informer = informers.get(ACCESS_ENTRIES);
        let feed = Arc::new(Self { policies: Policies::published(), clusters: Mutex::default(), informer: informer.clone() });
        let taker = Arc::downgrade(&feed);
        informer.on_change(move |change| {
            if let Some(feed) = taker.upgrade() {
                feed.take(change.object(), change.new.is_some());
            }
        });
        feed.informer.synced().await;
        feed
    }

    pub fn index_of(&self, cluster_uid: &str) -> Arc<AccessIndex> {
        let mut clusters = self.clusters.lock();
        clusters.entry(cluster_uid.to_owned()).or_insert_with(|| Arc::new(AccessIndex::new(self.policies.clone()))).clone()
    }

    pub fn forget(&self, cluster_uid: &str) {
        self.clusters.lock().remove(cluster_uid);
    }

    fn take(&self, record: &Object, exists: bool) {
        let Some(cluster) = record.meta.labels.get(CLUSTER_LABEL) else { return };
        let spec = record.get("/spec");
        let principal = spec["principalArn"].as_str().unwrap_or_default();
        self.index_of(cluster).apply(principal, exists.then(|| entry(&spec)));
    }
}

fn texts(list: &Doc) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn entry(spec: &Doc) -> AccessEntry {
    let association = |policy: &Doc| Association {
        policy_arn: policy["policyArn"].as_str().unwrap_or_default().to_owned(),
        scope: match policy["accessScope"]["type"].as_str() {
            Some("namespace") => AccessScope::Namespaces(texts(&policy["accessScope"]["namespaces"])),
            _ => AccessScope::Cluster,
        },
    };
    AccessEntry {
        principal_arn: spec["principalArn"].as_str().unwrap_or_default().to_owned(),
        username: spec["username"].as_str().unwrap_or_default().to_owned(),
        groups: texts(&spec["kubernetesGroups"]),
        kind: spec["type"].as_str().and_then(EntryType::parse).unwrap_or_default(),
        policies: spec["associatedPolicies"].as_array().into_iter().flatten().map(association).collect(),
    }
}
