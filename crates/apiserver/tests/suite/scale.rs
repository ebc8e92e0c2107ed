//! The scale subresource, and a namespace's finalize.

use crate::world::{NAMESPACES, NS, World};
use client::{Body, Call, PatchKind, ReplyBody, Resource, Verb};
use meta::{Doc, Status};
use serde_json::json;

async fn scale(world: &World, resource: Resource, verb: Verb, body: Body) -> Result<Doc, Status> {
    let mut call = Call::new(verb, resource.gvr(), NS, "web").subresource("scale");
    call.body = body;
    match world.admin().call(call).await?.body {
        ReplyBody::Doc(doc) => Ok(doc),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn everything_that_scales_scales() {
    let world = World::start(37).await;
    let apps = |plural| Resource::new("apps", "v1", plural);
    for resource in
        [apps("deployments"), apps("replicasets"), apps("statefulsets"), Resource::new("", "v1", "replicationcontrollers")]
    {
        let template =
            json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}});
        let selector = if resource.group.is_empty() { json!({"app": "web"}) } else { json!({"matchLabels": {"app": "web"}}) };
        let spec = json!({"selector": selector, "template": template, "replicas": 1});
        let made = world.make(resource, NS, json!({"metadata": {"name": "web"}, "spec": spec})).await;
        let shown = scale(&world, resource, Verb::Get, Body::Empty).await.expect("a scale");
        assert_eq!((&shown["kind"], &shown["apiVersion"]), (&json!("Scale"), &json!("autoscaling/v1")));
        assert_eq!((&shown["spec"]["replicas"], &shown["status"]["selector"]), (&json!(1), &json!("app=web")));
        assert_eq!(shown["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
        let mut wanted = shown.clone();
        wanted["spec"]["replicas"] = 3.into();
        let put = scale(&world, resource, Verb::Update, Body::Doc(wanted.clone())).await.expect("scaled");
        assert_eq!(put["spec"]["replicas"], 3);
        let stale = scale(&world, resource, Verb::Update, Body::Doc(wanted)).await.expect_err("an old version");
        assert_eq!(stale.code(), 409);
        for (kind, patch) in [
            (PatchKind::Merge, json!({"spec": {"replicas": 4}})),
            (PatchKind::Strategic, json!({"spec": {"replicas": 4}})),
            (PatchKind::Json, json!([{"op": "replace", "path": "/spec/replicas", "value": 4}])),
        ] {
            let patched = scale(&world, resource, Verb::Patch, Body::Patch(kind, patch)).await.expect("scaled");
            assert_eq!(patched["spec"]["replicas"], 4);
        }
        let negative = Body::Patch(PatchKind::Merge, json!({"spec": {"replicas": -1}}));
        let refused = scale(&world, resource, Verb::Patch, negative).await.expect_err("negative").message;
        assert_eq!(
            refused,
            "Scale.autoscaling \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"
        );
        let now = world.admin().get(resource, NS, "web").await.expect("there").to_doc();
        assert_eq!((&now["spec"]["replicas"], &now["metadata"]["generation"]), (&json!(4), &json!(3)), "{}", resource.plural);
    }
}

/// `finalize` touches nothing but the finalizers of the spec.
#[tokio::test]
async fn finalize_ends_a_namespace() {
    let world = World::start(36).await;
    let admin = world.admin();
    let put = |mut doc: Doc, finalizers: Doc| {
        doc["spec"]["finalizers"] = finalizers;
        doc["metadata"]["labels"] = json!({"spoiled": "yes"});
        Call::new(Verb::Update, NAMESPACES.gvr(), "", NS).subresource("finalize").body(doc)
    };
    let doc = admin.get(NAMESPACES, "", NS).await.expect("there").to_doc();
    assert_eq!(doc["spec"]["finalizers"], json!(["kubernetes"]));
    admin.call(put(doc, json!(["kubernetes", "example.com/more"]))).await.expect("changed");
    let doc = admin.get(NAMESPACES, "", NS).await.expect("there").to_doc();
    assert_eq!(doc["metadata"]["labels"].get("spoiled"), None);
    admin.delete(NAMESPACES, "", NS, Default::default()).await.expect("marked");
    let doc = admin.get(NAMESPACES, "", NS).await.expect("still there").to_doc();
    assert_eq!(doc["status"]["phase"], "Terminating");
    admin.call(put(doc, json!([]))).await.expect("the last");
    assert!(admin.find(NAMESPACES, "", NS).await.expect("a read").is_none());
}
