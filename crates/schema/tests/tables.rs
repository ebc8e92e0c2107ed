//! The committed tables hold what each minor publishes.

use meta::Gvk;
use schema::{ListType, MINORS, Schema, Shape, Type};
use std::sync::Arc;

fn schema(minor: u32) -> Arc<Schema> {
    Schema::minor(minor).expect("a supported minor")
}

#[test]
fn each_minor_serves_its_stable_resources() {
    let counts: Vec<(u32, usize, usize, usize)> = MINORS
        .iter()
        .map(|minor| {
            let s = schema(*minor);
            (*minor, s.resources().len(), s.disabled_resources().len(), s.types().len())
        })
        .collect();
    assert_eq!(counts, [(34, 66, 24, 754), (35, 66, 24, 759), (36, 68, 27, 795), (37, 72, 28, 885)]);
    assert!(Schema::minor(33).is_none());
    for minor in MINORS {
        let s = schema(minor);
        for r in s.resources() {
            assert!(s.kind_type(&r.gvk()).is_some(), "1.{minor}: {:?} has no structure", r.gvk());
            let listed = r.has_verb("list");
            assert_eq!(s.kind_type(&r.list_gvk()).is_some(), listed, "1.{minor}: {:?}", r.list_gvk());
            for sub in &r.subresources {
                assert!(s.kind_type(&sub.gvk()).is_some(), "1.{minor}: {}/{} has no structure", r.plural, sub.name);
            }
            assert!(s.kind_type(&r.stored_as()).is_some(), "1.{minor}: {:?}", r.stored_as());
        }
    }
}

/// Discovery of 1.37, in order: group/version, then plural, scope, short names, subresources.
const SERVED: &str = include_str!("served-1.37.txt");

#[test]
fn discovery_of_the_newest_minor_is_complete() {
    let mut lines = String::new();
    for r in schema(37).resources() {
        let scope = if r.namespaced { "N" } else { "C" };
        let subs: Vec<&str> = r.subresources.iter().map(|s| s.name.as_str()).collect();
        let gv = if r.group.is_empty() { r.version.clone() } else { format!("{}/{}", r.group, r.version) };
        lines += format!("{gv} {} {} {scope} [{}] [{}]\n", r.plural, r.kind, r.short_names.join(","), subs.join(",")).as_str();
    }
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/served-1.37.txt");
        std::fs::write(path, &lines).expect("the golden can be written");
    }
    assert_eq!(lines, SERVED);
    assert_eq!(SERVED.lines().count(), 72);
}

#[test]
fn verbs_follow_upstream_where_they_are_not_the_usual_eight() {
    let s = schema(37);
    let all = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let odd: Vec<String> =
        s.resources().iter().filter(|r| r.verbs != all).map(|r| format!("{} {}", r.plural, r.verbs.join(","))).collect();
    assert_eq!(
        odd,
        [
            "bindings create",
            "componentstatuses get,list",
            "namespaces create,delete,get,list,patch,update,watch",
            "selfsubjectreviews create",
            "tokenreviews create",
            "localsubjectaccessreviews create",
            "selfsubjectaccessreviews create",
            "selfsubjectrulesreviews create",
            "subjectaccessreviews create",
        ]
    );
}

#[test]
fn some_kinds_are_stored_in_another_version() {
    let s = schema(36);
    let stored = |g, v, p| s.resource(g, v, p).expect("served").stored_as();
    assert_eq!(stored("autoscaling", "v1", "horizontalpodautoscalers"), Gvk::new("autoscaling", "v2", "HorizontalPodAutoscaler"));
    assert_eq!(stored("events.k8s.io", "v1", "events"), Gvk::new("", "v1", "Event"));
    assert_eq!(stored("apps", "v1", "deployments"), Gvk::new("apps", "v1", "Deployment"));
}

fn named<'s>(schema: &'s Schema, name: &str) -> &'s Type {
    schema.types().get(schema.named_type(name).expect(name))
}

#[test]
fn strategic_merge_and_apply_differ_in_the_keys_of_few_lists() {
    let s = schema(36);
    let mut differing: Vec<String> = Vec::new();
    for (_, ty) in s.types().iter() {
        for field in &ty.fields {
            let keys = field.node.list_keys();
            if field.node.list_type() == ListType::Map && field.node.merge_key().is_some_and(|k| keys != [k.into()]) {
                differing.push(format!("{}.{}", ty.go_qualified(), field.name));
            }
        }
    }
    assert_eq!(
        differing,
        ["v1.Container.ports", "v1.EphemeralContainer.ports", "v1.PodSpec.topologySpreadConstraints", "v1.ServiceSpec.ports"]
    );
    let protocol = named(&s, "io.k8s.api.core.v1.ServicePort").field("protocol").expect("a key of the list");
    assert_eq!(protocol.node.default_value(), Some(&"TCP".into()));
}

#[test]
fn a_place_overrides_whether_its_type_has_one_owner() {
    let s = schema(36);
    let node = |ty, field| &named(&s, ty).field(field).expect(field).node;
    let reference = node("io.k8s.api.core.v1.Event", "involvedObject");
    assert!(s.types().is_atomic(reference));
    assert!(!s.types().is_atomic(node("io.k8s.api.core.v1.PersistentVolumeSpec", "claimRef")));
    assert!(s.types().is_atomic(node("io.k8s.api.core.v1.PodSpec", "nodeSelector")));
}

#[test]
fn protobuf_numbers_go_through_inlined_messages() {
    let s = schema(37);
    let number = |ty, field| named(&s, ty).field(field).expect(field).proto.to_vec();
    assert_eq!(number("io.k8s.api.core.v1.Pod", "spec"), [2]);
    assert_eq!(number("io.k8s.api.core.v1.Volume", "hostPath"), [2, 1]);
    assert_eq!(number("io.k8s.api.core.v1.ConfigMapKeySelector", "name"), [1, 1]);
    assert_eq!(number("io.k8s.api.core.v1.Pod", "apiVersion"), Vec::<u32>::new());
    let extra = named(&s, "io.k8s.api.authentication.v1.UserInfo").field("extra").expect("extra");
    assert!(matches!(&extra.node.shape, Shape::Map(item) if item.message && matches!(item.shape, Shape::List(_))));
}

#[test]
fn openapi_publishes_kinds_with_all_they_refer_to() {
    let s = schema(36);
    for r in s.resources() {
        let schemas = s.openapi_v3_schemas(&r.group, &r.version);
        let name = s.openapi_type_name(s.kind_type(&r.gvk()).expect("served"));
        let kinds = &schemas[name]["x-kubernetes-group-version-kind"];
        let expected = serde_json::json!({"group": r.group, "version": r.version, "kind": r.kind});
        assert!(kinds.as_array().is_some_and(|k| k.contains(&expected)), "{name}: {kinds}");
        assert_eq!(dangling(&schemas, &schemas, "#/components/schemas/"), None, "{}/{}", r.group, r.version);
    }
    let definitions = s.openapi_v2_definitions();
    assert_eq!(dangling(&definitions, &definitions, "#/definitions/"), None);
    let containers = &definitions["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(containers["items"]["$ref"], "#/definitions/io.k8s.api.core.v1.Container");
    assert!(definitions.get("io.k8s.api.core.v1.PodExecOptions").is_none());
}

fn dangling(part: &serde_json::Value, all: &serde_json::Value, prefix: &str) -> Option<String> {
    match part {
        serde_json::Value::Object(members) => members.iter().find_map(|(key, value)| match value.as_str() {
            Some(target) if key == "$ref" => {
                let name = target.strip_prefix(prefix);
                name.is_none_or(|name| all.get(name).is_none()).then(|| target.to_owned())
            }
            _ => dangling(value, all, prefix),
        }),
        serde_json::Value::Array(items) => items.iter().find_map(|item| dangling(item, all, prefix)),
        _ => None,
    }
}
