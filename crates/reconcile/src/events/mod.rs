//! Records `v1 Event`s, folding repetitions into a count as client-go's recorder does.

mod correlate;

use client::{Client, Resource};
use correlate::{Correlator, Said, Verdict};
use meta::status::Result;
use meta::time::SharedClock;
use meta::{Doc, Object};
use parking_lot::Mutex;
use serde_json::json;
use std::hash::{DefaultHasher, Hash, Hasher};

const EVENTS: Resource = Resource::new("", "v1", "events");
/// The longest DNS subdomain.
const MAX_NAME: usize = 253;
/// How many objects may be spoken of at a time.
const TURNS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    Normal,
    Warning,
}

/// One component's voice.
pub struct Recorder {
    client: Client,
    component: &'static str,
    host: String,
    clock: SharedClock,
    correlator: Mutex<Correlator>,
    /// What is said of one object is said in turn: a repetition has to find the event that it repeats.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

impl Recorder {
    pub fn new(client: Client, component: &'static str, clock: SharedClock) -> Self {
        Self { client, component, host: String::new(), clock, correlator: Mutex::default(), turns: Default::default() }
    }

    /// Speaks from this node.
    pub fn on_host(mut self, host: &str) -> Self {
        self.host = host.into();
        self
    }

    /// Says `reason: message` about an object of the given apiVersion and kind.
    pub async fn record(&self, about: &Object, kind: (&str, &str), level: EventType, reason: &str, message: &str) -> Result<()> {
        let reference = json!({
            "apiVersion": kind.0, "kind": kind.1, "name": about.meta.name, "namespace": about.meta.namespace,
            "uid": about.meta.uid, "resourceVersion": about.resource_version(),
        });
        self.record_reference(reference, level, reason, message).await
    }

    /// As [`Recorder::record`], about a `v1 ObjectReference`, which may point at a part of an object.
    pub async fn record_reference(&self, about: Doc, level: EventType, reason: &str, message: &str) -> Result<()> {
        let text = |field: &str| about[field].as_str().unwrap_or("").to_owned();
        let said = Said { uid: text("uid"), field_path: text("fieldPath"), reason: reason.into(), message: message.into() };
        let _turn = self.turns[turn_of(&said.uid)].lock().await; // held until the event is written
        let verdict = self.correlator.lock().judge(said, self.clock.now());
        let said = match verdict {
            Verdict::Unsaid => return Ok(()),
            Verdict::Tell(said) => said,
            Verdict::Count { namespace, name, count, said } => {
                let patch = json!({ "count": count, "message": said.message, "lastTimestamp": self.clock.now().to_string() });
                match self.client.patch(EVENTS, &namespace, &name, "", patch).await {
                    Err(status) if status.reason == meta::Reason::NotFound => said,
                    other => return other.map(drop),
                }
            }
        };
        let namespace = Some(text("namespace")).filter(|namespace| !namespace.is_empty()).unwrap_or_else(|| "default".into());
        let mut name = self.name_for(&text("name"));
        let mut doc = self.document(about, level, (&namespace, &name), (&said.reason, &said.message));
        match self.client.create(EVENTS, &namespace, doc.clone()).await {
            // Said within one tick of the clock.
            Err(status) if status.reason == meta::Reason::AlreadyExists => {
                name = self.clock.new_uid();
                doc["metadata"]["name"] = name.as_str().into();
                self.client.create(EVENTS, &namespace, doc).await?;
            }
            other => drop(other?),
        }
        self.correlator.lock().told(&said, namespace, name);
        Ok(())
    }

    /// The object's name and the hour, as client-go's `GenerateEventName`; a fresh identifier where that is too long.
    fn name_for(&self, about: &str) -> String {
        let name = format!("{about}.{:016x}", self.clock.now().0.as_nanosecond());
        if name.len() <= MAX_NAME { name } else { self.clock.new_uid() }
    }

    fn document(&self, about: Doc, level: EventType, at: (&str, &str), text: (&str, &str)) -> Doc {
        let now = self.clock.now().to_string();
        let source = match self.host.as_str() {
            "" => json!({ "component": self.component }),
            host => json!({ "component": self.component, "host": host }),
        };
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": { "namespace": at.0, "name": at.1 },
            "involvedObject": about,
            "type": format!("{level:?}"), "reason": text.0, "message": text.1, "count": 1,
            "firstTimestamp": now, "lastTimestamp": now,
            "source": source, "reportingComponent": self.component, "reportingInstance": self.host,
        })
    }
}

fn turn_of(uid: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    (hasher.finish() % TURNS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::{Body, Call, Reply, ReplyBody, Transport, Verb, WatchStream};
    use meta::Status;
    use meta::time::SystemClock;
    use std::sync::Arc;

    /// Takes its time, and notes what was asked.
    #[derive(Default)]
    struct Slow(Mutex<Vec<String>>);

    #[async_trait::async_trait]
    impl Transport for Slow {
        async fn call(&self, call: Call) -> Result<Reply> {
            tokio::task::yield_now().await;
            let (Body::Doc(doc) | Body::Patch(_, doc)) = call.body else { return Err(Status::internal("no body")) };
            let verb = if call.verb == Verb::Create { "create" } else { "patch" };
            self.0.lock().push(format!("{verb} x{}", doc["count"]));
            let object = Object::from_doc(&json!({"metadata": {"name": "event"}}), 1).expect("a valid object");
            Ok(Reply::new(ReplyBody::Object(object.shared())))
        }
        async fn watch(&self, _: Call) -> Result<WatchStream> {
            Err(Status::internal("nobody watches"))
        }
    }

    #[tokio::test]
    async fn what_is_said_twice_at_once_is_one_event() {
        let transport = Arc::new(Slow::default());
        let recorder = Recorder::new(Client::new(transport.clone()), "test", Arc::new(SystemClock));
        let about = json!({"kind": "Pod", "name": "p", "namespace": "n", "uid": "u"});
        let say = || recorder.record_reference(about.clone(), EventType::Normal, "Reason", "message");
        let (first, second) = tokio::join!(say(), say());
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(*transport.0.lock(), ["create x1", "patch x2"]);
    }
}
