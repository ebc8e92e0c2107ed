//! Somebody who runs pods: says of each what the story wants.

use crate::world::{PODS, World};
use client::{EventKind, Options, WatchItem};
use futures::StreamExt;
use meta::Doc;
use serde_json::json;
use std::future::Future;

/// A pod that does its work and ends with this exit code.
pub fn ended(code: i64) -> Doc {
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    let terminated = json!({ "exitCode": code, "finishedAt": "2026-01-01T00:00:00Z" });
    json!({ "phase": phase, "containerStatuses": [{ "name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "terminated": terminated } }] })
}

pub fn running() -> Doc {
    let ready = json!([{ "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" }]);
    json!({ "phase": "Running", "conditions": ready })
}

/// Waits for the story's end while every new pod of the namespace gets the status that `play` gives it.
pub async fn playing<T>(world: &World, namespace: &str, play: impl Fn(&Doc) -> Option<Doc>, story: impl Future<Output = T>) -> T {
    tokio::select! {
        never = run(world, namespace, play) => never,
        end = story => end,
    }
}

async fn run<T>(world: &World, namespace: &str, play: impl Fn(&Doc) -> Option<Doc>) -> T {
    let list = world.admin.list(PODS, namespace, Options::default()).await.expect("a list");
    for pod in &list.items {
        show(world, &pod.to_doc(), &play).await;
    }
    let options = Options { resource_version: list.revision.to_string(), ..Options::default() };
    let mut changes = world.admin.watch(PODS, namespace, options).await.expect("a watch");
    loop {
        match changes.next().await.expect("the watch goes on") {
            WatchItem::Event(event) if event.kind == EventKind::Added => show(world, &event.object.to_doc(), &play).await,
            _ => {}
        }
    }
}

async fn show(world: &World, pod: &Doc, play: &impl Fn(&Doc) -> Option<Doc>) {
    let Some(status) = play(pod).filter(|_| pod["status"]["phase"] == "Pending") else { return };
    let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default();
    let patched = world.admin.patch(PODS, text("namespace"), text("name"), "status", json!({ "status": status })).await;
    match patched {
        Err(status) if status.reason != meta::Reason::NotFound => panic!("{status}"),
        // Deleted meanwhile.
        _ => {}
    }
}
