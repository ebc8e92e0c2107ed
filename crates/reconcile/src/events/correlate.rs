//! What becomes of one more event: told anew, counted, told together with others like it, or left unsaid because its object
//! has had so many. Follows client-go `tools/record/events_cache.go`. Pure.

use meta::Time;
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// How many objects, reasons and events are remembered.
const REMEMBERED: usize = 256;
const REMEMBERED_OBJECTS: usize = 4096;
/// From so many different messages of one reason on, they are told as one event...
const SIMILAR: usize = 10;
/// ...unless so long passes between two of them.
const SIMILAR_WITHIN_SECONDS: i64 = 600;
/// How many events an object may have at once, and how long it takes until it may have one more.
const BURST: f64 = 25.0;
const REFILL_SECONDS: f64 = 300.0;
const COMBINED: &str = "(combined from similar events): ";

/// What is said, and about what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub uid: String,
    pub field_path: String,
    pub reason: String,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Unsaid,
    /// A new event with this message.
    Tell(Said),
    /// One more of the event with this namespace and name, whose message is now this.
    Count {
        namespace: String,
        name: String,
        count: u64,
        said: Said,
    },
}

/// Stands for texts, which would take more memory than all else here: thousands of nodes in one process each remember
/// hundreds. Of so few hardly ever two share one.
type Hash64 = u64;

struct Similar {
    like: Hash64,
    /// At most [`SIMILAR`].
    messages: Vec<Hash64>,
    last: Time,
}

struct Told {
    key: Hash64,
    namespace: String,
    name: String,
    count: u64,
}

struct Budget {
    left: f64,
    at: Time,
}

#[derive(Default)]
pub(super) struct Correlator {
    similar: VecDeque<Similar>,
    told: VecDeque<Told>,
    budgets: HashMap<String, Budget>,
}

impl Correlator {
    pub fn judge(&mut self, said: Said, now: Time) -> Verdict {
        if !self.may_speak(&said.uid, now) {
            return Verdict::Unsaid;
        }
        let said =
            if self.is_one_of_many(&said, now) { Said { message: format!("{COMBINED}{}", said.message), ..said } } else { said };
        let key = key(&said);
        match self.told.iter_mut().find(|told| told.key == key) {
            None => Verdict::Tell(said),
            Some(told) => {
                told.count += 1;
                Verdict::Count { namespace: told.namespace.clone(), name: told.name.clone(), count: told.count, said }
            }
        }
    }

    /// The event has been written under this name.
    pub fn told(&mut self, said: &Said, namespace: String, name: String) {
        let key = key(said);
        self.told.retain(|told| told.key != key);
        self.told.push_back(Told { key, namespace, name, count: 1 });
        if self.told.len() > REMEMBERED {
            self.told.pop_front();
        }
    }

    fn is_one_of_many(&mut self, said: &Said, now: Time) -> bool {
        let like = hash((&said.uid, &said.field_path, &said.reason));
        let known = self.similar.iter().position(|similar| similar.like == like).and_then(|index| self.similar.remove(index));
        let mut similar = match known {
            Some(similar) if now.seconds_since(similar.last) <= SIMILAR_WITHIN_SECONDS => similar,
            _ => Similar { like, messages: Vec::new(), last: now },
        };
        similar.last = now;
        let few = similar.messages.len() < SIMILAR;
        let message = hash(&said.message);
        let known = similar.messages.contains(&message);
        if few && !known {
            similar.messages.push(message);
        }
        let many = !known && similar.messages.len() >= SIMILAR;
        self.similar.push_back(similar);
        if self.similar.len() > REMEMBERED {
            self.similar.pop_front();
        }
        many
    }

    fn may_speak(&mut self, uid: &str, now: Time) -> bool {
        if self.budgets.len() >= REMEMBERED_OBJECTS && !self.budgets.contains_key(uid) {
            self.budgets.retain(|_, budget| budget.refilled(now) < BURST);
            if self.budgets.len() >= REMEMBERED_OBJECTS {
                // All are busy: rather a few events too many than memory without end.
                self.budgets.clear();
            }
        }
        let budget = self.budgets.entry(uid.to_owned()).or_insert(Budget { left: BURST, at: now });
        (budget.left, budget.at) = (budget.refilled(now), now);
        let may = budget.left >= 1.0;
        budget.left -= f64::from(u8::from(may));
        may
    }
}

fn hash(texts: impl Hash) -> Hash64 {
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    hasher.finish()
}

/// By what events are the same. Of those that are told together it is not the message.
fn key(said: &Said) -> Hash64 {
    let message = if said.message.starts_with(COMBINED) { COMBINED } else { &said.message };
    hash((&said.uid, &said.field_path, &said.reason, message))
}

impl Budget {
    fn refilled(&self, now: Time) -> f64 {
        let seconds = now.seconds_since(self.at).max(0) as f64;
        (self.left + seconds / REFILL_SECONDS).min(BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(uid: &str, message: &str) -> Said {
        Said { uid: uid.into(), field_path: String::new(), reason: "r".into(), message: message.into() }
    }

    /// Judges, and takes down what is told anew.
    fn judge(correlator: &mut Correlator, uid: &str, message: &str, at: i64) -> String {
        match correlator.judge(said(uid, message), Time::from_unix(at)) {
            Verdict::Unsaid => "-".into(),
            Verdict::Tell(said) => {
                correlator.told(&said, "n".into(), said.message.clone());
                said.message
            }
            Verdict::Count { name, count, said, .. } => format!("{name} = {} x{count}", said.message),
        }
    }

    #[test]
    fn the_same_is_counted() {
        let mut correlator = Correlator::default();
        for (uid, message, expected) in
            [("a", "m", "m"), ("a", "m", "m = m x2"), ("b", "m", "m"), ("a", "other", "other"), ("a", "m", "m = m x3")]
        {
            assert_eq!(judge(&mut correlator, uid, message, 0), expected);
        }
    }

    #[test]
    fn many_of_a_kind_are_told_together() {
        let mut correlator = Correlator::default();
        for index in 1..10 {
            assert_eq!(judge(&mut correlator, "a", &index.to_string(), index), index.to_string());
        }
        let combined = "(combined from similar events): 10";
        assert_eq!(judge(&mut correlator, "a", "10", 10), combined);
        assert_eq!(judge(&mut correlator, "a", "11", 11), format!("{combined} = (combined from similar events): 11 x2"));
        // What is known is counted on its own, and after a pause all is new.
        assert_eq!(judge(&mut correlator, "a", "3", 12), "3 = 3 x2");
        assert_eq!(judge(&mut correlator, "a", "12", 700), "12");
    }

    #[test]
    fn an_object_has_so_many_events_at_once() {
        let mut correlator = Correlator::default();
        let spoken = (0..40).filter(|_| judge(&mut correlator, "a", "m", 0) != "-").count();
        assert_eq!(spoken, 25);
        assert_ne!(judge(&mut correlator, "b", "m", 0), "-");
        assert_eq!(judge(&mut correlator, "a", "m", 299), "-");
        assert_ne!(judge(&mut correlator, "a", "m", 600), "-");
        (0..10_000).for_each(|index| drop(judge(&mut correlator, &index.to_string(), "m", 0)));
        assert!(correlator.budgets.len() <= REMEMBERED_OBJECTS && correlator.told.len() <= REMEMBERED);
    }
}
