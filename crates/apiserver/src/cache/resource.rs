//! One resource's cache.

use super::index::{Indexes, Lookup};
use api::ResourceDef;
use bytes::Bytes;
use client::{Event, EventKind};
use meta::object::ObjectError;
use meta::{Doc, Fields, Object, Status};
use parking_lot::{Mutex, RwLock};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many changes a watcher may resume over. Older ones answer 410, as upstream's bounded event window does.
const RING: usize = 4096;
/// How far a watcher may fall behind before its stream is ended; it then resumes from its last revision.
const WATCHER_BACKLOG: usize = 4096;

/// A change as watchers receive it. `previous` decides selector transitions.
#[derive(Debug)]
pub struct CachedChange {
    pub key: Arc<str>,
    pub revision: u64,
    pub previous: Option<Arc<Object>>,
    /// The unfiltered event, encoded once for all who see it as it is.
    pub event: Arc<Event>,
}

pub type Objects = imbl::OrdMap<Arc<str>, Arc<Object>>;

type Sender = mpsc::Sender<Arc<CachedChange>>;

/// The part of a resource that a watcher's selectors can let through, or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Local key prefix, `""` for all.
    Prefix(String),
    Key(String),
    /// One value of a selectable field, by its place in the definition.
    Field(usize, String),
}

impl Scope {
    fn covers(&self, change: &CachedChange) -> bool {
        match self {
            Self::Prefix(prefix) => change.key.starts_with(prefix),
            Self::Key(key) => *change.key == **key,
            Self::Field(index, value) => change.values(*index).any(|seen| seen == value),
        }
    }
}

/// Who is told of what. A change costs what its own watchers cost: thousands of kubelets each watch their own pods.
#[derive(Default)]
struct Watchers {
    by_prefix: Vec<(String, Sender)>,
    by_key: HashMap<String, Vec<Sender>>,
    by_field: Vec<HashMap<String, Vec<Sender>>>,
}

impl Watchers {
    fn add(&mut self, scope: &Scope, sender: Sender) {
        let senders = match scope {
            Scope::Prefix(prefix) => {
                self.by_prefix.retain(|(_, sender)| !sender.is_closed());
                return self.by_prefix.push((prefix.clone(), sender));
            }
            Scope::Key(key) => self.by_key.entry(key.clone()).or_default(),
            Scope::Field(index, value) => {
                let places = self.by_field.len().max(index + 1);
                self.by_field.resize_with(places, HashMap::new);
                self.by_field[*index].entry(value.clone()).or_default()
            }
        };
        senders.retain(|sender| !sender.is_closed());
        senders.push(sender);
    }

    /// A watcher whose backlog is full is dropped.
    fn tell(&mut self, change: &Arc<CachedChange>) {
        let hears = |sender: &Sender| sender.try_send(change.clone()).is_ok();
        self.by_prefix.retain(|(prefix, sender)| !change.key.starts_with(prefix.as_str()) || hears(sender));
        retain(&mut self.by_key, &change.key, hears);
        for (index, values) in self.by_field.iter_mut().enumerate().filter(|(_, values)| !values.is_empty()) {
            let mut seen = change.values(index);
            let first = seen.next();
            let second = seen.next().filter(|second| Some(*second) != first);
            first.into_iter().chain(second).for_each(|value| retain(values, value, hears));
        }
    }

    fn count(&self) -> usize {
        let narrow = self.by_key.values().chain(self.by_field.iter().flat_map(HashMap::values));
        self.by_prefix.len() + narrow.map(Vec::len).sum::<usize>()
    }
}

fn retain(all: &mut HashMap<String, Vec<Sender>>, of: &str, keep: impl Fn(&Sender) -> bool) {
    let Some(senders) = all.get_mut(of) else { return };
    senders.retain(keep);
    if senders.is_empty() {
        all.remove(of);
    }
}

impl CachedChange {
    /// A selectable field before the change and after it, as far as the object was there.
    fn values(&self, index: usize) -> impl Iterator<Item = &str> {
        let now = (self.event.kind != EventKind::Deleted).then_some(&self.event.object);
        self.previous.iter().chain(now).map(move |object| object.fields.get(index).unwrap_or_default())
    }
}

struct State {
    objects: Objects,
    indexes: Indexes,
    ring: VecDeque<Arc<CachedChange>>,
    /// Changes at or below this revision are no longer in the ring.
    forgotten: u64,
    /// The newest revision that touched this resource.
    changed: u64,
    watchers: Watchers,
}

/// Is told the local key and the new state of each changed object, before anyone can read the change.
type Listener = Box<dyn Fn(&str, Option<&Object>) + Send + Sync>;

pub struct ResourceCache {
    state: Mutex<State>,
    listeners: RwLock<Vec<Listener>>,
    def: Arc<ResourceDef>,
}

/// A consistent view of (part of) a resource.
pub struct Slice {
    pub objects: Objects,
    /// The newest revision this view is known to include.
    pub changed: u64,
}

/// A watcher's place: what it missed, then what comes.
pub struct Subscription {
    pub missed: Vec<Arc<CachedChange>>,
    pub live: mpsc::Receiver<Arc<CachedChange>>,
}

impl ResourceCache {
    pub fn new(loaded_at: u64, def: &Arc<ResourceDef>) -> Self {
        let state = State {
            objects: Objects::new(),
            indexes: Indexes::new(&def.indexed, &def.selectable),
            ring: VecDeque::new(),
            forgotten: loaded_at,
            changed: 0,
            watchers: Watchers::default(),
        };
        Self { state: Mutex::new(state), listeners: RwLock::default(), def: def.clone() }
    }

    /// Tells `listener` of everything there is, then of every change. It must not block or call back.
    pub fn listen(&self, listener: impl Fn(&str, Option<&Object>) + Send + Sync + 'static) {
        let state = self.state.lock();
        state.objects.iter().for_each(|(key, object)| listener(key, Some(object)));
        self.listeners.write().push(Box::new(listener));
    }

    /// Takes in an object found at start.
    pub fn load(&self, key: &str, object: Object) {
        let mut state = self.state.lock();
        state.changed = state.changed.max(object.revision);
        let key: Arc<str> = key.into();
        state.indexes.update(&key, None, Some(&object));
        state.objects.insert(key, Arc::new(object));
    }

    /// Reads a stored record. Those of kinds without selectable fields never become documents here.
    pub fn decode(&self, json: Bytes, revision: u64) -> Result<Object, ObjectError> {
        if self.def.selectable.is_empty() {
            return Object::from_stored(json, revision);
        }
        let doc: Doc = serde_json::from_slice(&json)?;
        Object::from_parsed(json, &doc, revision).map(|object| object.with_fields(self.fields(&doc)))
    }

    /// A document of the stored kind as an object without revision.
    pub fn draft(&self, doc: &Doc) -> Result<Object, ObjectError> {
        Object::from_doc(doc, 0).map(|object| object.with_fields(self.fields(doc)))
    }

    /// The values of the selectable fields, in the order of the definition.
    fn fields(&self, doc: &Doc) -> Fields {
        let values = self.def.selectable.iter().map(|field| self.def.field_value(doc, field)).collect();
        Fields::new(&self.def.selectable, values)
    }

    pub fn get(&self, key: &str) -> Option<Arc<Object>> {
        self.state.lock().objects.get(key).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Object>> {
        self.state.lock().objects.values().cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.state.lock().objects.len()
    }

    pub fn slice(&self) -> Slice {
        self.slice_of(None)
    }

    /// Only what has the value that is looked for.
    pub fn slice_of(&self, lookup: Option<&Lookup>) -> Slice {
        self.state.lock().slice(lookup)
    }

    /// Applies one committed change, hands it to the watchers and returns it.
    pub fn apply(&self, key: &str, revision: u64, object: Option<Arc<Object>>) -> Option<Arc<Event>> {
        let mut state = self.state.lock();
        let state = &mut *state;
        self.listeners.read().iter().for_each(|listener| listener(key, object.as_deref()));
        let key: Arc<str> = key.into();
        let previous = match &object {
            Some(object) => state.objects.insert(key.clone(), object.clone()),
            None => state.objects.remove(&key),
        };
        state.indexes.update(&key, previous.as_deref(), object.as_deref());
        state.changed = revision;
        let (kind, shown) = match (object, &previous) {
            (Some(object), None) => (EventKind::Added, object),
            (Some(object), Some(_)) => (EventKind::Modified, object),
            (None, Some(previous)) => (EventKind::Deleted, Arc::new(previous.at_revision(revision))),
            (None, None) => return None,
        };
        let event = Arc::new(Event::new(kind, shown));
        let change = Arc::new(CachedChange { key, revision, previous, event: event.clone() });
        state.watchers.tell(&change);
        state.ring.push_back(change);
        if state.ring.len() > RING
            && let Some(dropped) = state.ring.pop_front()
        {
            state.forgotten = dropped.revision;
        }
        Some(event)
    }

    /// Forgets changes up to `revision`: whoever resumes from before it must list again.
    pub fn compact(&self, revision: u64) {
        let mut state = self.state.lock();
        while state.ring.front().is_some_and(|c| c.revision <= revision) {
            state.ring.pop_front();
        }
        state.forgotten = state.forgotten.max(revision);
    }

    /// Everything in `scope` with a revision above `after`.
    pub fn subscribe(&self, scope: &Scope, after: u64) -> Result<Subscription, Status> {
        let mut state = self.state.lock();
        if after < state.forgotten {
            return Err(Status::expired(format!("too old resource version: {after} ({})", state.forgotten)));
        }
        Ok(state.register(scope, |change| change.revision > after))
    }

    /// The present state, as [`Self::slice_of`], and everything after it, without a gap between.
    pub fn subscribe_now(&self, scope: &Scope, lookup: Option<&Lookup>) -> (Slice, Subscription) {
        let mut state = self.state.lock();
        (state.slice(lookup), state.register(scope, |_| false))
    }

    pub fn watchers(&self) -> usize {
        self.state.lock().watchers.count()
    }
}

impl State {
    fn slice(&self, lookup: Option<&Lookup>) -> Slice {
        let objects = lookup.map_or_else(|| self.objects.clone(), |lookup| self.indexes.find(&self.objects, lookup));
        Slice { objects, changed: self.changed }
    }

    fn register(&mut self, scope: &Scope, missed: impl Fn(&CachedChange) -> bool) -> Subscription {
        let (sender, live) = mpsc::channel(WATCHER_BACKLOG);
        self.watchers.add(scope, sender);
        let missed = self.ring.iter().filter(|change| missed(change) && scope.covers(change)).cloned().collect();
        Subscription { missed, live }
    }
}

impl Slice {
    /// Objects under a local key prefix, in key order, behind `after` when given.
    pub fn under<'a>(&'a self, prefix: &'a str, after: &str) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Object>)> {
        let start: Arc<str> = if after > prefix { after.into() } else { prefix.into() };
        let exclusive = after > prefix;
        let skip = start.clone();
        self.objects
            .range(start..)
            .skip_while(move |(k, _)| exclusive && **k == skip)
            .take_while(move |(k, _)| k.starts_with(prefix))
    }
}
