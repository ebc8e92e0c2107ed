//! What every namespace and every aggregated role is given, and given back.

use crate::world::{CONFIG_MAPS, ROOT_CA, World};
use client::{DeleteOptions, Resource};
use meta::Doc;
use serde_json::json;

const SERVICE_ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts");
const CLUSTER_ROLES: Resource = Resource::new("rbac.authorization.k8s.io", "v1", "clusterroles");

#[tokio::test]
async fn every_namespace_has_its_default_account_again_and_again() {
    let world = World::start().await;
    world.namespace("new").await;
    for namespace in ["default", "kube-system", "kube-public", "kube-node-lease", "new"] {
        let first = world.there(SERVICE_ACCOUNTS, namespace, "default").await;
        world.admin.delete(SERVICE_ACCOUNTS, namespace, "default", DeleteOptions::default()).await.expect("a deletion");
        let at = (SERVICE_ACCOUNTS, namespace, "default");
        world.until(at, |doc| doc.is_some_and(|d| d["metadata"]["uid"] != first["metadata"]["uid"])).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn the_root_certificate_is_published_and_restored() {
    let world = World::start().await;
    world.namespace("new").await;
    let name = "kube-root-ca.crt";
    let right = |doc: Option<&Doc>| doc.is_some_and(|d| d["data"] == json!({ "ca.crt": ROOT_CA }));
    let at = (CONFIG_MAPS, "new", name);
    let published = world.until(at, right).await.expect("it is there");
    assert!(published["metadata"]["annotations"]["kubernetes.io/description"].is_string(), "{published}");

    let patch = json!({ "data": { "ca.crt": "forged", "more": "x" }, "metadata": { "labels": { "mine": "kept" } } });
    world.admin.patch(CONFIG_MAPS, "new", name, "", patch).await.expect("a patch");
    let restored = world.until(at, right).await.expect("it is there");
    assert_eq!(restored["metadata"]["labels"]["mine"], "kept");

    world.admin.delete(CONFIG_MAPS, "new", name, DeleteOptions::default()).await.expect("a deletion");
    world.until(at, |doc| right(doc) && doc.is_some_and(|d| d["metadata"]["uid"] != published["metadata"]["uid"])).await;
    world.stop().await;
}

#[tokio::test]
async fn aggregated_roles_gather_through_each_other() {
    let world = World::start().await;
    let rule = json!({ "apiGroups": ["test.example"], "resources": ["things"], "verbs": ["get"] });
    let labels = json!({ "rbac.authorization.k8s.io/aggregate-to-view": "true" });
    let role = json!({ "metadata": { "name": "view-things", "labels": labels }, "rules": [rule] });
    world.admin.create(CLUSTER_ROLES, "", role).await.expect("a role");
    // `admin` gathers from `edit`, and `edit` from `view`.
    let gathered = |doc: Option<&Doc>| doc.is_some_and(|d| d["rules"].as_array().is_some_and(|rules| rules.contains(&rule)));
    for name in ["view", "edit", "admin"] {
        world.until((CLUSTER_ROLES, "", name), gathered).await;
    }
    world.admin.delete(CLUSTER_ROLES, "", "view-things", DeleteOptions::default()).await.expect("a deletion");
    for name in ["view", "edit", "admin"] {
        world.until((CLUSTER_ROLES, "", name), |doc| !gathered(doc)).await;
    }
    world.stop().await;
}

/// Controllers on a cluster that is as it should be write nothing.
#[tokio::test]
async fn starting_again_changes_nothing() {
    let world = World::start().await;
    for namespace in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        world.there(SERVICE_ACCOUNTS, namespace, "default").await;
        world.there(CONFIG_MAPS, namespace, "kube-root-ca.crt").await;
    }
    world.stop_controllers().await;
    let before = world.server.caches().applied();
    world.start_controllers();
    // A namespace made now is dealt with after everything that was there.
    world.namespace("last").await;
    world.there(SERVICE_ACCOUNTS, "last", "default").await;
    world.there(CONFIG_MAPS, "last", "kube-root-ca.crt").await;
    assert_eq!(world.server.caches().applied() - before, 3, "one namespace, one account, one config map");
    world.stop().await;
}
