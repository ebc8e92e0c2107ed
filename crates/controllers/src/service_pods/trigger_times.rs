//! When that which changes a Service's endpoints has happened, for those who measure how long it takes until everybody knows
//! (k8s.io/endpointslice `util/trigger_time_tracker.go`).

use super::{Member, Service};
use meta::{Doc, Time};
use parking_lot::Mutex;
use reconcile::ObjectKey;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

const ANNOTATION: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// What the last written pass over each Service has seen.
#[derive(Default)]
pub(crate) struct TriggerTimes(Mutex<HashMap<ObjectKey, Seen>>);

struct Seen {
    created: Option<Time>,
    members: Vec<Arc<Member>>,
}

impl Seen {
    fn of(service: &Service, members: &[Arc<Member>]) -> Self {
        Self { created: service.created, members: members.to_vec() }
    }

    /// The earliest of what is new: pods that became ready or stopped being so, and a Service made anew.
    fn earliest_since(&self, before: &Self) -> Option<Time> {
        let known: HashMap<&str, Option<Time>> = before.members.iter().map(|one| (&*one.name, one.ready_changed)).collect();
        let pods = self.members.iter().filter(|one| one.ready_changed > known.get(&*one.name).copied().flatten());
        let service = self.created.filter(|_| self.created > before.created);
        pods.filter_map(|one| one.ready_changed).chain(service).min()
    }
}

impl TriggerTimes {
    /// Since the last pass. To a Service that is not known yet everything began with it.
    pub fn earliest(&self, key: &ObjectKey, service: &Service, members: &[Arc<Member>]) -> Option<Time> {
        match self.0.lock().get(key) {
            None => service.created,
            Some(before) => Seen::of(service, members).earliest_since(before),
        }
    }

    /// After a pass: what failed counts again in the next one.
    pub fn remember(&self, key: &ObjectKey, service: &Service, members: &[Arc<Member>]) {
        self.0.lock().insert(key.clone(), Seen::of(service, members));
    }

    pub fn forget(&self, key: &ObjectKey) {
        self.0.lock().remove(key);
    }
}

/// Says it on what is to be written. What an earlier change has left there is no news.
pub(crate) fn annotate(doc: &mut Doc, earliest: Option<Time>) {
    if let Some(time) = earliest {
        doc["metadata"]["annotations"][ANNOTATION] = json!(time.to_string());
    } else if let Some(annotations) = doc["metadata"].get_mut("annotations").and_then(Doc::as_object_mut) {
        annotations.remove(ANNOTATION);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<Time> {
        (seconds > 0).then(|| Time::from_unix(seconds))
    }

    /// `name seconds`
    fn members(pods: &[(&str, i64)]) -> Vec<Arc<Member>> {
        let member = |(name, changed): &(&str, i64)| {
            let mut member = Member::default();
            (member.name, member.ready_changed) = ((*name).into(), at(*changed));
            Arc::new(member)
        };
        pods.iter().map(member).collect()
    }

    #[test]
    fn the_earliest_of_what_is_new_counts() {
        let (times, key) = (TriggerTimes::default(), ObjectKey::new("a", "web"));
        for (what, created, pods, expected) in [
            ("a new Service", 10, &[("one", 5), ("two", 20)][..], 10),
            ("nothing new", 10, &[("one", 5), ("two", 20)], 0),
            ("one of its pods", 10, &[("one", 30), ("two", 20)], 30),
            ("two at once", 10, &[("one", 50), ("two", 40)], 40),
            ("a pod without a condition", 10, &[("one", 50), ("two", 40), ("three", 0)], 0),
            ("which then has one", 10, &[("one", 50), ("two", 40), ("three", 60)], 60),
            ("a pod that goes", 10, &[("one", 50), ("two", 40)], 0),
            ("a clock that was put back", 10, &[("one", 45), ("two", 40)], 0),
            ("a Service of the same name", 70, &[("one", 45), ("two", 40)], 70),
        ] {
            let (service, members) = (Service { created: at(created), ..Service::default() }, members(pods));
            assert_eq!(times.earliest(&key, &service, &members), at(expected), "{what}");
            times.remember(&key, &service, &members);
        }
    }

    #[test]
    fn what_was_not_written_counts_again() {
        let (times, key) = (TriggerTimes::default(), ObjectKey::new("a", "web"));
        let service = Service { created: at(10), ..Service::default() };
        times.remember(&key, &service, &members(&[("one", 5)]));
        for _ in 0..2 {
            assert_eq!(times.earliest(&key, &service, &members(&[("one", 20)])), at(20));
        }
        times.forget(&key);
        assert_eq!(times.earliest(&key, &service, &members(&[("one", 20)])), at(10));
    }

    #[test]
    fn old_news_are_taken_off() {
        let mut doc = json!({"metadata": {"name": "web"}});
        annotate(&mut doc, None);
        assert_eq!(doc, json!({"metadata": {"name": "web"}}));
        annotate(&mut doc, at(10));
        assert_eq!(doc["metadata"]["annotations"], json!({ANNOTATION: "1970-01-01T00:00:10Z"}));
        doc["metadata"]["annotations"]["note"] = json!("x");
        annotate(&mut doc, None);
        assert_eq!(doc["metadata"]["annotations"], json!({"note": "x"}));
    }
}
