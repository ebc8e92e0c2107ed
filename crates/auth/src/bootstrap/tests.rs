use super::*;
use crate::authorizer::{Attributes, Authorizer};
use crate::rbac::RbacIndex;
use meta::{User, user};
use serde_json::json;

fn allowed(index: &RbacIndex, user: &User, verb: &str, group: &str, resource: &str, namespace: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    index.authorize(&Attributes { subresource, namespace, ..Attributes::resource(user, verb, group, resource) }).is_allowed()
}

/// An index of the bootstrap documents in which group `<role>s` of namespace `ns` holds admin, edit and view.
fn index() -> RbacIndex {
    let mut docs = documents(DEFAULT_MINOR);
    for role in ["admin", "edit", "view"] {
        docs.push(json!({"kind": "RoleBinding", "metadata": {"name": role, "namespace": "ns"},
            "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": [{"kind": "Group", "name": format!("{role}s")}]}));
    }
    RbacIndex::from_documents(&docs)
}

#[test]
fn the_three_user_roles_hold_what_upstream_gives_them() {
    let index = index();
    for (verb, group, resource, admin, edit, view) in [
        ("get", "", "pods", true, true, true),
        ("watch", "", "pods/log", true, true, true),
        ("list", "", "configmaps", true, true, true),
        ("get", "", "secrets", true, true, false),
        ("create", "", "secrets", true, true, false),
        ("create", "apps", "deployments", true, true, false),
        ("patch", "apps", "deployments/scale", true, true, false),
        ("get", "apps", "deployments/status", true, true, true),
        ("create", "", "pods/exec", true, true, false),
        ("impersonate", "", "serviceaccounts", true, true, false),
        ("create", "rbac.authorization.k8s.io", "rolebindings", true, false, false),
        ("list", "rbac.authorization.k8s.io", "roles", true, false, false),
        ("create", "authorization.k8s.io", "localsubjectaccessreviews", true, false, false),
        ("create", "", "resourcequotas", false, false, false),
        ("update", "", "namespaces", false, false, false),
        ("get", "", "namespaces", true, true, true),
        ("list", "", "nodes", false, false, false),
        ("list", "discovery.k8s.io", "endpointslices", true, true, true),
        ("escalate", "rbac.authorization.k8s.io", "roles", false, false, false),
    ] {
        for (role, expected) in [("admin", admin), ("edit", edit), ("view", view)] {
            let user = User::authenticated("x", [format!("{role}s")]);
            assert_eq!(allowed(&index, &user, verb, group, resource, "ns"), expected, "{role} {verb} {resource}");
            assert!(!allowed(&index, &user, verb, group, resource, "other"), "{role} {verb} {resource} elsewhere");
        }
    }
}

#[test]
fn system_identities_hold_their_roles() {
    let index = index();
    let named = |name: &str| User::authenticated(name, Vec::<String>::new());
    let accounts = |name: &str| User::service_account("kube-system", name);
    for (user, verb, group, resource, expected) in [
        (User::authenticated("root", [user::MASTERS]), "delete", "any.io", "things", true),
        (named("system:kube-scheduler"), "create", "", "pods/binding", true),
        (named("system:kube-scheduler"), "delete", "", "nodes", false),
        (named("system:kube-controller-manager"), "create", "", "serviceaccounts/token", true),
        (accounts("deployment-controller"), "create", "apps", "replicasets", true),
        (accounts("deployment-controller"), "create", "", "pods", false),
        (accounts("replicaset-controller"), "create", "", "pods", true),
        (accounts("generic-garbage-collector"), "delete", "any.io", "things", true),
        (accounts("namespace-controller"), "deletecollection", "any.io", "things", true),
        (named("jane"), "create", "authorization.k8s.io", "selfsubjectaccessreviews", true),
        (User::anonymous(), "create", "authorization.k8s.io", "selfsubjectaccessreviews", false),
        (User::authenticated("system:node:a", [user::NODES]), "list", "", "services", false),
    ] {
        assert_eq!(allowed(&index, &user, verb, group, resource, ""), expected, "{} {verb} {resource}", user.name);
    }
    for (user, path, expected) in [
        (User::anonymous(), "/version", true),
        (User::anonymous(), "/apis/apps/v1", false),
        (named("jane"), "/apis/apps/v1", true),
    ] {
        assert_eq!(index.authorize(&Attributes::path(&user, "get", path)).is_allowed(), expected, "{} {path}", user.name);
    }
}

#[test]
fn every_document_is_whole_and_every_binding_resolves() {
    for minor in 34..=37 {
        let docs = documents(minor);
        let index = RbacIndex::from_documents(&docs);
        for doc in &docs {
            assert_eq!(doc["metadata"]["labels"]["kubernetes.io/bootstrapping"], "rbac-defaults");
            if let Some(role) = doc["roleRef"].as_object() {
                let role = serde_json::from_value(role.clone().into()).expect("a role reference");
                let namespace = doc["metadata"]["namespace"].as_str().unwrap_or_default();
                assert!(!index.rules_of_role(&role, namespace).expect("the role exists").is_empty(), "{doc}");
            } else {
                assert!(rules_of(doc).iter().all(|r| !r.verbs.is_empty()), "{doc}");
                assert!(!rules_of(doc).is_empty(), "{doc}");
            }
        }
    }
}

/// Name lists that must not change without a look at upstream.
#[test]
fn the_roles_are_upstreams() {
    let names = |minor: u32, kind: &str| -> Vec<String> {
        let docs = documents(minor).into_iter().filter(|d| d["kind"] == kind);
        docs.map(|d| d["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let counts = |minor| ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"].map(|kind| names(minor, kind).len());
    assert_eq!([34, 35, 36, 37].map(counts), COUNTS);
    let user_facing: Vec<String> =
        names(36, "ClusterRole").into_iter().filter(|n| !n.starts_with("system:controller:")).collect();
    assert_eq!(user_facing, CLUSTER_ROLES);
    assert_eq!(names(36, "Role"), ROLE_NAMES);
}

/// ClusterRoles, ClusterRoleBindings, Roles and RoleBindings of 1.34 to 1.37.
const COUNTS: [[usize; 4]; 4] = [[68, 49, 7, 7], [68, 49, 7, 7], [69, 50, 7, 7], [73, 54, 7, 7]];
const CLUSTER_ROLES: [&str; 31] = [
    "admin",
    "cluster-admin",
    "edit",
    "system:aggregate-to-admin",
    "system:aggregate-to-edit",
    "system:aggregate-to-view",
    "system:auth-delegator",
    "system:basic-user",
    "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
    "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
    "system:certificates.k8s.io:kube-apiserver-client-approver",
    "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
    "system:certificates.k8s.io:kubelet-serving-approver",
    "system:certificates.k8s.io:legacy-unknown-approver",
    "system:discovery",
    "system:heapster",
    "system:kube-aggregator",
    "system:kube-controller-manager",
    "system:kube-dns",
    "system:kube-scheduler",
    "system:kubelet-api-admin",
    "system:monitoring",
    "system:node",
    "system:node-bootstrapper",
    "system:node-problem-detector",
    "system:node-proxier",
    "system:persistent-volume-provisioner",
    "system:public-info-viewer",
    "system:service-account-issuer-discovery",
    "system:volume-scheduler",
    "view",
];
const ROLE_NAMES: [&str; 7] = [
    "system:controller:bootstrap-signer",
    "extension-apiserver-authentication-reader",
    "system::leader-locking-kube-controller-manager",
    "system::leader-locking-kube-scheduler",
    "system:controller:bootstrap-signer",
    "system:controller:cloud-provider",
    "system:controller:token-cleaner",
];

#[test]
fn rules_follow_the_minor() {
    let finds = |minor: u32, name: &str, group: &str, resource: &str| {
        cluster_role_rules(name, minor).is_some_and(|rules| {
            rules.iter().any(|r| r.api_groups.contains(&group.to_owned()) && r.resources.contains(&resource.to_owned()))
        })
    };
    assert!(!finds(34, "view", "events.k8s.io", "events"));
    assert!(finds(35, "view", "events.k8s.io", "events"));
    assert!(!finds(36, "system:node", "certificates.k8s.io", "clustertrustbundles"));
    assert!(finds(37, "system:node", "certificates.k8s.io", "clustertrustbundles"));
    assert_eq!(cluster_role_rules("no-such-role", 36), None);
}

#[test]
fn a_start_adds_what_is_missing_and_takes_nothing_away() {
    let docs = documents(DEFAULT_MINOR);
    let find = |kind: &str, name: &str| {
        docs.iter().find(|d| d["kind"] == kind && d["metadata"]["name"] == name).expect("a bootstrap document").clone()
    };
    let discovery = find("ClusterRole", "system:discovery");
    assert_eq!(reconcile(None, &discovery), Change::Create(discovery.clone()));
    assert_eq!(reconcile(Some(&discovery), &discovery), Change::Keep);

    let mut changed = discovery.clone();
    changed["rules"] = json!([{"verbs": ["get"], "nonResourceURLs": ["/api*", "/mine"]}]);
    changed["metadata"]["labels"] = json!({"mine": "kept"});
    let Change::Update(updated) = reconcile(Some(&changed), &discovery) else { panic!("an update") };
    assert_eq!(updated["metadata"]["labels"]["mine"], "kept");
    assert_eq!(updated["metadata"]["labels"]["kubernetes.io/bootstrapping"], "rbac-defaults");
    assert_eq!(updated["rules"][0], changed["rules"][0]);
    assert!(crate::rbac::covers(&rules_of(&updated), &rules_of(&discovery)).is_empty());

    changed["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"] = "false".into();
    assert_eq!(reconcile(Some(&changed), &discovery), Change::Keep);

    let binding = find("ClusterRoleBinding", "cluster-admin");
    let mut other = binding.clone();
    other["subjects"] = json!([{"kind": "User", "name": "jane"}]);
    let Change::Update(updated) = reconcile(Some(&other), &binding) else { panic!("an update") };
    assert_eq!(updated["subjects"].as_array().map(Vec::len), Some(2));
    other["roleRef"]["name"] = "view".into();
    assert_eq!(reconcile(Some(&other), &binding), Change::Recreate(binding));
}
