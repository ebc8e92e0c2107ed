//! Decoding of built-in kinds, as kubernetes-sigs/json does it.

use meta::Gvk;
use schema::{Decoded, FieldValidation, Schema, decode, fill_zero_values};
use serde_json::{Value, json};

fn run(api_version: &str, kind: &str, doc: &mut Value) -> Decoded {
    let schema = Schema::minor(36).expect("supported");
    let gv = meta::GroupVersion::parse(api_version).expect("a group version");
    let ty = schema.kind_type(&Gvk::new(gv.group, gv.version, kind)).expect("a built-in kind");
    decode(schema.types(), ty, doc, FieldValidation::Strict)
}

pub fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}, "annotations": {"a": "b"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u", "controller": true}]},
        "spec": {
            "containers": [{
                "name": "web", "image": "nginx:1.27", "imagePullPolicy": "IfNotPresent",
                "ports": [{"containerPort": 80, "name": "http", "protocol": "TCP"}],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10},
                "volumeMounts": [{"mountPath": "/data", "name": "data"}],
            }],
            "volumes": [{"name": "data", "emptyDir": {}}],
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "securityContext": {}, "enableServiceLinks": false,
        },
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2024-05-01T00:00:00Z"}]},
    })
}

#[test]
fn a_well_formed_pod_round_trips() {
    let mut doc = pod();
    assert_eq!(run("v1", "Pod", &mut doc), Decoded::default());
    assert_eq!(doc, pod());
}

#[test]
fn type_errors_read_as_go_prints_them() {
    let cases = [
        (
            "apps/v1",
            "Deployment",
            json!({"spec": {"replicas": "3"}}),
            "string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"spec": {"replicas": 1.5}}),
            "number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"spec": {"template": {"spec": {"containers": [{"env": [{"name": "a", "value": 1}]}]}}}}),
            "number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
        ),
        (
            "v1",
            "Pod",
            json!({"spec": {"containers": ["a"]}}),
            "string into Go struct field PodSpec.spec.containers of type v1.Container",
        ),
        (
            "v1",
            "Pod",
            json!({"spec": {"containers": {}}}),
            "object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            "v1",
            "Pod",
            json!({"spec": {"restartPolicy": true}}),
            "bool into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy",
        ),
        ("v1", "Pod", json!({"spec": "a"}), "string into Go struct field Pod.spec of type v1.PodSpec"),
        (
            "v1",
            "Pod",
            json!({"metadata": {"labels": {"a": 1}}}),
            "number into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            "v1",
            "Pod",
            json!({"metadata": {"labels": ["a"]}}),
            "array into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        ("v1", "Secret", json!({"data": {"a": 1}}), "number into Go struct field Secret.data of type []uint8"),
        (
            "v1",
            "Service",
            json!({"spec": {"ports": [{"targetPort": true}]}}),
            "bool into Go struct field ServicePort.spec.ports.targetPort of type int32",
        ),
        ("v1", "Pod", json!({"metadata": {"uid": 1}}), "number into Go struct field ObjectMeta.metadata.uid of type types.UID"),
        (
            "v1",
            "Pod",
            json!({"spec": {"containers": [{"livenessProbe": {"httpGet": true}}]}}),
            "bool into Go struct field Probe.spec.containers.livenessProbe.ProbeHandler.httpGet of type v1.HTTPGetAction",
        ),
        ("v1", "Pod", json!([]), "array into Go value of type v1.Pod"),
    ];
    for (api_version, kind, mut doc, expected) in cases {
        let shown = doc.to_string();
        let expected = Some(format!("json: cannot unmarshal {expected}"));
        assert_eq!(run(api_version, kind, &mut doc).type_error, expected, "{shown}");
    }
    let mut doc = json!({"spec": {"a": 1, "containers": [{"name": 1, "resources": {"limits": {"cpu": "x"}}}]}});
    let fatal = run("v1", "Pod", &mut doc).type_error.expect("not a quantity");
    assert!(fatal.starts_with("quantities must match the regular expression"), "{fatal}");
}

#[test]
fn unknown_fields_are_named_and_dropped() {
    let mut doc = json!({"Kind": "x", "spec": {"containers": [{"name": "a"}, {"name": "b", "frob": {"x": 1}}], "foo": null},
        "metadata": {"labels": {"anything": "goes"}, "name": "a"}});
    let decoded = run("v1", "Pod", &mut doc);
    let unknown = ["unknown field \"Kind\"", "unknown field \"spec.containers[1].frob\"", "unknown field \"spec.foo\""];
    assert_eq!(decoded, Decoded { type_error: None, unknown: unknown.map(String::from).to_vec() });
    assert_eq!(
        doc,
        json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}]}, "metadata": {"labels": {"anything": "goes"}, "name": "a"}})
    );
    let raw = json!({"data": {"any": [{"thing": null}]}, "revision": 1});
    let mut doc = raw.clone();
    assert_eq!(run("apps/v1", "ControllerRevision", &mut doc), Decoded::default());
    assert_eq!(doc, raw);
}

#[test]
fn values_take_their_canonical_form() {
    let cases = [
        (
            "Pod",
            json!({"metadata": {"creationTimestamp": null, "labels": {"a": null}}}),
            json!({"metadata": {"labels": {"a": ""}}}),
        ),
        ("Pod", json!({"spec": {"containers": [null], "hostNetwork": false}}), json!({"spec": {"containers": [{}]}})),
        ("Pod", json!({"spec": {"enableServiceLinks": false}}), json!({"spec": {"enableServiceLinks": false}})),
        ("ConfigMap", json!({"data": {}, "metadata": {"labels": {}, "name": ""}}), json!({"metadata": {}})),
        ("ResourceQuota", json!({"spec": {"hard": {"pods": 5}}}), json!({"spec": {"hard": {"pods": "5"}}})),
        (
            "Service",
            json!({"spec": {"ports": [{"port": 0, "targetPort": "a"}]}}),
            json!({"spec": {"ports": [{"port": 0, "targetPort": "a"}]}}),
        ),
    ];
    for (kind, mut doc, expected) in cases {
        let shown = doc.to_string();
        assert_eq!(run("v1", kind, &mut doc), Decoded::default(), "{shown}");
        assert_eq!(doc, expected, "{shown}");
    }
}

#[test]
fn custom_resource_definitions_hold_schemas_in_every_form() {
    let spec = json!({"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"type": "object", "properties": {
        "a": {"type": "array", "items": {"type": "string", "x-kubernetes-int-or-string": true}},
        "b": {"type": "object", "additionalProperties": true, "default": {"k": null}},
        "c": {"additionalProperties": {"type": "string"}, "enum": [1, "a", null]},
    }}}}]});
    let mut doc = json!({"spec": spec});
    assert_eq!(run("apiextensions.k8s.io/v1", "CustomResourceDefinition", &mut doc), Decoded::default());
    assert_eq!(doc, json!({"spec": spec}));
}

#[test]
fn zero_values_are_written_where_go_writes_them() {
    let schema = Schema::minor(36).expect("supported");
    let cases = [
        ("", "Service", json!({"spec": {}}), json!({"metadata": {}, "spec": {}, "status": {"loadBalancer": {}}})),
        (
            "",
            "Pod",
            json!({"spec": {"containers": [{"name": "a"}]}}),
            json!({"metadata": {}, "spec": {"containers": [{"name": "a", "resources": {}}]}, "status": {}}),
        ),
        ("rbac.authorization.k8s.io", "Role", json!({}), json!({"metadata": {}, "rules": null})),
    ];
    for (group, kind, mut doc, expected) in cases {
        let ty = schema.kind_type(&Gvk::new(group, "v1", kind)).expect(kind);
        fill_zero_values(schema.types(), ty, &mut doc);
        assert_eq!(doc, expected, "{kind}");
    }
}
