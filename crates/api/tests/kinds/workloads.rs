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
            ("/spec/completionMode", json!("Indexed"), &[]),
            (
                "/spec/backoffLimitPerIndex",
                json!(1),
                &["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
            ),
            (
                "/spec/maxFailedIndexes",
                json!(1),
                &[
                    "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
                    "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode",
                ],
            ),
            (
                "/spec/podReplacementPolicy",
                json!("Never"),
                &[
                    "spec.podReplacementPolicy: Unsupported value: \"Never\": supported values: \"Failed\", \"TerminatingOrFailed\"",
                ],
            ),
            (
                "/spec/successPolicy",
                json!({"rules": []}),
                &["spec.successPolicy: Invalid value: {\"rules\":[]}: requires indexed completion mode"],
            ),
        ],
    );
    job_policies(&base);
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
            (
                "/spec/schedule",
                json!("TZ=UTC * * * * *"),
                &[
                    "spec.schedule: Invalid value: \"TZ=UTC * * * * *\": cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
                ],
            ),
            ("/spec/timeZone", json!("Europe/Berlin"), &[]),
            ("/spec/timeZone", json!("../etc"), &["spec.timeZone: Invalid value: \"../etc\": unknown time zone ../etc"]),
            ("/spec/timeZone", json!(""), &["spec.timeZone: Invalid value: \"\": timeZone must be nil or non-empty string"]),
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

fn job_policies(job: &meta::Doc) {
    let mut base = job.clone();
    base["spec"]["completions"] = json!(3);
    base["spec"]["completionMode"] = json!("Indexed");
    let code = |values: meta::Doc| json!({"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": values}}]});
    let rules = |rule: meta::Doc| json!({"rules": [rule]});
    check_create(
        "batch/v1 Job",
        &base,
        &[
            ("/spec/podFailurePolicy", code(json!([1, 42])), &[]),
            (
                "/spec/podFailurePolicy",
                code(json!([0])),
                &["spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator"],
            ),
            (
                "/spec/podFailurePolicy",
                code(json!([2, 1])),
                &["spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,1]: must be ordered"],
            ),
            (
                "/spec/podFailurePolicy",
                rules(json!({"action": "FailIndex", "onPodConditions": [{"type": "DisruptionTarget"}]})),
                &[
                    "spec.podFailurePolicy.rules[0].action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set",
                ],
            ),
            (
                "/spec/podFailurePolicy",
                rules(json!({"action": "Ignore"})),
                &[
                    "spec.podFailurePolicy.rules[0]: Invalid value: {\"action\":\"Ignore\"}: specifying one of OnExitCodes and OnPodConditions is required",
                ],
            ),
            ("/spec/successPolicy", rules(json!({"succeededIndexes": "0,2", "succeededCount": 1})), &[]),
            (
                "/spec/successPolicy",
                rules(json!({"succeededIndexes": "0-3"})),
                &[
                    "spec.successPolicy.rules[0].succeededIndexes: Invalid value: \"0-3\": error parsing succeededIndexes: too large index: \"3\"",
                ],
            ),
            (
                "/spec/successPolicy",
                rules(json!({"succeededIndexes": "0,1", "succeededCount": 3})),
                &[
                    "spec.successPolicy.rules[0].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)",
                ],
            ),
            (
                "/spec/successPolicy",
                rules(json!({})),
                &[
                    "spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified",
                ],
            ),
            (
                "/metadata",
                json!({"name": "a".repeat(62)}),
                &[&format!(
                    "metadata.name: Invalid value: \"{0}\": will not able to create pod with invalid DNS label: {0}-2",
                    "a".repeat(62)
                )],
            ),
        ],
    );
}
