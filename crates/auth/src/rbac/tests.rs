use super::*;
use crate::authorizer::{Attributes, Authorizer, Decision};
use meta::{Doc, User, user};
use serde_json::json;

fn role(kind: &str, name: &str, rules: Doc) -> Doc {
    let mut doc = json!({"kind": kind, "metadata": {"name": name}, "rules": rules});
    if kind == "Role" {
        doc["metadata"]["namespace"] = "ns".into();
    }
    doc
}

fn binding(kind: &str, name: &str, role: &str, subjects: Doc) -> Doc {
    let (role_kind, role_name) = role.split_once('/').expect("kind/name");
    let mut doc = json!({"kind": kind, "metadata": {"name": name}, "subjects": subjects,
        "roleRef": {"apiGroup": GROUP, "kind": role_kind, "name": role_name}});
    if kind == "RoleBinding" {
        doc["metadata"]["namespace"] = "ns".into();
    }
    doc
}

fn rule(verbs: &[&str], groups: &[&str], resources: &[&str]) -> Doc {
    json!({"verbs": verbs, "apiGroups": groups, "resources": resources})
}

fn documents() -> Vec<Doc> {
    vec![
        role("ClusterRole", "reader", json!([rule(&["get", "list"], &[""], &["pods"])])),
        role("Role", "writer", json!([rule(&["create"], &[""], &["pods"])])),
        role("ClusterRole", "granter", json!([rule(&["create"], &[GROUP], &["roles", "rolebindings"])])),
        role("ClusterRole", "escalator", json!([rule(&["escalate", "bind"], &[GROUP], &["roles", "clusterroles"])])),
        binding(
            "ClusterRoleBinding",
            "all",
            "ClusterRole/reader",
            json!([{"kind": "Group", "name": "readers"}, {"kind": "User", "name": "jane"}]),
        ),
        binding(
            "RoleBinding",
            "here",
            "Role/writer",
            json!([{"kind": "ServiceAccount", "name": "robot"}, {"kind": "User", "name": "jane"}]),
        ),
        binding(
            "RoleBinding",
            "far",
            "ClusterRole/reader",
            json!([{"kind": "ServiceAccount", "name": "robot", "namespace": "other"}]),
        ),
        binding("RoleBinding", "broken", "Role/gone", json!([{"kind": "User", "name": "lost"}])),
        binding("ClusterRoleBinding", "broken", "ClusterRole/gone", json!([{"kind": "User", "name": "lost"}])),
        binding("ClusterRoleBinding", "nowhere", "ClusterRole/reader", json!([{"kind": "ServiceAccount", "name": "robot"}])),
        binding("RoleBinding", "escalators", "ClusterRole/escalator", json!([{"kind": "User", "name": "boss"}])),
    ]
}

fn named(name: &str) -> User {
    User::authenticated(name, Vec::<String>::new())
}

#[test]
fn reasons_name_binding_role_and_subject() {
    let index = RbacIndex::from_documents(&documents());
    for (user, verb, namespace, allowed, reason) in [
        (
            User::authenticated("x", ["readers"]),
            "get",
            "",
            true,
            r#"RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "reader" to Group "readers""#,
        ),
        (
            named("jane"),
            "list",
            "any",
            true,
            r#"RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "reader" to User "jane""#,
        ),
        (named("jane"), "create", "ns", true, r#"RBAC: allowed by RoleBinding "here/ns" of Role "writer" to User "jane""#),
        (named("jane"), "create", "other", false, ""),
        (named("jane"), "create", "", false, ""),
        (
            User::service_account("ns", "robot"),
            "create",
            "ns",
            true,
            r#"RBAC: allowed by RoleBinding "here/ns" of Role "writer" to ServiceAccount "robot/ns""#,
        ),
        (User::service_account("other", "robot"), "create", "ns", false, ""),
        (
            User::service_account("other", "robot"),
            "get",
            "ns",
            true,
            r#"RBAC: allowed by RoleBinding "far/ns" of ClusterRole "reader" to ServiceAccount "robot/other""#,
        ),
        (User::service_account("ns", "robot"), "get", "", false, ""),
        (
            named("lost"),
            "get",
            "ns",
            false,
            r#"RBAC: [clusterrole.rbac.authorization.k8s.io "gone" not found, role.rbac.authorization.k8s.io "gone" not found]"#,
        ),
        (named("lost"), "get", "", false, r#"RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found"#),
        (User::anonymous(), "get", "ns", false, ""),
    ] {
        let decision = index.authorize(&Attributes::resource(&user, verb, "", "pods").in_namespace(namespace));
        let expected = if allowed { Decision::allow(reason) } else { Decision::no_opinion(reason) };
        assert_eq!(decision, expected, "{} {verb} {namespace}", user.name);
    }
}

#[test]
fn the_index_follows_every_change() {
    let index = RbacIndex::default();
    let jane = named("jane");
    let may =
        |index: &RbacIndex| index.authorize(&Attributes::resource(&jane, "create", "", "pods").in_namespace("ns")).is_allowed();
    let (writer, bound) = (role("Role", "w", json!([rule(&["*"], &[""], &["pods"])])), json!([{"kind": "User", "name": "jane"}]));
    let bind = |subjects: Doc| binding("RoleBinding", "b", "Role/w", subjects);
    index.apply(RbacKind::RoleBinding, "ns", "b", Some(&bind(bound.clone())));
    assert!(!may(&index), "no role yet");
    index.apply(RbacKind::Role, "ns", "w", Some(&writer));
    assert!(may(&index));
    index.apply(RbacKind::Role, "ns", "w", Some(&role("Role", "w", json!([]))));
    assert!(!may(&index), "rules changed");
    index.apply(RbacKind::Role, "ns", "w", Some(&writer));
    index.apply(RbacKind::RoleBinding, "ns", "b", Some(&bind(json!([{"kind": "User", "name": "bob"}]))));
    assert!(!may(&index), "subjects changed");
    index.apply(RbacKind::RoleBinding, "ns", "b", Some(&bind(bound)));
    assert!(may(&index));
    index.apply(RbacKind::RoleBinding, "ns", "b", None);
    index.apply(RbacKind::RoleBinding, "ns", "never-was", None);
    assert!(!may(&index), "deleted");
}

#[test]
fn rules_can_be_listed() {
    let index = RbacIndex::from_documents(&documents());
    let both = User::authenticated("jane", ["readers"]);
    let rules = index.rules_for(&both, "ns");
    assert_eq!(rules.rules.len(), 2, "a binding counts once");
    assert_eq!(
        rules.review_status(),
        json!({"incomplete": false, "nonResourceRules": [], "resourceRules": [
            {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]},
            {"verbs": ["create"], "apiGroups": [""], "resources": ["pods"]}]})
    );
    let status = index.rules_for(&named("lost"), "").review_status();
    assert_eq!(status["evaluationError"], r#"clusterrole.rbac.authorization.k8s.io "gone" not found"#);
}

#[test]
fn nobody_grants_what_they_do_not_hold() {
    let index = RbacIndex::from_documents(&documents());
    let reads = role("Role", "new", json!([rule(&["get"], &[""], &["pods"])]));
    let writes = role("Role", "new", json!([rule(&["get", "delete", "update"], &[""], &["pods", "nodes"])]));
    let missing = "roles.rbac.authorization.k8s.io \"new\" is forbidden: user \"jane\" (groups=[\"system:authenticated\"]) is \
                   attempting to grant RBAC permissions not currently held:\n\
                   {APIGroups:[\"\"], Resources:[\"nodes\"], Verbs:[\"get\" \"delete\" \"update\"]}\n\
                   {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\" \"update\"]}";
    let mut freed = writes.clone();
    freed["metadata"]["finalizers"] = json!([]);
    for (user, new, old, expected) in [
        (named("jane"), &reads, None, ""),
        (named("jane"), &writes, None, missing),
        (named("jane"), &writes, Some(&reads), missing),
        (named("jane"), &freed, Some(&writes), ""),
        (named("boss"), &writes, None, ""),
        (User::authenticated("root", [user::MASTERS]), &writes, None, ""),
    ] {
        let granter = Granter { user: &user, authorizer: &index, rbac: &index };
        let result = check_role(granter, "ns", "new", new, old);
        assert_eq!(result.err().map(|s| s.message).unwrap_or_default(), expected, "{}", user.name);
    }
    let jane = User::authenticated("jane", ["x"]);
    let granter = Granter { user: &jane, authorizer: &index, rbac: &index };
    let mut aggregated = role("ClusterRole", "new", json!([]));
    aggregated["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]});
    assert_eq!(
        check_role(granter, "", "new", &aggregated, None).err().map(|s| s.message).unwrap_or_default(),
        "clusterroles.rbac.authorization.k8s.io \"new\" is forbidden: must have cluster-admin privileges to use the aggregationRule"
    );
}

#[test]
fn nobody_binds_what_they_do_not_hold() {
    let index = RbacIndex::from_documents(&documents());
    let bind = |role: &str| binding("RoleBinding", "new", role, json!([{"kind": "User", "name": "x"}]));
    for (user, role, expected) in [
        (named("jane"), "ClusterRole/reader", ""),
        (named("jane"), "Role/writer", ""),
        (
            named("jane"),
            "ClusterRole/granter",
            "rolebindings.rbac.authorization.k8s.io \"new\" is forbidden: user \"jane\" (groups=[\"system:authenticated\"]) is \
             attempting to grant RBAC permissions not currently held:\n\
             {APIGroups:[\"rbac.authorization.k8s.io\"], Resources:[\"rolebindings\"], Verbs:[\"create\"]}\n\
             {APIGroups:[\"rbac.authorization.k8s.io\"], Resources:[\"roles\"], Verbs:[\"create\"]}",
        ),
        (named("boss"), "ClusterRole/granter", ""),
        (named("jane"), "ClusterRole/gone", "clusterroles.rbac.authorization.k8s.io \"gone\" not found"),
        (named("boss"), "ClusterRole/gone", ""),
    ] {
        let granter = Granter { user: &user, authorizer: &index, rbac: &index };
        let result = check_binding(granter, "ns", "new", &bind(role), None);
        assert_eq!(result.err().map(|s| s.message).unwrap_or_default(), expected, "{} {role}", user.name);
    }
}

#[test]
fn aggregated_rules_follow_labels() {
    let part = |name: &str, label: &str, verb: &str| {
        let mut doc = role("ClusterRole", name, json!([rule(&[verb], &[""], &["pods"])]));
        doc["metadata"]["labels"] = json!({ label: "true" });
        doc
    };
    let mut whole = part("whole", "to-a", "list");
    whole["aggregationRule"] =
        json!({"clusterRoleSelectors": [{"matchLabels": {"to-a": "true"}}, {"matchLabels": {"to-b": "true"}}]});
    let roles =
        [part("z", "to-a", "get"), part("b", "to-a", "watch"), part("c", "to-b", "get"), part("d", "to-c", "delete"), whole];
    let verbs: Vec<String> = aggregated_rules(&roles[4], &roles)
        .expect("good selectors")
        .expect("an aggregation rule")
        .into_iter()
        .flat_map(|r| r.verbs)
        .collect();
    assert_eq!(verbs, ["watch", "get"], "by name, each rule once, never its own");
    assert_eq!(aggregated_rules(&roles[0], &roles), Ok(None));
}
