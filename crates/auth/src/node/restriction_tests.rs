use super::*;
use crate::authorizer::{Authorizer, Union};
use meta::{Doc, User, user};
use serde_json::json;

struct World(Union);

impl Lookup for World {
    fn get(&self, _: &str, resource: &str, _: &str, name: &str) -> Option<Doc> {
        let pod = |node: &str| {
            json!({"metadata": {"uid": "pod-uid", "name": name}, "spec": {"nodeName": node, "volumes": [
                {"projected": {"sources": [{"serviceAccountToken": {}}, {"serviceAccountToken": {"audience": "vault"}}]}},
                {"csi": {"driver": "efs"}}, {"persistentVolumeClaim": {"claimName": "data"}}]}})
        };
        match (resource, name) {
            ("pods", "mine") => Some(pod("n1")),
            ("pods", "theirs") => Some(pod("n2")),
            ("nodes", "n1") => Some(json!({"metadata": {"uid": "node-uid"}})),
            ("persistentvolumeclaims", "data") => Some(json!({"spec": {"volumeName": "pv"}})),
            ("persistentvolumes", "pv") => Some(json!({"spec": {"csi": {"driver": "ebs"}}})),
            ("csidrivers", driver) => Some(json!({"spec": {"tokenRequests": [{"audience": format!("{driver}.aws")}]}})),
            _ => None,
        }
    }
    fn authorizer(&self) -> &dyn Authorizer {
        &self.0
    }
}

/// The refusal of node n1, without the part that names the object.
fn refusal(operation: Operation, what: &str, name: &str, new: &Doc, old: &Doc) -> String {
    let user = User::authenticated("system:node:n1", [user::NODES]);
    let mut parts = what.split('/');
    let mut part = || parts.next().filter(|p| *p != "-").unwrap_or_default();
    let (group, resource, subresource) = (part(), part(), part());
    let namespace = match resource {
        "leases" => "kube-node-lease",
        "nodes" | "csinodes" => "",
        _ => "ns",
    };
    let request = Request {
        user: &user,
        operation,
        group,
        resource,
        subresource,
        namespace,
        name,
        new: Some(new).filter(|d| !d.is_null()),
        old: Some(old).filter(|d| !d.is_null()),
    };
    match check(&request, &World(Union(Vec::new()))) {
        Ok(()) => String::new(),
        Err(status) => match status.message.split_once(" is forbidden: ") {
            Some((_, why)) => why.to_owned(),
            None => status.message,
        },
    }
}

fn mirror(change: impl Fn(&mut Doc)) -> Doc {
    let mut pod = json!({"metadata": {"name": "mine", "annotations": {"kubernetes.io/config.mirror": "h"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "node-uid", "controller": true}]},
        "spec": {"nodeName": "n1", "containers": [{}], "volumes": [{"name": "h", "hostPath": {"path": "/"}}]}});
    change(&mut pod);
    pod
}

#[test]
fn nodes_create_mirror_pods_only() {
    for (pod, expected) in [
        (mirror(|_| {}), ""),
        (
            mirror(|p| p["metadata"]["annotations"] = json!({})),
            "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"n1\" can only create mirror pods",
        ),
        (mirror(|p| p["spec"]["nodeName"] = "n2".into()), "node \"n1\" can only create pods with spec.nodeName set to itself"),
        (
            mirror(|p| p["metadata"]["ownerReferences"] = json!([])),
            "node \"n1\" can only create pods with an owner reference set to itself",
        ),
        (
            mirror(|p| p["metadata"]["ownerReferences"] = json!([{}, {}])),
            "node \"n1\" can only create pods with a single owner reference set to itself",
        ),
        (
            mirror(|p| p["metadata"]["ownerReferences"][0]["controller"] = false.into()),
            "node \"n1\" can only create pods with a controller owner reference set to itself",
        ),
        (mirror(|p| p["metadata"]["ownerReferences"][0]["uid"] = "x".into()), "node n1 UID mismatch: expected x got node-uid"),
        (
            mirror(|p| p["spec"]["serviceAccountName"] = "robot".into()),
            "node \"n1\" can not create pods that reference serviceaccounts",
        ),
        (
            mirror(|p| p["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "s"}}])),
            "node \"n1\" can not create pods that reference secrets",
        ),
        (
            mirror(|p| p["spec"]["volumes"] = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}])),
            "node \"n1\" can not create pods that reference persistentvolumeclaims",
        ),
        (
            mirror(|p| p["spec"]["volumes"] = json!([{"name": "v", "projected": {"sources": [{"serviceAccountToken": {}}]}}])),
            "node \"n1\" can not create pods that reference serviceaccounts (via projected volumes)",
        ),
        (
            mirror(|p| p["spec"]["volumes"] = json!([{"name": "v", "newfangled": {}}])),
            "error checking mirror pod for API references: unknown volume type for volume  \"v\"",
        ),
    ] {
        assert_eq!(refusal(Operation::Create, "-/pods", "", &pod, &Doc::Null), expected);
    }
}

#[test]
fn nodes_touch_their_own_pods_only() {
    let of = |node: &str, labels: Doc| json!({"metadata": {"labels": labels}, "spec": {"nodeName": node}, "status": {}});
    let none = Doc::Null;
    let mine = of("n1", json!({"a": "b"}));
    for (operation, what, name, new, old, expected) in [
        (Operation::Delete, "-/pods", "mine", &none, &none, ""),
        (
            Operation::Delete,
            "-/pods",
            "theirs",
            &none,
            &none,
            "node \"n1\" can only delete pods with spec.nodeName set to itself",
        ),
        (Operation::Delete, "-/pods", "gone", &none, &none, "pods \"gone\" not found"),
        (
            Operation::Update,
            "-/pods",
            "mine",
            &mine,
            &mine,
            "unexpected operation \"UPDATE\", node \"n1\" can only create and delete mirror pods",
        ),
        (Operation::Update, "-/pods/status", "mine", &mine, &mine, ""),
        (
            Operation::Update,
            "-/pods/status",
            "mine",
            &mine,
            &of("n2", json!({})),
            "node \"n1\" can only update pod status for pods with spec.nodeName set to itself",
        ),
        (
            Operation::Update,
            "-/pods/status",
            "mine",
            &of("n1", json!({})),
            &mine,
            "node \"n1\" cannot update labels through pod status",
        ),
        (Operation::Create, "-/pods/eviction", "mine", &mine, &none, ""),
        (
            Operation::Create,
            "-/pods/eviction",
            "theirs",
            &mine,
            &none,
            "node n1 can only evict pods with spec.nodeName set to itself",
        ),
        (
            Operation::Connect,
            "-/pods/exec",
            "mine",
            &none,
            &none,
            "unexpected pod subresource \"exec\", only 'status' and 'eviction' are allowed",
        ),
    ] {
        assert_eq!(refusal(operation, what, name, new, old), expected, "{what} {name}");
    }
}

#[test]
fn nodes_change_their_own_node_within_limits() {
    let node = |labels: Doc, taints: Doc| json!({"metadata": {"name": "n1", "labels": labels}, "spec": {"taints": taints}});
    let plain = node(json!({"kubernetes.io/hostname": "n1"}), json!([]));
    let create = |labels| refusal(Operation::Create, "-/nodes", "", &node(labels, json!(null)), &Doc::Null);
    assert_eq!(
        create(json!({"kubernetes.io/os": "linux", "x.node.kubernetes.io/a": "b", "mine": "c", "eks.amazonaws.com/x": "y"})),
        ""
    );
    assert_eq!(
        create(json!({"node-restriction.kubernetes.io/a": "b", "node-role.kubernetes.io/master": "", "x.k8s.io/y": "z"})),
        "node \"n1\" is not allowed to set the following labels: \
         node-restriction.kubernetes.io/a, node-role.kubernetes.io/master, x.k8s.io/y"
    );
    let update = |name, new: Doc| refusal(Operation::Update, "-/nodes/status", name, &new, &plain);
    assert_eq!(update("n1", node(json!({"kubernetes.io/hostname": "n1", "a": "b"}), json!(null))), "");
    assert_eq!(update("n2", plain.clone()), "node \"n1\" is not allowed to modify node \"n2\"");
    assert_eq!(update("n1", node(json!({}), json!([{"key": "a"}]))), "node \"n1\" is not allowed to modify taints");
    assert_eq!(
        update("n1", node(json!({"x.kubernetes.io/y": "z"}), json!([]))),
        "is not allowed to modify labels: x.kubernetes.io/y"
    );
    assert_eq!(refusal(Operation::Delete, "-/nodes", "n1", &Doc::Null, &plain), "");
}

#[test]
fn nodes_keep_to_their_leases_csinodes_and_claims() {
    let named = |name: &str| json!({"metadata": {"name": name}});
    let none = Doc::Null;
    let lease = "can only access node lease with the same name as the requesting node";
    let csi = "can only access CSINode with the same name as the requesting node";
    for (operation, what, name, new, expected) in [
        (Operation::Create, "coordination.k8s.io/leases", "", named("n1"), ""),
        (Operation::Create, "coordination.k8s.io/leases", "", named("n2"), lease),
        (Operation::Update, "coordination.k8s.io/leases", "n2", named("n2"), lease),
        (Operation::Create, "storage.k8s.io/csinodes", "", named("n1"), ""),
        (Operation::Delete, "storage.k8s.io/csinodes", "n2", none.clone(), csi),
        (Operation::Update, "-/persistentvolumeclaims", "data", named("data"), "may only update PVC status"),
        (Operation::Create, "-/events", "", named("e"), ""),
    ] {
        assert_eq!(refusal(operation, what, name, &new, &none), expected, "{what} {name}");
    }
    let claim = |size: &str, class: &str| json!({"metadata": {"resourceVersion": size}, "spec": {"c": class}, "status": {"capacity": size}});
    let status = |new: Doc| refusal(Operation::Update, "-/persistentvolumeclaims/status", "data", &new, &claim("1", "a"));
    assert_eq!(status(claim("2", "a")), "");
    assert_eq!(
        status(claim("2", "b")),
        "node \"n1\" is not allowed to update fields other than status.quantity and status.conditions"
    );
}

#[test]
fn nodes_ask_for_tokens_of_their_pods() {
    let ask = |pod: &str, uid: &str, audiences: &[&str]| {
        let bound = json!({"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": uid});
        let new = json!({"spec": {"boundObjectRef": bound, "audiences": audiences}});
        refusal(Operation::Create, "-/serviceaccounts/token", "robot", &new, &Doc::Null)
    };
    for (pod, uid, audiences, expected) in [
        ("mine", "pod-uid", &[][..], ""),
        ("mine", "pod-uid", &["vault"], ""),
        ("mine", "pod-uid", &["efs.aws"], ""),
        ("mine", "pod-uid", &["ebs.aws"], ""),
        ("mine", "pod-uid", &["a", "b"], "node may only request 0 or 1 audiences"),
        (
            "mine",
            "pod-uid",
            &["sts"],
            "audience \"sts\" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience",
        ),
        ("mine", "", &[], "node requested token with a pod binding without a uid"),
        (
            "mine",
            "x",
            &[],
            "the UID in the bound object reference (x) does not match the UID in record. \
             The object might have been deleted and then recreated",
        ),
        ("theirs", "pod-uid", &[], "node requested token bound to a pod scheduled on a different node"),
        ("", "pod-uid", &[], "node requested token not bound to a pod"),
    ] {
        assert_eq!(ask(pod, uid, audiences), expected, "{pod} {audiences:?}");
    }
    let csr = |signer: &str| {
        let new = json!({"spec": {"signerName": signer, "request": "bm90IGEgcmVxdWVzdA=="}});
        refusal(Operation::Create, "certificates.k8s.io/certificatesigningrequests", "", &new, &Doc::Null)
    };
    assert_eq!(csr("example.com/any"), "");
    assert_eq!(csr("kubernetes.io/kubelet-serving"), "unable to parse csr: not a PEM block labelled CERTIFICATE REQUEST");
}
