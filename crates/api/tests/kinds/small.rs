//! Kinds with few rules.

use crate::{check_create, check_update, minimal};
use serde_json::json;

#[test]
fn cluster_kinds() {
    check_create(
        "v1 Namespace",
        &json!({"metadata": {"name": "a"}, "spec": {}}),
        &[(
            "/spec/finalizers",
            json!(["mine"]),
            &["spec.finalizers: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully qualified"],
        )],
    );
    check_create(
        "v1 Node",
        &json!({"spec": {}}),
        &[
            ("/spec/taints", json!([{"key": "a", "effect": "NoSchedule"}]), &[]),
            ("/spec/taints", json!([{"key": "a"}]), &["spec.taints[0].effect: Required value"]),
            (
                "/spec/taints",
                json!([{"key": "a", "effect": "X"}]),
                &[
                    "spec.taints[0].effect: Unsupported value: \"X\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
                ],
            ),
        ],
    );
    check_update(
        "v1 Node",
        &json!({"spec": {"providerID": "aws:///a", "podCIDRs": ["10.0.0.0/24"]}}),
        &[
            ("/spec/unschedulable", json!(true), &[]),
            (
                "/spec/providerID",
                json!("x"),
                &["spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid"],
            ),
        ],
    );
    let class = "scheduling.k8s.io/v1 PriorityClass";
    check_create(
        class,
        &json!({"metadata": {"name": "a"}, "value": 1}),
        &[(
            "/value",
            json!(2_000_000_000),
            &["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
        )],
    );
    check_update(class, &json!({"value": 1}), &[("/value", json!(2), &["value: Forbidden: may not be changed in an update."])]);
    check_update(
        "node.k8s.io/v1 RuntimeClass",
        &minimal::body("RuntimeClass"),
        &[("/handler", json!("x"), &["handler: Invalid value: \"x\": field is immutable"])],
    );
}

#[test]
fn leases_budgets_and_autoscalers() {
    check_create(
        "coordination.k8s.io/v1 Lease",
        &json!({"spec": {}}),
        &[("/spec/leaseDurationSeconds", json!(0), &["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"])],
    );
    check_create(
        "policy/v1 PodDisruptionBudget",
        &json!({"spec": {"minAvailable": 1}}),
        &[(
            "/spec/maxUnavailable",
            json!(1),
            &[
                "spec: Invalid value: {\"MaxUnavailable\":1,\"MinAvailable\":1,\"Selector\":null,\"UnhealthyPodEvictionPolicy\":null}: minAvailable and maxUnavailable cannot be both set",
            ],
        )],
    );
    check_create(
        "autoscaling/v2 HorizontalPodAutoscaler",
        &minimal::body("HorizontalPodAutoscaler"),
        &[
            (
                "/spec/maxReplicas",
                json!(0),
                &[
                    "spec.maxReplicas: Invalid value: 0: must be greater than 0",
                    "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
                ],
            ),
            ("/spec/scaleTargetRef/name", json!(""), &["spec.scaleTargetRef.name: Required value"]),
        ],
    );
}

#[test]
fn networking() {
    let path = |kind: &str, path: &str| json!([{"http": {"paths": [{"path": path, "pathType": kind, "backend": {"service": {"name": "a", "port": {"number": 80}}}}]}}]);
    check_create(
        "networking.k8s.io/v1 Ingress",
        &json!({"spec": {}}),
        &[
            ("/spec/rules", path("Prefix", "/"), &[]),
            ("/spec/rules", path("", "/"), &["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"]),
            (
                "/spec/rules",
                path("Exact", "a"),
                &["spec.rules[0].http.paths[0].path: Invalid value: \"a\": must be an absolute path"],
            ),
            ("/spec/rules", json!([]), &["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]),
            (
                "/spec/defaultBackend",
                json!({}),
                &["spec.defaultBackend: Required value: resource or service backend is required"],
            ),
        ],
    );
    check_create(
        "networking.k8s.io/v1 NetworkPolicy",
        &json!({"spec": {"podSelector": {}}}),
        &[
            ("/spec/ingress", json!([{"from": [{}]}]), &["spec.ingress[0].from[0]: Required value: must specify a peer"]),
            (
                "/spec/policyTypes",
                json!(["X"]),
                &["spec.policyTypes[0]: Unsupported value: \"X\": supported values: \"Egress\", \"Ingress\""],
            ),
        ],
    );
}

#[test]
fn storage() {
    check_create(
        "v1 PersistentVolumeClaim",
        &minimal::body("PersistentVolumeClaim"),
        &[
            ("/spec/accessModes", json!([]), &["spec.accessModes: Required value: at least 1 access mode is required"]),
            (
                "/spec/accessModes",
                json!(["X"]),
                &[
                    "spec.accessModes: Unsupported value: \"X\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
                ],
            ),
            ("/spec/resources", json!({}), &["spec.resources[storage]: Required value"]),
        ],
    );
    let mut bound = minimal::body("PersistentVolumeClaim");
    bound["status"] = json!({"phase": "Bound", "capacity": {"storage": "1Gi"}});
    check_update(
        "v1 PersistentVolumeClaim",
        &bound,
        &[
            ("/spec/volumeName", json!("pv"), &[]),
            ("/spec/resources/requests/storage", json!("2Gi"), &[]),
            (
                "/spec/resources/requests/storage",
                json!("1Mi"),
                &["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"],
            ),
            (
                "/spec/accessModes",
                json!(["ReadWriteMany"]),
                &[
                    "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n- accessModes: [\"ReadWriteOnce\"]\n+ accessModes: [\"ReadWriteMany\"]\n",
                ],
            ),
        ],
    );
    check_update(
        "storage.k8s.io/v1 StorageClass",
        &json!({"provisioner": "a", "parameters": {"x": "y"}}),
        &[
            ("/parameters", json!({}), &["parameters: Forbidden: updates to parameters are forbidden."]),
            ("/provisioner", json!("b"), &["provisioner: Forbidden: updates to provisioner are forbidden."]),
        ],
    );
}

#[test]
fn events_and_reviews() {
    let base = json!({"metadata": {"namespace": "a"}, "involvedObject": {"namespace": "a"}});
    check_create(
        "v1 Event",
        &base,
        &[(
            "/involvedObject/namespace",
            json!("b"),
            &["involvedObject.namespace: Invalid value: \"b\": does not match event.namespace"],
        )],
    );
    check_create(
        "authorization.k8s.io/v1 SubjectAccessReview",
        &minimal::body("SubjectAccessReview"),
        &[
            ("/spec/user", json!(""), &["spec.user: Invalid value: \"\": at least one of user or group must be specified"]),
            (
                "/spec/resourceAttributes",
                json!(null),
                &[
                    "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
                ],
            ),
        ],
    );
    check_create(
        "certificates.k8s.io/v1 CertificateSigningRequest",
        &minimal::body("CertificateSigningRequest"),
        &[
            (
                "/spec/signerName",
                json!("x"),
                &[
                    "spec.signerName: Invalid value: \"x\": must be a fully qualified domain and path of the form 'example.com/signer-name'",
                ],
            ),
            (
                "/spec/expirationSeconds",
                json!(5),
                &["spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 600 seconds (10 minutes)"],
            ),
        ],
    );
}
