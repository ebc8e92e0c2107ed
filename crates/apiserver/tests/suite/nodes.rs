//! What a kubelet may do: its own node, its own pods, and what those refer to.

use crate::world::{ACCOUNTS, NODES, NS, PODS, World};
use client::{Call, Resource, Verb};
use meta::{Doc, Status};
use serde_json::json;

const SECRETS: Resource = Resource::new("", "v1", "secrets");
const LEASES: Resource = Resource::new("coordination.k8s.io", "v1", "leases");

async fn world() -> World {
    let world = World::start(36).await;
    for node in ["n1", "n2"] {
        world.make(NODES, "", json!({"metadata": {"name": node}})).await;
    }
    for secret in ["mine", "other"] {
        world.make(SECRETS, NS, json!({"metadata": {"name": secret}})).await;
    }
    let volume = json!([{"name": "s", "secret": {"secretName": "mine"}}]);
    world.pod("web", json!({"nodeName": "n1", "volumes": volume})).await;
    world.server.caches().fresh().await.expect("the graph follows");
    world
}

fn text<T>(outcome: Result<T, Status>) -> String {
    outcome.map_or_else(|s| format!("{} {}", s.code(), s.message), |_| "ok".into())
}

fn running() -> Doc {
    json!({"status": {"phase": "Running"}})
}

#[tokio::test]
async fn status_is_written_by_the_pods_own_node() {
    let world = world().await;
    assert_eq!(text(world.node("n1").patch(PODS, NS, "web", "status", running()).await), "ok");
    let refused = text(world.node("n2").patch(PODS, NS, "web", "status", running()).await);
    let why = r#"403 pods "web" is forbidden: node "n2" can only update pod status for pods with spec.nodeName set to itself"#;
    assert_eq!(refused, why);
    let labelled = json!({"metadata": {"labels": {"a": "b"}}});
    let refused = text(world.node("n1").patch(PODS, NS, "web", "status", labelled).await);
    assert_eq!(refused, r#"403 pods "web" is forbidden: node "n1" cannot update labels through pod status"#);
    let refused = text(world.node("n2").delete(PODS, NS, "web", Default::default()).await);
    assert_eq!(refused, r#"403 pods "web" is forbidden: node "n2" can only delete pods with spec.nodeName set to itself"#);
    assert_eq!(text(world.node("n1").delete(PODS, NS, "web", Default::default()).await), "ok");
}

#[tokio::test]
async fn a_node_changes_itself_only() {
    let world = world().await;
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    assert_eq!(text(world.node("n1").patch(NODES, "", "n1", "status", ready.clone()).await), "ok");
    let refused = text(world.node("n1").patch(NODES, "", "n2", "status", ready).await);
    assert_eq!(refused, r#"403 nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2""#);
    let refused = text(world.node("n1").patch(NODES, "", "n1", "", json!({"spec": {"taints": []}})).await);
    assert_eq!(refused, r#"403 nodes "n1" is forbidden: node "n1" is not allowed to modify taints"#);
    let label = json!({"metadata": {"labels": {"node-restriction.kubernetes.io/zone": "a"}}});
    let refused = text(world.node("n1").patch(NODES, "", "n1", "", label).await);
    assert_eq!(refused, r#"403 nodes "n1" is forbidden: is not allowed to modify labels: node-restriction.kubernetes.io/zone"#);
    let lease = |name: &str| json!({"metadata": {"name": name}});
    assert_eq!(text(world.node("n1").create(LEASES, "kube-node-lease", lease("n1")).await), "ok");
    let refused = text(world.node("n1").create(LEASES, "kube-node-lease", lease("n2")).await);
    assert!(refused.contains("can only access node lease with the same name as the requesting node"), "{refused}");
}

#[tokio::test]
async fn a_node_reads_what_its_pods_refer_to() {
    let world = world().await;
    assert_eq!(text(world.node("n1").get(SECRETS, NS, "mine").await), "ok");
    for (node, secret) in [("n1", "other"), ("n2", "mine")] {
        let refused = text(world.node(node).get(SECRETS, NS, secret).await);
        let why = format!("no relationship found between node '{node}' and this object");
        assert!(refused.starts_with("403") && refused.ends_with(&why), "{refused}");
    }
    assert!(text(world.node("n1").list(SECRETS, NS, Default::default()).await).starts_with("403"));
}

/// Tokens are for pods of its own, bound to them.
#[tokio::test]
async fn a_node_asks_for_tokens_of_its_pods() {
    let world = world().await;
    let pod = world.admin().get(PODS, NS, "web").await.expect("there").meta.uid.clone();
    let bound = |uid: &str| json!({"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": uid}}});
    let ask = |node: &str, body: Doc| {
        let client = world.node(node);
        let call = Call::new(Verb::Create, ACCOUNTS.gvr(), NS, "default").subresource("token").body(body);
        async move { text(client.call(call).await) }
    };
    assert_eq!(ask("n1", bound(&pod)).await, "ok");
    let unbound = ask("n1", json!({"spec": {}})).await;
    assert_eq!(unbound, r#"403 serviceaccounts "default" is forbidden: node requested token not bound to a pod"#);
    assert!(ask("n2", bound(&pod)).await.starts_with("403"));
    let wide = json!({"spec": {"audiences": ["vault"], "boundObjectRef": bound(&pod)["spec"]["boundObjectRef"]}});
    let refused = ask("n1", wide).await;
    assert!(refused.contains("audience \"vault\" not found in pod spec volume"), "{refused}");
}

#[tokio::test]
async fn a_node_makes_mirror_pods_only() {
    let world = world().await;
    let node = world.admin().get(NODES, "", "n1").await.expect("there").meta.uid.clone();
    let owner = json!([{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": node, "controller": true}]);
    let pod = |annotations: Doc, name: &str| {
        json!({"metadata": {"name": name, "annotations": annotations, "ownerReferences": owner},
            "spec": {"nodeName": "n1", "containers": [{"name": "a", "image": "b"}]}})
    };
    let refused = text(world.node("n1").create(PODS, NS, pod(json!({}), "plain")).await);
    assert!(refused.contains("pod does not have \"kubernetes.io/config.mirror\" annotation"), "{refused}");
    let mirror = json!({"kubernetes.io/config.mirror": "hash"});
    assert_eq!(text(world.node("n1").create(PODS, NS, pod(mirror.clone(), "static-n1")).await), "ok");
    let refused = text(world.node("n2").create(PODS, NS, pod(mirror, "static-n2")).await);
    assert!(refused.contains("node \"n2\" can only create pods with spec.nodeName set to itself"), "{refused}");
}
