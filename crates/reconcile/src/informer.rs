//! Shared informers: one list-and-watch per kind and client, one cache of the server's own `Arc<Object>`s.
//! Follows client-go's reflector: list, watch from the list's revision, list again only when the server says 410.

use client::{Client, EventKind, Options, Resource, WatchItem};
use futures::StreamExt;
use meta::{Object, Reason, Status};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A watch that ends sooner was not served.
const SHORTEST_WATCH: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    pub namespace: String,
    pub name: String,
}

impl ObjectKey {
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
    pub fn of(object: &Object) -> Self {
        Self::new(&*object.meta.namespace, &*object.meta.name)
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

/// What happened to one object: `old` and `new` as the cache had and has them.
#[derive(Clone, Debug)]
pub struct ObjectChange {
    pub old: Option<Arc<Object>>,
    pub new: Option<Arc<Object>>,
}

impl ObjectChange {
    /// The newest version known.
    pub fn object(&self) -> &Arc<Object> {
        self.new.as_ref().or(self.old.as_ref()).expect("a change has a side")
    }
}

type Handler = Arc<dyn Fn(&ObjectChange) + Send + Sync>;
type IndexFn = fn(&Object) -> Vec<String>;

#[derive(Default)]
struct Index {
    keys_of: Option<IndexFn>,
    members: HashMap<String, HashSet<ObjectKey>>,
}

#[derive(Default)]
struct Cache {
    objects: BTreeMap<ObjectKey, Arc<Object>>,
    indexes: HashMap<&'static str, Index>,
}

impl Cache {
    fn replace(&mut self, key: ObjectKey, new: Option<Arc<Object>>) -> Option<Arc<Object>> {
        let old = match &new {
            Some(object) => self.objects.insert(key.clone(), object.clone()),
            None => self.objects.remove(&key),
        };
        for index in self.indexes.values_mut() {
            index.update(&key, old.as_deref(), new.as_deref());
        }
        old
    }
}

impl Index {
    fn update(&mut self, key: &ObjectKey, old: Option<&Object>, new: Option<&Object>) {
        let Some(keys_of) = self.keys_of else { return };
        for value in old.map(keys_of).unwrap_or_default() {
            if let Some(members) = self.members.get_mut(&value) {
                members.remove(key);
                if members.is_empty() {
                    self.members.remove(&value);
                }
            }
        }
        for value in new.map(keys_of).unwrap_or_default() {
            self.members.entry(value).or_default().insert(key.clone());
        }
    }
}

/// The cache of one kind. Handlers run in the order of the changes, on the informer's task; they must not block.
pub struct Informer {
    resource: Resource,
    field_selector: String,
    cache: RwLock<Cache>,
    handlers: Mutex<Vec<Handler>>,
    synced: watch::Sender<bool>,
    /// The cache holds all of the kind's changes up to here.
    reached: watch::Sender<u64>,
}

impl Informer {
    fn new(resource: Resource, field_selector: String) -> Self {
        let (synced, reached) = (watch::channel(false).0, watch::channel(0).0);
        Self { resource, field_selector, cache: RwLock::default(), handlers: Mutex::default(), synced, reached }
    }

    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.cache.read().objects.get(&ObjectKey::new(namespace, name)).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Object>> {
        self.cache.read().objects.values().cloned().collect()
    }

    /// Everything in one namespace.
    pub fn in_namespace(&self, namespace: &str) -> Vec<Arc<Object>> {
        let from = ObjectKey::new(namespace, "");
        let cache = self.cache.read();
        cache.objects.range(from..).take_while(|(k, _)| k.namespace == namespace).map(|(_, o)| o.clone()).collect()
    }

    /// Adds an index; objects already cached are indexed at once. Adding the same name again changes nothing.
    pub fn add_index(&self, name: &'static str, keys_of: IndexFn) {
        let cache = &mut *self.cache.write();
        if cache.indexes.contains_key(name) {
            return;
        }
        let mut index = Index { keys_of: Some(keys_of), members: HashMap::new() };
        cache.objects.iter().for_each(|(key, object)| index.update(key, None, Some(object)));
        cache.indexes.insert(name, index);
    }

    pub fn indexed(&self, index: &'static str, value: &str) -> Vec<Arc<Object>> {
        let cache = self.cache.read();
        let members = cache.indexes.get(index).and_then(|i| i.members.get(value));
        members.into_iter().flatten().filter_map(|key| cache.objects.get(key).cloned()).collect()
    }

    /// Calls `handler` for every object already cached (as added), then for every change.
    pub fn on_change(&self, handler: impl Fn(&ObjectChange) + Send + Sync + 'static) {
        let mut handlers = self.handlers.lock();
        self.all().into_iter().for_each(|object| handler(&ObjectChange { old: None, new: Some(object) }));
        handlers.push(Arc::new(handler));
    }

    /// Resolves once the first list has been taken in.
    pub async fn synced(&self) {
        // The sender lives in self, so waiting cannot fail while self is borrowed.
        self.synced.subscribe().wait_for(|done| *done).await.expect("the informer outlives its waiters");
    }

    /// Whether the first list has been taken in: before that, what is not there may only not be known yet.
    pub fn is_synced(&self) -> bool {
        *self.synced.borrow()
    }

    /// Resolves once the cache holds every change of the kind up to `revision`, and the handlers have seen them: how a
    /// writer waits for its own write.
    pub async fn reached(&self, revision: u64) {
        self.reached.subscribe().wait_for(|reached| *reached >= revision).await.expect("the informer outlives its waiters");
    }

    /// Resolves once `done` holds: asked now and after every change.
    pub async fn until(&self, done: impl Fn(&Self) -> bool) {
        self.reached.subscribe().wait_for(|_| done(self)).await.expect("the informer outlives its waiters");
    }

    pub(crate) fn synced_receiver(&self) -> watch::Receiver<bool> {
        self.synced.subscribe()
    }

    fn apply(&self, key: ObjectKey, new: Option<Arc<Object>>) {
        let handlers = self.handlers.lock();
        let old = self.cache.write().replace(key, new.clone());
        if old.is_none() && new.is_none() {
            return;
        }
        let change = ObjectChange { old, new };
        handlers.iter().for_each(|handler| handler(&change));
    }

    /// Takes in a full list: what is not in it is gone.
    fn replace_all(&self, items: Vec<Arc<Object>>) {
        let listed: HashSet<ObjectKey> = items.iter().map(|o| ObjectKey::of(o)).collect();
        let gone: Vec<ObjectKey> = self.cache.read().objects.keys().filter(|k| !listed.contains(k)).cloned().collect();
        gone.into_iter().for_each(|key| self.apply(key, None));
        for object in items {
            let known = self.get(&object.meta.namespace, &object.meta.name);
            if known.is_none_or(|k| k.revision != object.revision) {
                self.apply(ObjectKey::of(&object), Some(object));
            }
        }
    }

    fn options(&self) -> Options {
        Options { field_selector: self.field_selector.clone(), ..Options::default() }
    }

    async fn run(self: Arc<Self>, client: Client, stop: CancellationToken) {
        let mut failures = 0;
        while !stop.is_cancelled() {
            let Err(status) = self.list_and_watch(&client, &stop, &mut failures).await else { return };
            if status.reason == Reason::Expired {
                continue;
            }
            tracing::debug!(resource = self.resource.plural, %status, "list and watch failed, trying again");
            let pause = Duration::from_millis(50 << failures.min(9));
            failures += 1;
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    /// Ends with Ok only when stopped.
    async fn list_and_watch(&self, client: &Client, stop: &CancellationToken, failures: &mut u32) -> Result<(), Status> {
        let list = client.list(self.resource, "", self.options()).await?;
        let mut revision = list.revision;
        self.replace_all(list.items);
        self.reached.send_replace(revision);
        *failures = 0;
        self.synced.send_replace(true);
        loop {
            let options = Options { resource_version: revision.to_string(), ..self.options() };
            let mut stream = client.watch(self.resource, "", options).await?;
            let opened = Instant::now();
            loop {
                let item = match stop.run_until_cancelled(stream.next()).await {
                    None => return Ok(()),
                    Some(None) if opened.elapsed() < SHORTEST_WATCH => return Err(ended_at_once()),
                    Some(None) => break,
                    Some(Some(item)) => item,
                };
                match item {
                    WatchItem::Event(event) => {
                        revision = event.object.revision;
                        let new = (event.kind != EventKind::Deleted).then(|| event.object.clone());
                        self.apply(ObjectKey::of(&event.object), new);
                        self.reached.send_replace(revision);
                    }
                    WatchItem::Bookmark { revision: at, .. } => {
                        revision = at;
                        self.reached.send_replace(at);
                    }
                    WatchItem::Error(status) => return Err(status),
                }
            }
        }
    }
}

/// A server on its way out ends every watch as soon as it is opened: that is a failure to wait over, not to race with.
fn ended_at_once() -> Status {
    Status::new(Reason::ServiceUnavailable, "the watch ended as soon as it was opened")
}

/// What part of a kind an informer holds: a field selector, `""` for everything.
type Selected = (Resource, String);

/// The informers of one client, each started when first asked for.
pub struct Informers {
    client: Client,
    started: Mutex<HashMap<Selected, Arc<Informer>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Informers {
    pub fn new(client: Client, tasks: TaskTracker, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self { client, started: Mutex::default(), tasks, stop })
    }

    pub fn get(&self, resource: Resource) -> Arc<Informer> {
        self.select(resource, "")
    }

    /// As [`Informers::get`], of the objects a field selector such as `metadata.name=default` matches: who needs one
    /// object of each namespace need not hold them all.
    pub fn select(&self, resource: Resource, field_selector: &str) -> Arc<Informer> {
        let mut started = self.started.lock();
        let informer = started.entry((resource, field_selector.to_owned())).or_insert_with(|| {
            let informer = Arc::new(Informer::new(resource, field_selector.to_owned()));
            self.tasks.spawn(informer.clone().run(self.client.clone(), self.stop.clone()));
            informer
        });
        informer.clone()
    }

    /// Drops the informers of a kind that is no longer served. Holders of an `Arc` keep a cache that no longer changes.
    pub fn forget(&self, resource: Resource) {
        self.started.lock().retain(|(kind, _), _| *kind != resource);
    }
}
