//! Everything of a kind as a watch shows it, change by change.

use client::{Client, EventKind, Options, Resource, WatchItem, WatchStream};
use futures::StreamExt;
use meta::Doc;
use std::time::Duration;

pub struct Seen {
    docs: Vec<Doc>,
    changes: WatchStream,
    patience: Duration,
}

impl Seen {
    pub async fn follow(client: &Client, resource: Resource, namespace: &str, patience: Duration) -> Self {
        let list = client.list(resource, namespace, Options::default()).await.expect("a list");
        let options = Options { resource_version: list.revision.to_string(), ..Options::default() };
        let changes = client.watch(resource, namespace, options).await.expect("a watch");
        Self { docs: list.items.iter().map(|object| object.to_doc()).collect(), changes, patience }
    }

    /// Looks at every state there is, this one first, until it is as wanted.
    pub async fn until(&mut self, what: &str, mut wanted: impl FnMut(&[Doc]) -> bool) -> &[Doc] {
        while !wanted(&self.docs) {
            let Ok(item) = tokio::time::timeout(self.patience, self.changes.next()).await else {
                panic!("waited in vain for {what}: {:#?}", self.docs)
            };
            match item.expect("the watch goes on") {
                WatchItem::Event(event) => self.take(event.kind, event.object.to_doc()),
                WatchItem::Bookmark { .. } => {}
                WatchItem::Error(status) => panic!("{status}"),
            }
        }
        &self.docs
    }

    fn take(&mut self, kind: EventKind, doc: Doc) {
        self.docs.retain(|known| known["metadata"]["uid"] != doc["metadata"]["uid"]);
        if kind != EventKind::Deleted {
            self.docs.push(doc);
        }
    }
}
