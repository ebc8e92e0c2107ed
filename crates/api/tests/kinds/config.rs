//! ConfigMaps, Secrets, service accounts, RBAC.

use crate::{check_create, check_update, minimal};
use serde_json::json;

const KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const FROZEN: &str = "Forbidden: field is immutable when `immutable` is set";

#[test]
fn config_maps() {
    let base = json!({"data": {"a": "b"}});
    let big = "x".repeat(1024 * 1024);
    check_create(
        "v1 ConfigMap",
        &base,
        &[
            ("/data", json!({"a b": "c"}), &[&format!("data[a b]: Invalid value: \"a b\": {KEY}")]),
            ("/data", json!({ "a": big }), &[]),
            ("/data", json!({ "a": big, "b": "y" }), &["[]: Too long: may not be more than 1048576 bytes"]),
            (
                "/binaryData",
                json!({"a": "eA=="}),
                &[
                    "data[a]: Invalid value: \"a\": duplicate of key present in binaryData",
                    "binaryData[a]: Invalid value: \"a\": duplicate of key present in data",
                ],
            ),
        ],
    );
    check_update(
        "v1 ConfigMap",
        &json!({"data": {"a": "b"}, "immutable": true}),
        &[
            ("/metadata", json!({"labels": {"a": "b"}}), &[]),
            ("/data/a", json!("c"), &[&format!("data: {FROZEN}")]),
            ("/immutable", json!(null), &[&format!("immutable: {FROZEN}")]),
        ],
    );
}

#[test]
fn secrets() {
    check_create(
        "v1 Secret",
        &json!({"metadata": {}, "data": {}}),
        &[
            ("/type", json!("Opaque"), &[]),
            ("/type", json!("kubernetes.io/tls"), &["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
            ("/type", json!("kubernetes.io/basic-auth"), &["data[username]: Required value", "data[password]: Required value"]),
            ("/type", json!("kubernetes.io/ssh-auth"), &["data[ssh-privatekey]: Required value"]),
            ("/type", json!("kubernetes.io/dockerconfigjson"), &["data[.dockerconfigjson]: Required value"]),
            (
                "/type",
                json!("kubernetes.io/service-account-token"),
                &["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
            ),
            ("/data", json!({"..": ""}), &["data[..]: Invalid value: \"..\": must not be '..'"]),
        ],
    );
    check_update(
        "v1 Secret",
        &json!({"data": {"a": "eA=="}}),
        &[("/data/a", json!("eQ=="), &[]), ("/type", json!("x/y"), &["type: Invalid value: \"x/y\": field is immutable"])],
    );
}

#[test]
fn rbac() {
    let rule = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]});
    check_create(
        "rbac.authorization.k8s.io/v1 Role",
        &json!({ "rules": [rule] }),
        &[
            ("/rules/0/verbs", json!([]), &["rules[0].verbs: Required value: verbs must contain at least one value"]),
            (
                "/rules/0/apiGroups",
                json!([]),
                &["rules[0].apiGroups: Required value: resource rules must supply at least one api group"],
            ),
            (
                "/rules/0/resources",
                json!([]),
                &["rules[0].resources: Required value: resource rules must supply at least one resource"],
            ),
            (
                "/rules/0",
                json!({"verbs": ["get"], "nonResourceURLs": ["/x"]}),
                &["rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs"],
            ),
        ],
    );
    let base = minimal::body("RoleBinding");
    let name = "rbac.authorization.k8s.io/v1 RoleBinding";
    check_create(
        name,
        &base,
        &[
            (
                "/roleRef/kind",
                json!("Pod"),
                &["roleRef.kind: Unsupported value: \"Pod\": supported values: \"Role\", \"ClusterRole\""],
            ),
            ("/roleRef/name", json!(""), &["roleRef.name: Required value"]),
            (
                "/roleRef/apiGroup",
                json!("x"),
                &["roleRef.apiGroup: Unsupported value: \"x\": supported values: \"rbac.authorization.k8s.io\""],
            ),
            ("/subjects", json!([{"kind": "ServiceAccount", "name": "a"}]), &["subjects[0].namespace: Required value"]),
            (
                "/subjects",
                json!([{"kind": "Robot", "name": "a"}]),
                &["subjects[0].kind: Unsupported value: \"Robot\": supported values: \"ServiceAccount\", \"User\", \"Group\""],
            ),
            ("/subjects", json!([{"kind": "User", "name": ""}]), &["subjects[0].name: Required value"]),
        ],
    );
    check_update(
        name,
        &base,
        &[
            ("/subjects", json!([]), &[]),
            (
                "/roleRef/name",
                json!("edit"),
                &[
                    "roleRef: Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"ClusterRole\",\"Name\":\"edit\"}: cannot change roleRef",
                ],
            ),
        ],
    );
}
