//! Waits for one object to be as a test wants it.

use client::{Client, EventKind, Options, Resource, WatchItem};
use futures::StreamExt;
use meta::Doc;

/// The last of what the field selector selects, as soon as it is as wanted. None: there is no such thing.
pub async fn until(
    client: &Client,
    resource: Resource,
    namespace: &str,
    field_selector: String,
    wanted: impl Fn(Option<&Doc>) -> bool,
) -> Option<Doc> {
    let selected = Options { field_selector, ..Options::default() };
    let list = client.list(resource, namespace, selected.clone()).await.expect("a list");
    let mut current = list.items.first().map(|object| object.to_doc());
    let options = Options { resource_version: list.revision.to_string(), ..selected };
    let mut changes = client.watch(resource, namespace, options).await.expect("a watch");
    while !wanted(current.as_ref()) {
        match changes.next().await.expect("the watch goes on") {
            WatchItem::Event(event) => current = (event.kind != EventKind::Deleted).then(|| event.object.to_doc()),
            other => panic!("{other:?}"),
        }
    }
    current
}
