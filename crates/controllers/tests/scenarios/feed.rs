//! The feed of all kinds that the garbage collector reads.

use crate::world::{CONFIG_MAPS, World};
use client::{ChangeStream, DeleteOptions, EventKind};
use futures::{FutureExt, StreamExt};
use meta::{Reason, User};
use serde_json::json;
use std::collections::BTreeSet;

async fn next(changes: &mut ChangeStream) -> (String, EventKind, String) {
    let change = changes.next().await.expect("the feed goes on");
    (change.resource.resource, change.event.kind, change.event.object.meta.name.clone())
}

#[tokio::test]
async fn the_feed_is_for_those_who_may_see_everything() {
    let world = World::without_controllers().await;
    for (user, allowed) in [
        (User::service_account("kube-system", "generic-garbage-collector"), true),
        (User::service_account("kube-system", "service-account-controller"), false),
        (User::anonymous(), false),
    ] {
        let answer = world.server.client(user.clone()).changes().await.map(drop);
        assert_eq!(answer.as_ref().err().map(|status| status.reason), (!allowed).then_some(Reason::Forbidden), "{user:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn everything_there_is_comes_first_and_then_every_change() {
    let world = World::without_controllers().await;
    world.config_map("default", "before", &[]).await;
    let mut changes = world.admin.changes().await.expect("a feed");
    let mut there = BTreeSet::new();
    while let Some(change) = changes.next().now_or_never() {
        let change = change.expect("the feed goes on");
        assert_eq!(change.event.kind, EventKind::Added);
        there.insert((change.resource.resource, change.event.object.meta.name.clone()));
    }
    for (resource, name) in [("configmaps", "before"), ("namespaces", "kube-system"), ("services", "kubernetes")] {
        assert!(there.contains(&(resource.to_owned(), name.to_owned())), "{resource} {name}");
    }
    world.config_map("default", "after", &[]).await;
    world.admin.patch(CONFIG_MAPS, "default", "before", "", json!({ "data": { "a": "b" } })).await.expect("a patch");
    world.admin.delete(CONFIG_MAPS, "default", "after", DeleteOptions::default()).await.expect("a deletion");
    for (kind, name) in [(EventKind::Added, "after"), (EventKind::Modified, "before"), (EventKind::Deleted, "after")] {
        assert_eq!(next(&mut changes).await, ("configmaps".to_owned(), kind, name.to_owned()));
    }
    world.stop().await;
    assert!(changes.next().await.is_none(), "a server that stops ends its feeds");
}
