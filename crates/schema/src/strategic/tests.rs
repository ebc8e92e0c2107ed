use super::*;
use crate::Schema;
use meta::Gvk;
use serde_json::json;

fn apply(kind: &str, doc: Value, patch: Value) -> Result<Value> {
    let schema = Schema::minor(36).expect("supported");
    let group = if kind == "Deployment" { "apps" } else { "" };
    let ty = schema.kind_type(&Gvk::new(group, "v1", kind)).expect("a built-in kind");
    strategic_merge(schema.types(), ty, &doc, &patch)
}

fn containers(items: Value) -> Value {
    json!({"spec": {"containers": items}})
}

#[test]
fn lists_merge_by_key_and_follow_directives() {
    let two = || containers(json!([{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]));
    let cases = [
        (json!([{"name": "b", "image": "2"}]), json!([{"name": "a", "image": "1"}, {"name": "b", "image": "2"}])),
        (json!([{"name": "c"}]), json!([{"name": "c"}, {"name": "a", "image": "1"}, {"name": "b", "image": "1"}])),
        (json!([{"name": "a", "$patch": "delete"}]), json!([{"name": "b", "image": "1"}])),
        (json!([{"$patch": "replace"}, {"name": "z"}]), json!([{"name": "z"}])),
        (json!([{"name": "a", "image": null}]), json!([{"name": "a"}, {"name": "b", "image": "1"}])),
        (json!([{"name": "a", "$patch": "replace", "tty": true}]), json!([])),
    ];
    for (patch, expected) in cases {
        let shown = patch.to_string();
        assert_eq!(apply("Pod", two(), containers(patch)), Ok(containers(expected)), "{shown}");
    }
}

#[test]
fn an_edit_reorders_by_set_element_order() {
    let doc = containers(json!([{"name": "a"}, {"name": "b", "image": "1"}, {"name": "s"}, {"name": "c"}]));
    let patch = json!({"spec": {
        "$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}],
        "containers": [{"name": "b", "image": "2"}],
    }});
    let expected = containers(json!([{"name": "s"}, {"name": "c"}, {"name": "b", "image": "2"}, {"name": "a"}]));
    assert_eq!(apply("Pod", doc.clone(), patch), Ok(expected));
    let unordered = json!({"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]}});
    assert!(matches!(apply("Pod", doc, unordered), Err(PatchError::Internal(text)) if text.contains("doesn't match")));
}

#[test]
fn primitive_lists_merge_as_sets() {
    let doc = || json!({"metadata": {"finalizers": ["a", "b", "c"]}});
    let cases = [
        (json!({"finalizers": ["d"]}), json!(["d", "a", "b", "c"])),
        (json!({"$deleteFromPrimitiveList/finalizers": ["b"]}), json!(["a", "c"])),
        (json!({"$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["c", "b"]}), json!(["c", "b"])),
    ];
    for (patch, expected) in cases {
        let shown = patch.to_string();
        let expected = json!({"metadata": {"finalizers": expected}});
        assert_eq!(apply("Pod", doc(), json!({"metadata": patch})), Ok(expected), "{shown}");
    }
}

#[test]
fn maps_merge_replace_and_retain_keys() {
    let doc = || json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}, "replicas": 1}});
    let recreate = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
    let expected = json!({"spec": {"strategy": {"type": "Recreate"}, "replicas": 1}});
    assert_eq!(apply("Deployment", doc(), recreate), Ok(expected));
    let unlisted = json!({"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {"maxSurge": 2}}}});
    assert_eq!(apply("Deployment", doc(), unlisted), Err(PatchError::BadRequest("invalid patch format of retainKeys".into())));
    let replaced = json!({"spec": {"$patch": "replace", "replicas": 3}});
    assert_eq!(apply("Deployment", doc(), replaced), Ok(json!({"spec": {"replicas": 3}})));
    let labels = apply(
        "Pod",
        json!({"metadata": {"labels": {"a": "1", "b": "2"}}}),
        json!({"metadata": {"labels": {"a": null, "c": "3"}}}),
    );
    assert_eq!(labels, Ok(json!({"metadata": {"labels": {"b": "2", "c": "3"}}})));
}

#[test]
fn service_ports_merge_by_port_and_atomic_lists_are_replaced() {
    let doc = json!({"spec": {"ports": [{"port": 80, "protocol": "TCP"}], "externalIPs": ["a"]}});
    let patch = json!({"spec": {"ports": [{"port": 80, "name": "web"}, {"port": 81}], "externalIPs": ["b"]}});
    let expected =
        json!({"spec": {"ports": [{"port": 80, "protocol": "TCP", "name": "web"}, {"port": 81}], "externalIPs": ["b"]}});
    assert_eq!(apply("Service", doc, patch), Ok(expected));
}

#[test]
fn errors_read_as_upstream_prints_them() {
    let cases = [
        (containers(json!([{"image": "x"}])), "map: map[image:x] does not contain declared merge key: name"),
        (containers(json!([{"name": "a", "$patch": "frob"}])), "unknown patch type: frob in map: map[$patch:frob name:a]"),
        (
            json!({"spec": {"$setElementOrder/frobs": [{"name": "c"}]}}),
            "unable to find api field in struct PodSpec for the json field \"frobs\"",
        ),
    ];
    for (patch, text) in cases {
        let doc = containers(json!([{"name": "a"}]));
        assert_eq!(apply("Pod", doc, patch), Err(PatchError::Internal(text.into())));
    }
}
