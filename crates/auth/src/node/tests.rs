use super::*;
use crate::authorizer::{Attributes, Authorizer, Decision};
use meta::{Doc, FieldSelector, User, user};
use serde_json::json;
use std::sync::Arc;

fn pod(name: &str, node: &str) -> Doc {
    json!({"metadata": {"namespace": "ns", "name": name}, "spec": {"nodeName": node, "serviceAccountName": "robot",
        "imagePullSecrets": [{"name": "pull"}],
        "initContainers": [{"envFrom": [{"configMapRef": {"name": "init-cm"}}]}],
        "containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "env-secret"}}}]}],
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "t"}],
        "volumes": [{"name": "a", "secret": {"secretName": "vol-secret"}}, {"name": "b", "configMap": {"name": "vol-cm"}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "tmp", "ephemeral": {}},
            {"name": "d", "projected": {"sources": [{"secret": {"name": "pro-secret"}}, {"configMap": {"name": "pro-cm"}}]}}]},
        "status": {"resourceClaimStatuses": [{"name": "gpu", "resourceClaimName": "web-gpu"}]}})
}

fn graph() -> Arc<NodeGraph> {
    let graph = NodeGraph::default();
    graph.apply(GraphKind::Pod, "ns", "web", Some(&pod("web", "n1")));
    let volume = json!({"spec": {"claimRef": {"namespace": "ns", "name": "data"},
        "csi": {"nodeStageSecretRef": {"namespace": "ns", "name": "stage"}, "controllerPublishSecretRef": {"namespace": "ns", "name": "ctl"}}}});
    graph.apply(GraphKind::PersistentVolume, "", "pv1", Some(&volume));
    graph.apply(GraphKind::VolumeAttachment, "", "va1", Some(&json!({"spec": {"nodeName": "n1"}})));
    Arc::new(graph)
}

fn node(name: &str) -> User {
    User::authenticated(format!("system:node:{name}"), [user::NODES])
}

/// `verb group/resource[/subresource] namespace/name [field=value]`, `-` for an empty group.
fn ask(authorizer: &NodeAuthorizer, node_name: &str, request: &str) -> Decision {
    let words: Vec<&str> = request.split(' ').collect();
    let mut what = words[1].split('/');
    let group = what.next().filter(|g| *g != "-").unwrap_or_default();
    let (resource, subresource) = (what.next().unwrap_or_default(), what.next().unwrap_or_default());
    let (namespace, name) = words[2].split_once('/').expect("namespace/name");
    let selector = words.get(3).map(|s| FieldSelector::parse(s).expect("a selector"));
    let user = node(node_name);
    let attributes = Attributes::resource(&user, words[0], group, resource);
    authorizer.authorize(&Attributes { subresource, namespace, name, field_selector: selector.as_ref(), ..attributes })
}

#[test]
fn a_node_reads_what_its_pods_name() {
    let authorizer = NodeAuthorizer::new(graph(), 36);
    let none = "no relationship found between node 'n1' and this object";
    for (request, reason) in [
        ("get -/secrets ns/pull", ""),
        ("list -/secrets ns/env-secret", ""),
        ("watch -/secrets ns/vol-secret", ""),
        ("get -/secrets ns/pro-secret", ""),
        ("get -/secrets ns/stage", ""),
        ("get -/secrets ns/ctl", none),
        ("get -/secrets ns/other", none),
        ("get -/secrets other/pull", none),
        ("list -/secrets ns/", "No Object name found"),
        ("list -/secrets /pull", "can only read namespaced object of this type"),
        ("update -/secrets ns/pull", "can only read resources of this type"),
        ("get -/configmaps ns/init-cm", ""),
        ("get -/configmaps ns/vol-cm", ""),
        ("get -/configmaps ns/pro-cm", ""),
        ("get -/configmaps ns/env-secret", none),
        ("get -/persistentvolumeclaims ns/data", ""),
        ("get -/persistentvolumeclaims ns/web-tmp", ""),
        ("list -/persistentvolumeclaims ns/data", "can only get individual resources of this type"),
        ("patch -/persistentvolumeclaims/status ns/data", ""),
        ("delete -/persistentvolumeclaims/status ns/data", "can only get/update/patch this type"),
        ("get -/persistentvolumes /pv1", ""),
        ("get -/persistentvolumes /pv2", none),
        ("get resource.k8s.io/resourceclaims ns/web-gpu", ""),
        ("get storage.k8s.io/volumeattachments /va1", ""),
        ("get -/serviceaccounts ns/robot", ""),
        ("create -/serviceaccounts/token ns/robot", ""),
        ("create -/serviceaccounts/token ns/other", none),
        ("create -/serviceaccounts ns/robot", "can only create token subresource of serviceaccount"),
    ] {
        assert_eq!(ask(&authorizer, "n1", request).reason(), reason, "{request}");
        assert_eq!(ask(&authorizer, "n1", request).is_allowed(), reason.is_empty(), "{request}");
        assert!(!ask(&authorizer, "n2", request).is_allowed(), "another node: {request}");
    }
}

#[test]
fn a_node_reads_and_writes_its_own_objects() {
    let authorizer = NodeAuthorizer::new(graph(), 36);
    for (request, reason) in [
        ("get -/pods ns/web", ""),
        ("list -/pods / spec.nodeName=n1", ""),
        ("list -/pods / spec.nodeName=n2", "can only list/watch pods with spec.nodeName field selector"),
        ("watch -/pods / spec.nodeName!=n1", "can only list/watch pods with spec.nodeName field selector"),
        ("create -/pods ns/", ""),
        ("patch -/pods/status ns/any", ""),
        ("create -/pods/eviction ns/any", ""),
        ("get -/nodes /n1", ""),
        ("watch -/nodes /n1", ""),
        ("list -/nodes /", "node 'n1' cannot read all nodes, only its own Node object"),
        ("get -/nodes /n2", "node 'n1' cannot read 'n2', only its own Node object"),
        ("patch -/nodes/status /n1", ""),
        ("update coordination.k8s.io/leases kube-node-lease/n1", ""),
        ("create coordination.k8s.io/leases kube-node-lease/", ""),
        (
            "update coordination.k8s.io/leases kube-node-lease/n2",
            "can only access node lease with the same name as the requesting node",
        ),
        ("get coordination.k8s.io/leases ns/n1", "can only access leases in the \"kube-node-lease\" system namespace"),
        ("list coordination.k8s.io/leases kube-node-lease/", "can only get, create, update, patch, or delete a node lease"),
        ("get storage.k8s.io/csinodes /n1", ""),
        ("get storage.k8s.io/csinodes /n2", "can only access CSINode with the same name as the requesting node"),
        ("list resource.k8s.io/resourceslices / spec.nodeName=n1", ""),
        ("list -/services /", ""),
        ("watch storage.k8s.io/csidrivers /", ""),
        ("create -/events ns/", ""),
        ("create certificates.k8s.io/certificatesigningrequests /", ""),
    ] {
        let decision = ask(&authorizer, "n1", request);
        assert_eq!((decision.reason(), decision.is_allowed()), (reason, reason.is_empty()), "{request}");
    }
    for request in
        ["delete -/nodes /n1", "update -/pods ns/web", "create -/services ns/", "list discovery.k8s.io/endpointslices /"]
    {
        assert!(!ask(&authorizer, "n1", request).is_allowed(), "{request}");
    }
}

#[test]
fn relations_end_with_their_objects() {
    let graph = graph();
    let authorizer = NodeAuthorizer::new(graph.clone(), 36);
    let allowed = |request: &str| ask(&authorizer, "n1", request).is_allowed();
    graph.apply(GraphKind::Pod, "ns", "web2", Some(&pod("web2", "n1")));
    graph.apply(GraphKind::Pod, "ns", "web", None);
    assert!(allowed("get -/secrets ns/pull"), "another pod still names it");
    graph.apply(GraphKind::PersistentVolume, "", "pv1", None);
    assert!(!allowed("get -/secrets ns/stage") && !allowed("get -/persistentvolumes /pv1"));
    graph.apply(GraphKind::Pod, "ns", "web2", None);
    assert!(!allowed("get -/secrets ns/pull") && !allowed("get -/pods ns/web2"));
    graph.apply(GraphKind::VolumeAttachment, "", "va1", None);
    assert!(!allowed("get storage.k8s.io/volumeattachments /va1"));

    let mut mirror = pod("mirror", "n1");
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    graph.apply(GraphKind::Pod, "ns", "mirror", Some(&mirror));
    assert!(allowed("get -/pods ns/mirror") && !allowed("get -/secrets ns/pull"), "a mirror pod lends nothing");
    graph.apply(GraphKind::Pod, "ns", "free", Some(&pod("free", "")));
    assert!(!allowed("get -/pods ns/free"));
}

#[test]
fn only_nodes_are_judged() {
    let authorizer = NodeAuthorizer::new(graph(), 36);
    for (user, reason) in [
        (User::authenticated("system:node:n1", ["x"]), ""),
        (User::authenticated("jane", [user::NODES]), ""),
        (User::authenticated("system:node:", [user::NODES]), "unknown node for user \"system:node:\""),
    ] {
        let attributes = Attributes::resource(&user, "get", "", "nodes").named("n1");
        assert_eq!(authorizer.authorize(&attributes), Decision::no_opinion(reason));
    }
    assert!(authorizer.rules_for(&node("n1"), "ns").incomplete);
    assert!(!authorizer.rules_for(&User::anonymous(), "ns").incomplete);
}
