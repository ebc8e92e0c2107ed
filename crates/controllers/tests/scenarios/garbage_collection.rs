//! Objects whose owners go: in the background, in the foreground, orphaned, and while nobody looked.

use crate::world::{CONFIG_MAPS, World, reference};
use client::{DeleteOptions, Options, Propagation, Resource};
use meta::{Doc, Object};
use serde_json::json;

const EVENTS: Resource = Resource::new("", "v1", "events");
const SECRETS: Resource = Resource::new("", "v1", "secrets");
const HOLD: &str = "test.example/hold";

async fn delete(world: &World, name: &str, propagation: Propagation) {
    let options = DeleteOptions { propagation: Some(propagation), ..DeleteOptions::default() };
    world.admin.delete(CONFIG_MAPS, "default", name, options).await.expect("a deletion");
}

/// `a` owns `b` and `b2`, `b` owns `c`.
async fn family(world: &World) {
    let a = world.config_map("default", "a", &[]).await;
    let b = world.config_map("default", "b", &[&a]).await;
    world.config_map("default", "b2", &[&a]).await;
    world.config_map("default", "c", &[&b]).await;
}

#[tokio::test]
async fn background_deletion_reaches_the_last_dependent() {
    let world = World::start().await;
    family(&world).await;
    delete(&world, "a", Propagation::Background).await;
    for name in ["a", "b", "b2", "c"] {
        world.gone(CONFIG_MAPS, "default", name).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn foreground_deletion_takes_the_owner_last() {
    let world = World::start().await;
    family(&world).await;
    let held = json!({ "metadata": { "finalizers": [HOLD] } });
    world.admin.patch(CONFIG_MAPS, "default", "c", "", held).await.expect("a patch");
    delete(&world, "a", Propagation::Foreground).await;
    world.gone(CONFIG_MAPS, "default", "b2").await;
    let deleting = |doc: Option<&Doc>| doc.is_some_and(|d| d["metadata"]["deletionTimestamp"].is_string());
    world.until((CONFIG_MAPS, "default", "c"), deleting).await;
    for name in ["a", "b"] {
        let waiting = world.there(CONFIG_MAPS, "default", name).await;
        assert_eq!(waiting["metadata"]["finalizers"], json!(["foregroundDeletion"]), "{name}");
    }
    let released = json!({ "metadata": { "finalizers": null } });
    world.admin.patch(CONFIG_MAPS, "default", "c", "", released).await.expect("a patch");
    for name in ["c", "b", "a"] {
        world.gone(CONFIG_MAPS, "default", name).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn orphans_stay_without_their_owner() {
    let world = World::start().await;
    family(&world).await;
    delete(&world, "a", Propagation::Orphan).await;
    world.gone(CONFIG_MAPS, "default", "a").await;
    for (name, owners) in [("b", 0), ("b2", 0), ("c", 1)] {
        let doc = world.there(CONFIG_MAPS, "default", name).await;
        assert_eq!(doc["metadata"]["ownerReferences"].as_array().map_or(0, Vec::len), owners, "{doc}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_solid_owner_keeps_an_object() {
    let world = World::start().await;
    let (a, b) = (world.config_map("default", "a", &[]).await, world.config_map("default", "b", &[]).await);
    world.config_map("default", "c", &[&a, &b]).await;
    delete(&world, "a", Propagation::Background).await;
    let one_owner =
        |doc: Option<&Doc>| doc.is_some_and(|d| d["metadata"]["ownerReferences"] == json!([reference(&b, "ConfigMap")]));
    world.until((CONFIG_MAPS, "default", "c"), one_owner).await;
    world.stop().await;
}

#[tokio::test]
async fn what_lost_its_owner_unseen_is_found_at_the_next_start() {
    let world = World::without_controllers().await;
    let (a, b) = (world.config_map("default", "a", &[]).await, world.config_map("default", "b", &[]).await);
    world.config_map("default", "of-a", &[&a]).await;
    world.config_map("default", "of-b", &[&b]).await;
    world.config_map("default", "of-nobody", &[]).await;
    delete(&world, "a", Propagation::Background).await;
    // The same name again is another object.
    world.config_map("default", "a", &[]).await;
    delete(&world, "b", Propagation::Foreground).await;
    world.start_controllers();
    for name in ["of-a", "of-b", "b"] {
        world.gone(CONFIG_MAPS, "default", name).await;
    }
    for name in ["a", "of-nobody"] {
        assert!(world.admin.find(CONFIG_MAPS, "default", name).await.expect("an answer").is_some(), "{name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn an_owner_in_another_namespace_is_reported_and_does_not_count() {
    let world = World::start().await;
    world.namespace("other").await;
    let owner = world.config_map("other", "owner", &[]).await;
    let dependent = world.config_map("default", "dependent", &[&owner]).await;
    world.gone(CONFIG_MAPS, "default", "dependent").await;
    let events = world.admin.list(EVENTS, "default", Options::default()).await.expect("a list").items;
    let about = |event: &&std::sync::Arc<Object>| event.get("/involvedObject/uid") == dependent.meta.uid;
    let event = events.iter().find(about).expect("an event").to_doc();
    let message = format!(
        "ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: {}] does not exist in namespace \"default\"",
        owner.meta.uid
    );
    let expected = ("OwnerRefInvalidNamespace", "Warning", message.as_str(), "garbage-collector-controller");
    let text = |pointer: &str| event.pointer(pointer).and_then(Doc::as_str).unwrap_or_default();
    assert_eq!((text("/reason"), text("/type"), text("/message"), text("/source/component")), expected);
    world.stop().await;
}

#[tokio::test]
async fn kinds_that_are_not_served_are_left_alone() {
    let world = World::start().await;
    let owner = json!([{ "apiVersion": "gone.example/v1", "kind": "Thing", "name": "x", "uid": "u" }]);
    let doc = json!({ "metadata": { "name": "kept", "ownerReferences": owner } });
    world.admin.create(SECRETS, "default", doc).await.expect("a secret");
    // Dealt with later than the secret, by the same queue.
    family(&world).await;
    delete(&world, "a", Propagation::Background).await;
    world.gone(CONFIG_MAPS, "default", "c").await;
    assert!(world.admin.find(SECRETS, "default", "kept").await.expect("an answer").is_some());
    world.stop().await;
}

#[tokio::test]
async fn a_large_family_goes_quickly() {
    let world = World::start().await;
    let parent = world.config_map("default", "parent", &[]).await;
    let children = (0..300).map(|n| format!("child-{n}")).collect::<Vec<String>>();
    let owners = [&*parent];
    futures::future::join_all(children.iter().map(|name| world.config_map("default", name, &owners))).await;
    delete(&world, "parent", Propagation::Foreground).await;
    world.gone(CONFIG_MAPS, "default", "parent").await;
    let left = world.admin.list(CONFIG_MAPS, "default", Options::default()).await.expect("a list").items;
    assert!(left.iter().all(|object| !object.meta.name.starts_with("child-")), "the parent outlived its children");
    world.stop().await;
}
