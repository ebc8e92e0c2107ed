//! Empties namespaces that are being deleted and then lets them go. Promise: a namespace is released only after every
//! kind in it was listed twice and found empty, and its status says what it still waits for.
//! Follows kubernetes `pkg/controller/namespace/deletion/namespaced_resources_deleter.go`.

mod conditions;
mod content;

use crate::context::{Cx, KindFacts, NAMESPACES};
use client::Client;
use content::Outcome;
use meta::time::SharedClock;
use meta::{Doc, Object, Status};
use reconcile::{Controller, Error, Next};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const NAME: &str = "namespace-controller";
/// Ours among `spec.finalizers`.
const FINALIZER: &str = "kubernetes";
/// Namespaces emptied at a time.
const WORKERS: usize = 4;

/// Woken by namespaces that carry a deletion timestamp; while content remains, by the queue's growing pauses, of which none
/// is longer than the content may take to go.
pub(crate) fn start(cx: &Cx) {
    let namespaces = cx.informers.get(NAMESPACES);
    let (kinds, clock) = (cx.context.kinds.clone(), cx.context.clock.clone());
    let pass = Arc::new(Pass { client: cx.client(NAME), kinds, clock });
    Controller::new(NAME, &cx.context.runtime)
        .watches(&namespaces, |change| {
            let leaving = change.new.as_ref().filter(|namespace| namespace.meta.is_deleting());
            leaving.map(|namespace| namespace.meta.name.clone())
        })
        .run(WORKERS, move |namespace: String| {
            let pass = pass.clone();
            async move { pass.reconcile(&namespace).await }
        });
}

struct Pass {
    client: Client,
    kinds: Arc<[KindFacts]>,
    clock: SharedClock,
}

impl Pass {
    async fn reconcile(&self, name: &str) -> Result<Next, Error> {
        let Some(namespace) = self.client.find(NAMESPACES, "", name).await?.filter(|n| n.meta.is_deleting()) else {
            return Ok(Next::OnChange);
        };
        let doc = namespace.to_doc();
        if is_finalized(&doc) {
            return Ok(Next::OnChange);
        }
        let outcome = content::delete_all(&self.client, &self.kinds, name).await;
        let reported = self.report(&doc, &outcome).await?;
        match verdict(&outcome) {
            Verdict::Failed(why) => Err(Status::internal(why).into()),
            // Woken by our own write: what has moved on is looked at again after a short pause.
            Verdict::Waiting(_) if reported => Ok(Next::OnChange),
            Verdict::Waiting(what) => Err(Error::WaitingAtMost { what, pause: pause(outcome.seconds) }),
            // Our own write wakes us for a second look: what was admitted before the namespace was marked, and was still
            // on its way into the store, is there by then.
            Verdict::Empty if reported => Ok(Next::OnChange),
            Verdict::Empty => self.release(doc).await,
        }
    }

    /// Says on the namespace's status how far it has come. The role allows updates only: the whole document goes back as
    /// it was read, at the version it was read at. Returns whether there was news.
    async fn report(&self, doc: &Doc, outcome: &Outcome) -> Result<bool, Error> {
        let Some(updated) = with_status(doc, outcome, self.clock.now()) else { return Ok(false) };
        self.put(updated, "status").await?;
        Ok(true)
    }

    async fn release(&self, doc: Doc) -> Result<Next, Error> {
        match self.put(released(doc), "finalize").await {
            Err(status) if status.reason == meta::Reason::NotFound => Ok(Next::OnChange),
            other => Ok(other.map(|_| Next::OnChange)?),
        }
    }

    async fn put(&self, doc: Doc, subresource: &str) -> Result<Arc<Object>, Status> {
        let name = doc["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        self.client.update_subresource(NAMESPACES, "", &name, subresource, doc).await
    }
}

/// Half of what it may take, so that the end is not missed by much (`worker` of kubernetes
/// `pkg/controller/namespace/namespace_controller.go`).
fn pause(seconds: u64) -> Duration {
    Duration::from_secs(seconds / 2 + 1)
}

/// Nobody's content is awaited any more; the API server removes it with its last ordinary finalizer.
fn is_finalized(namespace: &Doc) -> bool {
    namespace["spec"]["finalizers"].as_array().is_none_or(Vec::is_empty)
}

fn released(mut namespace: Doc) -> Doc {
    if let Some(finalizers) = namespace["spec"]["finalizers"].as_array_mut() {
        finalizers.retain(|f| f != FINALIZER);
    }
    namespace
}

/// The namespace with phase and conditions as they should be, or None when they are.
fn with_status(namespace: &Doc, outcome: &Outcome, now: meta::Time) -> Option<Doc> {
    let mut updated = namespace.clone();
    updated["status"]["phase"] = "Terminating".into();
    updated["status"]["conditions"] = conditions::merged(&namespace["status"]["conditions"], &conditions::of(outcome), now);
    (updated != *namespace).then_some(updated)
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Failed(String),
    Waiting(String),
    Empty,
}

fn verdict(outcome: &Outcome) -> Verdict {
    if !outcome.failures.is_empty() {
        return Verdict::Failed(outcome.failures.join(", "));
    }
    match outcome.remaining.values().sum::<usize>() {
        0 => Verdict::Empty,
        count => Verdict::Waiting(format!("{count} objects remain in the namespace")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::GroupResource;
    use serde_json::json;

    #[test]
    fn a_namespace_is_released_once_it_is_empty() {
        let pods = [(GroupResource::new("", "pods"), 2)];
        for (outcome, expected) in [
            (Outcome::default(), Verdict::Empty),
            (
                Outcome { remaining: pods.into(), ..Outcome::default() },
                Verdict::Waiting("2 objects remain in the namespace".into()),
            ),
            (Outcome { failures: vec!["no".into()], ..Outcome::default() }, Verdict::Failed("no".into())),
        ] {
            assert_eq!(verdict(&outcome), expected);
        }
        for (finalizers, left, finalized) in [
            (json!(["kubernetes"]), json!([]), false),
            (json!(["a.example/x", "kubernetes"]), json!(["a.example/x"]), false),
            (json!([]), json!([]), true),
            (Doc::Null, Doc::Null, true),
        ] {
            let namespace = json!({"spec": {"finalizers": finalizers}});
            assert_eq!(is_finalized(&namespace), finalized, "{namespace}");
            assert_eq!(released(namespace)["spec"]["finalizers"], left);
        }
    }

    #[test]
    fn pauses_are_as_long_as_half_of_what_is_awaited() {
        for (seconds, pause_seconds) in [(0, 1), (2, 2), (15, 8), (30, 16)] {
            assert_eq!(pause(seconds), Duration::from_secs(pause_seconds), "{seconds}");
        }
    }

    #[test]
    fn the_status_is_written_once() {
        let namespace = json!({"metadata": {"name": "a"}, "status": {"phase": "Active"}});
        let (first, later) = (meta::Time::from_unix(0), meta::Time::from_unix(60));
        let updated = with_status(&namespace, &Outcome::default(), first).expect("a change");
        assert_eq!(updated["status"]["phase"], "Terminating");
        assert_eq!(with_status(&updated, &Outcome::default(), later), None);
    }
}
