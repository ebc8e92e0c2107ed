//! Many writers and many watchers: no write is lost, and everyone sees one history.

use crate::world::{CONFIG_MAPS, NS, World, next, options, soon};
use client::{Client, WatchItem};
use futures::StreamExt;
use futures::future::join_all;
use meta::{Doc, Reason};
use serde_json::json;

fn count(doc: &Doc) -> u64 {
    doc["data"]["count"].as_str().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Reads, adds one, writes; on a conflict, again.
async fn increment(client: &Client) {
    loop {
        let mut doc = client.get(CONFIG_MAPS, NS, "counter").await.expect("there").to_doc();
        doc["data"] = json!({"count": (count(&doc) + 1).to_string()});
        match client.update(CONFIG_MAPS, NS, "counter", doc).await {
            Ok(_) => return,
            Err(status) if status.reason == Reason::Conflict => {}
            Err(status) => panic!("{status}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_increment_is_lost() {
    let world = World::start(36).await;
    let made = world.make(CONFIG_MAPS, NS, json!({"metadata": {"name": "counter"}})).await;
    let admin = world.admin();
    soon(
        "increments",
        join_all((0..8).map(|_| async {
            for _ in 0..20 {
                increment(&admin).await;
            }
        })),
    )
    .await;
    assert_eq!(count(&admin.get(CONFIG_MAPS, NS, "counter").await.expect("there").to_doc()), 160);
    let start = made["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    let mut history = admin.watch(CONFIG_MAPS, NS, options(|o| o.resource_version = start)).await.expect("a watch");
    for expected in 1..=160 {
        let Some(WatchItem::Event(event)) = soon("an event", history.next()).await else { panic!("the history ends") };
        assert_eq!(count(&event.object.to_doc()), expected);
    }
}

/// Every watcher sees every change once, in the order of their versions, whenever it came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_agree() {
    let world = World::start(36).await;
    let admin = world.admin();
    let start = admin.list(CONFIG_MAPS, NS, options(|_| {})).await.expect("a list").revision;
    let (admin, open) =
        (&admin, |from: u64| admin.watch(CONFIG_MAPS, NS, options(move |o| o.resource_version = from.to_string())));
    let open = &open;
    let mut watchers = vec![open(start).await.expect("a watch")];
    let names: Vec<String> = (0..150).map(|n| format!("w-{n}")).collect();
    let writes = join_all(names.iter().map(|name| async move {
        let made = admin.create(CONFIG_MAPS, NS, json!({"metadata": {"name": name}})).await.expect("made");
        // Behind its own write: that one is not news.
        let mut own = open(made.revision).await.expect("a watch");
        admin.delete(CONFIG_MAPS, NS, name, Default::default()).await.expect("gone");
        loop {
            let Some(WatchItem::Event(event)) = soon("an event", own.next()).await else { panic!("the watch ends") };
            assert!(event.object.revision > made.revision);
            if event.object.meta.name == *name {
                break assert_eq!(event.kind.as_str(), "DELETED");
            }
        }
    }));
    let (_, late) = futures::future::join(writes, open(start)).await;
    watchers.push(late.expect("a watch"));
    watchers.push(open(start).await.expect("a watch"));
    let mut seen = Vec::new();
    for watcher in &mut watchers {
        let mut revisions = Vec::new();
        while revisions.len() < 300 {
            let Some(WatchItem::Event(event)) = soon("an event", watcher.next()).await else { panic!("the watch ends") };
            revisions.push(event.object.revision);
        }
        assert!(revisions.is_sorted_by(|a, b| a < b));
        seen.push(revisions);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

/// A server that stops ends its watches.
#[tokio::test]
async fn watches_end_with_the_server() {
    let world = World::start(36).await;
    let mut stream = world.admin().watch(CONFIG_MAPS, NS, options(|_| {})).await.expect("a watch");
    drop(world);
    assert_eq!(next(&mut stream, 1).await, ["END"]);
}

/// List elements merge by their key, and directives are understood.
#[tokio::test]
async fn strategic_patches_merge_by_key() {
    use client::{Body, Call, PatchKind, ReplyBody, Verb};
    let world = World::start(36).await;
    let deployments = client::Resource::new("apps", "v1", "deployments");
    let container = |name: &str| json!({"name": name, "image": "a", "env": [{"name": "A", "value": "1"}]});
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container("a"), container("b")]}});
    let spec = json!({"selector": {"matchLabels": {"app": "web"}}, "template": template});
    world.make(deployments, NS, json!({"metadata": {"name": "web"}, "spec": spec})).await;
    let patch = |containers: Doc| {
        let mut call = Call::new(Verb::Patch, deployments.gvr(), NS, "web");
        call.body = Body::Patch(PatchKind::Strategic, json!({"spec": {"template": {"spec": {"containers": containers}}}}));
        let admin = world.admin();
        async move {
            match admin.call(call).await.expect("patched").body {
                ReplyBody::Object(object) => object.get("/spec/template/spec/containers"),
                other => panic!("{other:?}"),
            }
        }
    };
    let merged = patch(json!([{"name": "b", "image": "new", "env": [{"name": "B", "value": "2"}]}])).await;
    let images: Vec<&Doc> = merged.as_array().into_iter().flatten().map(|c| &c["image"]).collect();
    assert_eq!(images.len(), 2);
    let b = merged.as_array().into_iter().flatten().find(|c| c["name"] == "b").expect("kept");
    assert_eq!((&b["image"], b["env"].as_array().map(Vec::len)), (&json!("new"), Some(2)));
    let shrunk = patch(json!([{"name": "a", "$patch": "delete"}])).await;
    assert_eq!(shrunk.as_array().map(Vec::len), Some(1));
    let replaced = patch(json!([{"name": "c", "image": "c"}, {"$patch": "replace"}])).await;
    assert_eq!(replaced[0]["name"], "c");
}
