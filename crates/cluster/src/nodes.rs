//! The clusters' own APIs for the reconciler of node groups, which sees nodes as user `eks:node-manager`, as on EKS.

use crate::control_plane::ControlPlane;
use crate::factory::Factory;
use apiserver::ApiServer;
use aws_service::records::ensure;
use client::Resource;
use cloud_eks::{ClusterNodes, Hear, NodeView};
use meta::status::Result;
use meta::{Doc, Object, User, user};
use parking_lot::RwLock;
use reconcile::{Informer, Informers, ObjectChange};
use serde_json::json;
use std::sync::{Arc, OnceLock};

const USER: &str = "eks:node-manager";
const NODES: Resource = Resource::new("", "v1", "nodes");
const RBAC: &str = "rbac.authorization.k8s.io";
const CLUSTER_ROLES: Resource = Resource::new(RBAC, "v1", "clusterroles");
const CLUSTER_ROLE_BINDINGS: Resource = Resource::new(RBAC, "v1", "clusterrolebindings");

/// What EKS puts on the nodes of a group.
const NODEGROUP_LABEL: &str = "eks.amazonaws.com/nodegroup";

/// Tells whoever has asked for it which cluster's nodes have changed.
#[derive(Default)]
pub struct NodeChanges {
    hears: RwLock<Vec<Hear>>,
}

impl NodeChanges {
    /// Of one node group if that is known, or of all.
    pub fn tell(&self, cluster_uid: &str, group: Option<&str>) {
        self.hears.read().iter().for_each(|hear| hear(cluster_uid, group));
    }
}

/// What a node group looks at. Heartbeats are not among it.
fn looked_at(node: &Object) -> (String, Doc, Doc, Vec<Doc>) {
    let conditions = node.get("/status/conditions");
    let ready = conditions.as_array().into_iter().flatten().filter(|condition| condition["type"] == "Ready");
    let ready = ready.map(|condition| condition["status"].clone()).collect();
    (node.meta.uid.clone(), node.get("/metadata/labels"), node.get("/spec"), ready)
}

fn matters(change: &ObjectChange) -> bool {
    change.old.as_deref().map(looked_at) != change.new.as_deref().map(looked_at)
}

/// The nodes of one running control plane, followed from the first look on.
#[derive(Default)]
pub struct FollowedNodes(OnceLock<Arc<Informer>>);

impl FollowedNodes {
    fn informer(&self, plane: &ControlPlane, changes: &Arc<NodeChanges>, cluster_uid: &str) -> Arc<Informer> {
        let follow = || {
            let runtime = plane.runtime();
            let client = plane.server.client(manager());
            let informer = Informers::new(client, runtime.tasks.clone(), runtime.stop.clone()).get(NODES);
            let (changes, cluster_uid) = (Arc::clone(changes), cluster_uid.to_owned());
            informer.on_change(move |change| {
                if matters(change) {
                    changes.tell(&cluster_uid, change.object().meta.labels.get(NODEGROUP_LABEL));
                }
            });
            informer
        };
        Arc::clone(self.0.get_or_init(follow))
    }
}

fn manager() -> User {
    User::authenticated(USER, [] as [&str; 0])
}

#[async_trait::async_trait]
impl ClusterNodes for Factory {
    async fn look(&self, control_plane_uid: &str) -> Option<NodeView> {
        let (plane, informer) = {
            let running = self.running.lock().await;
            let one = running.get(control_plane_uid)?;
            (one.plane.clone(), one.nodes.informer(&one.plane, &self.node_changes, &one.cluster_uid))
        };
        // A control plane that is stopped meanwhile never lists its nodes.
        plane.runtime().stop.run_until_cancelled(informer.synced()).await?;
        Some(NodeView { client: plane.server.client(manager()), nodes: informer })
    }

    fn subscribe(&self, hear: Hear) {
        self.node_changes.hears.write().push(hear);
    }
}

/// Its role and binding; whoever changes them later keeps them changed.
pub async fn authorize(server: &Arc<ApiServer>) -> Result<()> {
    let admin = server.client(User::authenticated("eks:cluster-bootstrap", [user::MASTERS]));
    let rule =
        |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let role = json!({
        "metadata": {"name": USER},
        "rules": [
            rule("", &["nodes"], &["get", "list", "watch", "patch", "update", "delete"]),
            rule("", &["pods"], &["get", "list", "watch"]),
            rule("", &["pods/eviction"], &["create"]),
        ],
    });
    let binding = json!({
        "metadata": {"name": USER},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": USER},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": USER}],
    });
    ensure(&admin, CLUSTER_ROLES, "", role).await?;
    ensure(&admin, CLUSTER_ROLE_BINDINGS, "", binding).await.map(drop)
}
