//! Objects on their way from the request that stores them to the cache, so that neither parses what the other has parsed
//! and both share one copy.

use bytes::Bytes;
use meta::Object;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// The feed is rarely more than one group commit behind. What lies here longer was never committed.
const MOST: usize = 4096;

/// An object whose commit will give it its revision.
pub(crate) struct Prepared {
    draft: Mutex<Option<Object>>,
    object: OnceLock<Arc<Object>>,
}

impl Prepared {
    /// The object as it was committed: made by whoever learns of the commit first.
    pub fn at(&self, revision: u64) -> Arc<Object> {
        let make = || {
            let draft = self.draft.lock().take().expect("only the first to ask takes the draft");
            Arc::new(draft.with_revision(revision))
        };
        self.object.get_or_init(make).clone()
    }
}

/// Prepared objects by the address of their bytes, which the store hands on as they are. An address names one value for
/// as long as its object lies here, because the object holds the bytes.
#[derive(Default)]
pub(crate) struct Handoff(Mutex<HashMap<usize, Arc<Prepared>>>);

impl Handoff {
    pub fn offer(&self, object: Object) -> Arc<Prepared> {
        let address = address(object.stored());
        let prepared = Arc::new(Prepared { draft: Mutex::new(Some(object)), object: OnceLock::new() });
        let mut waiting = self.0.lock();
        if waiting.len() >= MOST {
            // Whoever misses one parses the stored bytes.
            waiting.clear();
        }
        waiting.insert(address, prepared.clone());
        prepared
    }

    pub fn take(&self, value: &Bytes) -> Option<Arc<Prepared>> {
        self.0.lock().remove(&address(value))
    }
}

fn address(bytes: &Bytes) -> usize {
    bytes.as_ptr() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn request_and_feed_share_one_object_in_any_order() {
        let handoff = Handoff::default();
        let object = Object::from_doc(&json!({"metadata": {"name": "a"}}), 0).expect("an object");
        let value = object.stored().clone();
        let prepared = handoff.offer(object);
        assert!(handoff.take(&Bytes::copy_from_slice(&value)).is_none(), "the same text elsewhere is another value");
        let of_feed = handoff.take(&value).expect("it was offered").at(7);
        assert!(Arc::ptr_eq(&of_feed, &prepared.at(7)));
        assert_eq!((of_feed.revision, handoff.take(&value).is_none()), (7, true));
    }

    #[test]
    fn what_nobody_takes_is_forgotten() {
        let handoff = Handoff::default();
        for _ in 0..3 * MOST {
            handoff.offer(Object::from_doc(&json!({}), 0).expect("an object"));
        }
        assert!(handoff.0.lock().len() <= MOST);
    }
}
