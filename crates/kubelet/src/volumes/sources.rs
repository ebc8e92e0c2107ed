//! ConfigMaps and Secrets that pods of this node use, each followed by one watch that all of them share, for as long as one
//! of them is there. The node authorizer lets a node see no others, and these only one by one.

use client::{Client, EventKind, Options, Resource, WatchItem};
use futures::StreamExt;
use meta::{Object, Reason, Status};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// After a watch that was not served.
const PAUSE: Duration = Duration::from_secs(1);
/// A node has hundreds of pods, not tens of thousands of sources.
const MOST: usize = 10_000;

type Key = (Resource, String, String);
type Value = Option<Arc<Object>>;

/// One object; the watch ends with the last of these.
pub struct Watched {
    value: watch::Receiver<Option<Result<Value, Status>>>,
    _watch: DropGuard,
}

impl Watched {
    /// The object as it is known now; the first time it is asked for. None: there is none.
    pub async fn get(&self) -> Result<Value, Status> {
        let mut value = self.value.clone();
        match value.wait_for(Option::is_some).await {
            Ok(known) => known.clone().unwrap_or(Ok(None)),
            Err(_) => Err(Status::internal("the kubelet is stopping")),
        }
    }

    pub fn changes(&self) -> watch::Receiver<Option<Result<Value, Status>>> {
        self.value.clone()
    }
}

pub struct Sources {
    client: Client,
    tasks: TaskTracker,
    stop: CancellationToken,
    known: Mutex<HashMap<Key, Weak<Watched>>>,
}

impl Sources {
    pub fn new(client: Client, tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self { client, tasks, stop, known: Mutex::default() }
    }

    pub fn follow(&self, resource: Resource, namespace: &str, name: &str) -> Result<Arc<Watched>, String> {
        let key = (resource, namespace.to_owned(), name.to_owned());
        let mut known = self.known.lock();
        if let Some(watched) = known.get(&key).and_then(Weak::upgrade) {
            return Ok(watched);
        }
        known.retain(|_, watched| watched.strong_count() > 0);
        if known.len() >= MOST {
            return Err("too many ConfigMaps and Secrets are used by pods of this node".into());
        }
        let (sender, value) = watch::channel(None);
        let stop = self.stop.child_token();
        let watched = Arc::new(Watched { value, _watch: stop.clone().drop_guard() });
        let (client, namespace, name) = (self.client.clone(), namespace.to_owned(), name.to_owned());
        self.tasks.spawn(async move {
            stop.run_until_cancelled(run(&client, resource, &namespace, &name, &sender)).await;
        });
        known.insert(key, Arc::downgrade(&watched));
        Ok(watched)
    }
}

async fn run(
    client: &Client,
    resource: Resource,
    namespace: &str,
    name: &str,
    sender: &watch::Sender<Option<Result<Value, Status>>>,
) {
    loop {
        if let Err(status) = once(client, resource, namespace, name, sender).await {
            tracing::debug!(%status, namespace, name, "an object is not followed");
            // What was known stays; who waits for the first answer gets this one.
            sender.send_if_modified(|value| value.is_none().then(|| *value = Some(Err(status))).is_some());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One list and one watch from it; an immutable object is never watched.
async fn once(
    client: &Client,
    resource: Resource,
    namespace: &str,
    name: &str,
    sender: &watch::Sender<Option<Result<Value, Status>>>,
) -> Result<(), Status> {
    let selected = || Options { field_selector: format!("metadata.name={name}"), ..Options::default() };
    let listed = client.list(resource, namespace, selected()).await?;
    let object = listed.items.into_iter().next();
    let immutable = object.as_ref().is_some_and(|object| object.get("/immutable") == true);
    sender.send_replace(Some(Ok(object)));
    if immutable {
        std::future::pending::<()>().await;
    }
    let options = Options { resource_version: listed.revision.to_string(), ..selected() };
    let mut stream = client.watch(resource, namespace, options).await?;
    while let Some(item) = stream.next().await {
        match item {
            WatchItem::Event(event) => {
                let gone = event.kind == EventKind::Deleted;
                sender.send_replace(Some(Ok((!gone).then(|| event.object.clone()))));
            }
            WatchItem::Bookmark { .. } => {}
            WatchItem::Error(status) if status.reason == Reason::Expired => return Ok(()),
            WatchItem::Error(status) => return Err(status),
        }
    }
    Ok(())
}
