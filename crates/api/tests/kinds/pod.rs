//! Pods.

use crate::{check_create, check_update, def, defaulted};
use meta::{Doc, FieldErrors};
use serde_json::json;

fn base() -> Doc {
    json!({"metadata": {"name": "web", "namespace": "default"}, "spec": {
        "containers": [{"name": "web", "image": "nginx:1.29", "ports": [{"containerPort": 80}]}],
        "volumes": [{"name": "data", "emptyDir": {}}], "serviceAccountName": "default"}})
}

const C0: &str = "/spec/containers/0";

fn at(rest: &str) -> String {
    format!("{C0}{rest}")
}

#[test]
fn containers() {
    let two = json!([{"name": "a", "image": "x:1"}, {"name": "a", "image": "x:1"}]);
    check_create(
        "v1 Pod",
        &base(),
        &[
            ("/spec/containers", json!([]), &["spec.containers: Required value"]),
            ("/spec/containers", two, &["spec.containers[1].name: Duplicate value: \"a\""]),
            (&at("/name"), json!(""), &["spec.containers[0].name: Required value"]),
            (
                &at("/name"),
                json!("Web"),
                &[
                    "spec.containers[0].name: Invalid value: \"Web\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
                ],
            ),
            (&at("/image"), json!(null), &["spec.containers[0].image: Required value"]),
            (
                &at("/image"),
                json!(" x:1"),
                &["spec.containers[0].image: Invalid value: \" x:1\": must not have leading or trailing whitespace"],
            ),
            (
                &at("/imagePullPolicy"),
                json!("Sometimes"),
                &[
                    "spec.containers[0].imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
                ],
            ),
            (&at("/ports"), json!([{"containerPort": 0}]), &["spec.containers[0].ports[0].containerPort: Required value"]),
            (
                &at("/ports"),
                json!([{"containerPort": 70000}]),
                &["spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"],
            ),
            (
                &at("/ports"),
                json!([{"containerPort": 1, "protocol": "X"}]),
                &["spec.containers[0].ports[0].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\""],
            ),
            (
                &at("/ports"),
                json!([{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]),
                &["spec.containers[0].ports[1].name: Duplicate value: \"a\""],
            ),
            (
                &at("/ports"),
                json!([{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}]),
                &["spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//9\""],
            ),
            (&at("/env"), json!([{"name": ""}]), &["spec.containers[0].env[0].name: Required value"]),
            (
                &at("/env"),
                json!([{"name": "A", "valueFrom": {}}]),
                &[
                    "spec.containers[0].env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
                ],
            ),
            (
                &at("/env"),
                json!([{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
                &["spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"],
            ),
            (&at("/env"), json!([{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}}]), &[]),
            (
                &at("/envFrom"),
                json!([{}]),
                &["spec.containers[0].envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"],
            ),
            (
                &at("/resources"),
                json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
                &["spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1"],
            ),
            (
                &at("/resources"),
                json!({"requests": {"cpu": "-1"}}),
                &["spec.containers[0].resources.requests[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"],
            ),
            (
                &at("/resources"),
                json!({"requests": {"example.com/gpu": "1"}}),
                &[
                    "spec.containers[0].resources.limits[example.com/gpu]: Required value: Limit must be set for non overcommitable resources",
                ],
            ),
            (
                &at("/resources"),
                json!({"requests": {"disk": "1"}}),
                &[
                    "spec.containers[0].resources.requests[disk]: Invalid value: \"disk\": must be a standard resource for containers",
                ],
            ),
            (
                &at("/livenessProbe"),
                json!({}),
                &["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
            ),
            (
                &at("/livenessProbe"),
                json!({"tcpSocket": {"port": 80}, "successThreshold": 2}),
                &["spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"],
            ),
            (
                &at("/readinessProbe"),
                json!({"exec": {"command": []}}),
                &["spec.containers[0].readinessProbe.exec.command: Required value"],
            ),
            (
                &at("/readinessProbe"),
                json!({"httpGet": {"port": 0}}),
                &["spec.containers[0].readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive"],
            ),
            (
                &at("/readinessProbe"),
                json!({"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}),
                &["spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"],
            ),
            (
                "/spec/initContainers",
                json!([{"name": "web", "image": "x:1"}]),
                &["spec.initContainers[0].name: Duplicate value: \"web\""],
            ),
            (
                "/spec/initContainers",
                json!([{"name": "i", "image": "x:1", "readinessProbe": {"exec": {"command": ["a"]}}}]),
                &[
                    "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
                ],
            ),
            (
                "/spec/ephemeralContainers",
                json!([{"name": "e", "image": "x:1", "ports": [{"containerPort": 1}]}]),
                &["spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container"],
            ),
            (
                &at("/securityContext"),
                json!({"privileged": true, "allowPrivilegeEscalation": false}),
                &[
                    "spec.containers[0].securityContext.allowPrivilegeEscalation: Invalid value: false: cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
                ],
            ),
        ],
    );
}

#[test]
fn volumes_and_mounts() {
    check_create(
        "v1 Pod",
        &base(),
        &[
            (&at("/volumeMounts"), json!([{"name": "data", "mountPath": "/a"}]), &[]),
            (
                &at("/volumeMounts"),
                json!([{"name": "other", "mountPath": "/a"}]),
                &["spec.containers[0].volumeMounts[0].name: Not found: \"other\""],
            ),
            (
                &at("/volumeMounts"),
                json!([{"name": "data", "mountPath": ""}]),
                &["spec.containers[0].volumeMounts[0].mountPath: Required value"],
            ),
            (
                &at("/volumeMounts"),
                json!([{"name": "data", "mountPath": "/a"}, {"name": "data", "mountPath": "/a"}]),
                &["spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique"],
            ),
            (
                &at("/volumeMounts"),
                json!([{"name": "data", "mountPath": "/a", "subPath": "../x"}]),
                &["spec.containers[0].volumeMounts.subPath: Invalid value: \"../x\": must not contain '..'"],
            ),
            (
                "/spec/volumes/0/hostPath",
                json!({"path": "/"}),
                &["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
            ),
            ("/spec/volumes", json!([{"name": "a"}, {"name": "a"}]), &["spec.volumes[1].name: Duplicate value: \"a\""]),
            ("/spec/volumes", json!([{"name": "a", "secret": {}}]), &["spec.volumes[0].secret.secretName: Required value"]),
            (
                "/spec/volumes",
                json!([{"name": "a", "configMap": {"name": "x", "defaultMode": 1000}}]),
                &[
                    "spec.volumes[0].configMap.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive",
                ],
            ),
            (
                "/spec/volumes",
                json!([{"name": "a", "persistentVolumeClaim": {}}]),
                &["spec.volumes[0].persistentVolumeClaim.claimName: Required value"],
            ),
            (
                "/spec/volumes",
                json!([{"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}]}}]),
                &[
                    "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes",
                ],
            ),
        ],
    );
}

#[test]
fn a_token_needs_an_account() {
    let volumes = json!([{"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]);
    let mut pod = base();
    pod["spec"]["volumes"] = volumes;
    check_create(
        "v1 Pod",
        &pod,
        &[(
            "/spec/serviceAccountName",
            json!(null),
            &[
                "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set",
            ],
        )],
    );
}

#[test]
fn the_spec_itself() {
    let term = |operator: &str, values: Doc| {
        json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "zone", "operator": operator, "values": values}]}]}}})
    };
    let expression =
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0]";
    check_create(
        "v1 Pod",
        &base(),
        &[
            (
                "/spec/restartPolicy",
                json!("Maybe"),
                &["spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"OnFailure\", \"Never\""],
            ),
            (
                "/spec/dnsPolicy",
                json!("Own"),
                &[
                    "spec.dnsPolicy: Unsupported value: \"Own\": supported values: \"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\"",
                ],
            ),
            (
                "/spec/dnsPolicy",
                json!("None"),
                &["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
            ),
            (
                "/spec/activeDeadlineSeconds",
                json!(0),
                &["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"],
            ),
            (
                "/spec/nodeSelector",
                json!({"a": "b c"}),
                &[
                    "spec.nodeSelector: Invalid value: \"b c\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
                ],
            ),
            (
                "/spec/tolerations",
                json!([{"operator": "Equal", "value": "a"}]),
                &[
                    "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
                ],
            ),
            (
                "/spec/tolerations",
                json!([{"key": "a", "operator": "Exists", "value": "b"}]),
                &["spec.tolerations[0].operator: Invalid value: \"b\": value must be empty when `operator` is 'Exists'"],
            ),
            (
                "/spec/tolerations",
                json!([{"key": "a", "operator": "Exists", "tolerationSeconds": 3}]),
                &["spec.tolerations[0].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set"],
            ),
            (
                "/spec/tolerations",
                json!([{"key": "a", "effect": "Shoo"}]),
                &[
                    "spec.tolerations[0].effect: Unsupported value: \"Shoo\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
                ],
            ),
            (
                "/spec/affinity",
                term("In", json!([])),
                &[&format!("{expression}.values: Required value: must be specified when `operator` is 'In' or 'NotIn'")],
            ),
            (
                "/spec/affinity",
                term("Near", json!([])),
                &[&format!("{expression}.operator: Invalid value: \"Near\": not a valid selector operator")],
            ),
            ("/spec/affinity", term("In", json!(["a"])), &[]),
            ("/spec/hostNetwork", json!(true), &[]),
            (
                "/spec/topologySpreadConstraints",
                json!([{"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]),
                &["spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"],
            ),
            (
                "/spec/serviceAccountName",
                json!("A"),
                &[
                    "spec.serviceAccountName: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                ],
            ),
        ],
    );
}

const ONLY: &str = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n";

#[test]
fn updates() {
    let name = format!("{ONLY}- nodeName: null\n+ nodeName: \"n\"\n");
    check_update(
        "v1 Pod",
        &base(),
        &[
            ("/metadata/labels", json!({"a": "b"}), &[]),
            (&at("/image"), json!("nginx:1.30"), &[]),
            ("/spec/activeDeadlineSeconds", json!(5), &[]),
            ("/spec/tolerations", json!([{"key": "a", "operator": "Exists"}]), &[]),
            ("/spec/nodeName", json!("n"), &[&name]),
            ("/spec/containers", json!([]), &["spec.containers: Forbidden: pod updates may not add or remove containers"]),
            (
                "/spec/schedulingGates",
                json!([{"name": "g"}]),
                &["spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"],
            ),
        ],
    );
    let mut limited = base();
    limited["spec"]["activeDeadlineSeconds"] = json!(10);
    limited["spec"]["tolerations"] = json!([{"key": "a", "operator": "Exists"}]);
    check_update(
        "v1 Pod",
        &limited,
        &[
            ("/spec/activeDeadlineSeconds", json!(5), &[]),
            (
                "/spec/activeDeadlineSeconds",
                json!(11),
                &["spec.activeDeadlineSeconds: Invalid value: 11: must be less than or equal to previous value"],
            ),
            (
                "/spec/activeDeadlineSeconds",
                json!(null),
                &["spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"],
            ),
            (
                "/spec/tolerations",
                json!([]),
                &["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
            ),
        ],
    );
}

#[test]
fn status_updates() {
    let def = def("v1 Pod");
    let mut old = defaulted(&def, base());
    old["spec"]["restartPolicy"] = json!("Never");
    old["status"] =
        json!({"qosClass": "Burstable", "containerStatuses": [{"name": "web", "state": {"terminated": {"exitCode": 0}}}]});
    for (pointer, value, expected) in [
        ("/status/qosClass", json!("BestEffort"), "status.qosClass: Invalid value: \"BestEffort\": field is immutable"),
        (
            "/status/containerStatuses/0/state",
            json!({"running": {}}),
            "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state",
        ),
    ] {
        let mut new = old.clone();
        crate::change(&mut new, pointer, value);
        let mut errors = FieldErrors::default();
        (def.hooks.validate_status)(&new, &old, &mut errors);
        assert_eq!(errors.aggregate(), expected);
    }
}

#[test]
fn bindings_name_a_node() {
    let mut errors = FieldErrors::default();
    api::kinds::validate_binding(&json!({"target": {"kind": "Pod"}}), &mut errors);
    let expected =
        "[target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\", target.name: Required value]";
    assert_eq!(errors.aggregate(), expected);
}
