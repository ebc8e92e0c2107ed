//! apps/v1 and batch/v1.

use crate::{check_create, check_update, minimal};
use serde_json::json;

const MISMATCH: &str =
    "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`";

#[test]
fn deployments() {
    let base = minimal::body("Deployment");
    check_create(
        "apps/v1 Deployment",
        &base,
        &[
            ("/spec/replicas", json!(-1), &["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
            ("/spec/selector", json!(null), &["spec.selector: Required value", MISMATCH]),
            ("/spec/selector", json!({}), &["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]),
            ("/spec/selector/matchLabels/app", json!("x"), &[MISMATCH]),
            (
                "/spec/selector/matchExpressions",
                json!([{"key": "app", "operator": "In"}]),
                &[
                    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
                    MISMATCH,
                ],
            ),
            ("/spec/template/spec/containers", json!([]), &["spec.template.spec.containers: Required value"]),
            (
                "/spec/template/spec/restartPolicy",
                json!("Never"),
                &["spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""],
            ),
            (
                "/spec/template/spec/activeDeadlineSeconds",
                json!(5),
                &["spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported"],
            ),
            (
                "/spec/strategy",
                json!({"type": "Recreate", "rollingUpdate": {}}),
                &["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
            ),
            (
                "/spec/strategy",
                json!({"type": "Blue"}),
                &["spec.strategy.type: Unsupported value: \"Blue\": supported values: \"Recreate\", \"RollingUpdate\""],
            ),
            (
                "/spec/strategy",
                json!({"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "0%"}}),
                &["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
            ),
            (
                "/spec/strategy",
                json!({"rollingUpdate": {"maxUnavailable": "101%"}}),
                &["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%"],
            ),
            (
                "/spec/strategy",
                json!({"rollingUpdate": {"maxSurge": "x"}}),
                &[
                    "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"x\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
                ],
            ),
            (
                "/spec/progressDeadlineSeconds",
                json!(0),
                &["spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds"],
            ),
        ],
    );
    check_update(
        "apps/v1 Deployment",
        &base,
        &[
            ("/spec/replicas", json!(3), &[]),
            (
                "/spec/selector/matchLabels/tier",
                json!("a"),
                &["spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\",\"tier\":\"a\"}}: field is immutable"],
            ),
        ],
    );
}

#[test]
fn other_workloads() {
    check_create(
        "apps/v1 StatefulSet",
        &minimal::body("StatefulSet"),
        &[
            (
                "/spec/podManagementPolicy",
                json!("All"),
                &["spec.podManagementPolicy: Invalid value: \"All\": must be 'OrderedReady' or 'Parallel'"],
            ),
            (
                "/spec/updateStrategy",
                json!({"type": "X"}),
                &[
                    "spec.updateStrategy: Invalid value: {\"RollingUpdate\":null,\"Type\":\"X\"}: must be 'RollingUpdate' or 'OnDelete'",
                ],
            ),
            (
                "/spec/updateStrategy/rollingUpdate/partition",
                json!(-1),
                &["spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0"],
            ),
            ("/spec/selector", json!({}), &["spec.selector: Invalid value: {}: empty selector is invalid for statefulset"]),
        ],
    );
    check_update(
        "apps/v1 StatefulSet",
        &minimal::body("StatefulSet"),
        &[
            ("/spec/replicas", json!(3), &[]),
            ("/spec/template/spec/containers/0/image", json!("x:2"), &[]),
            (
                "/spec/serviceName",
                json!("x"),
                &[
                    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
                ],
            ),
        ],
    );
    check_create(
        "apps/v1 DaemonSet",
        &minimal::body("DaemonSet"),
        &[
            (
                "/spec/updateStrategy/rollingUpdate",
                json!({"maxUnavailable": 1, "maxSurge": 1}),
                &["spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"],
            ),
            (
                "/spec/updateStrategy/rollingUpdate",
                json!({"maxUnavailable": 0}),
                &["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"],
            ),
            (
                "/spec/updateStrategy",
                json!({"type": "X"}),
                &["spec.updateStrategy.type: Unsupported value: \"X\": supported values: \"RollingUpdate\", \"OnDelete\""],
            ),
        ],
    );
    check_create(
        "v1 ReplicationController",
        &minimal::body("ReplicationController"),
        &[
            ("/spec/selector", json!({"app": "x"}), &[MISMATCH]),
            ("/spec/template", json!(null), &["spec.selector: Required value", "spec.template: Required value"]),
        ],
    );
}

#[test]
fn jobs() {
    let mut base = minimal::body("Job");
    base["spec"]["selector"] = json!({"matchLabels": {"app": "web"}});
    check_create(
        "batch/v1 Job",
        &base,
        &[
            (
                "/spec/template/spec/restartPolicy",
                json!(null),
                &["spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""],
            ),
            ("/spec/completions", json!(-1), &["spec.completions: Invalid value: -1: must be greater than or equal to 0"]),
            ("/spec/backoffLimit", json!(-1), &["spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"]),
        ],
    );
    check_update(
        "batch/v1 Job",
        &base,
        &[
            ("/spec/parallelism", json!(2), &[]),
            ("/spec/completions", json!(2), &["spec.completions: Invalid value: 2: field is immutable"]),
            ("/spec/completionMode", json!("Indexed"), &["spec.completionMode: Invalid value: \"Indexed\": field is immutable"]),
        ],
    );
    let base = minimal::body("CronJob");
    check_create(
        "batch/v1 CronJob",
        &base,
        &[
            ("/spec/schedule", json!(""), &["spec.schedule: Required value"]),
            ("/spec/schedule", json!("@hourly"), &[]),
            ("/spec/schedule", json!("0 9 * jan-mar MON"), &[]),
            (
                "/spec/schedule",
                json!("* * *"),
                &["spec.schedule: Invalid value: \"* * *\": expected exactly 5 fields, found 3: [* * *]"],
            ),
            (
                "/spec/schedule",
                json!("61 * * * *"),
                &["spec.schedule: Invalid value: \"61 * * * *\": end of range (61) above maximum (59): 61"],
            ),
            ("/spec/schedule", json!("x * * * *"), &["spec.schedule: Invalid value: \"x * * * *\": failed to parse int from x"]),
            (
                "/spec/concurrencyPolicy",
                json!("X"),
                &["spec.concurrencyPolicy: Unsupported value: \"X\": supported values: \"Allow\", \"Forbid\", \"Replace\""],
            ),
            (
                "/metadata",
                json!({"name": "a".repeat(53)}),
                &[&format!("metadata.name: Invalid value: \"{}\": must be no more than 52 characters", "a".repeat(53))],
            ),
        ],
    );
}

#[test]
fn a_stateful_sets_mounts_may_name_its_claims() {
    check_create(
        "apps/v1 StatefulSet",
        &minimal::body("StatefulSet"),
        &[
            ("/spec/template/spec/containers/0/volumeMounts", json!([{"name": "data", "mountPath": "/data"}]), &[]),
            ("/spec/template/metadata/labels/app", json!("x"), &[&MISMATCH.replace("web", "x")]),
        ],
    );
}
