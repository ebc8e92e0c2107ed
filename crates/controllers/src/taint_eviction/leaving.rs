//! Which nodes drive pods away, and since when which pods have had to go.

use crate::nodes::{NO_EXECUTE, node_of, taints};
use meta::Doc;
use parking_lot::{Mutex, RwLock};
use reconcile::{ObjectChange, ObjectKey};
use std::collections::HashMap;
use tokio::time::Instant;

#[derive(Default)]
pub(super) struct Leaving {
    /// NoExecute taints, of nodes that have any.
    tainted: RwLock<HashMap<String, Vec<Doc>>>,
    /// By pod, with the uid that it had then.
    since: Mutex<HashMap<ObjectKey, (String, Instant)>>,
}

impl Leaving {
    /// True if the node drives away other pods than before.
    pub fn node_changed(&self, change: &ObjectChange) -> bool {
        let doc = change.new.as_ref().map_or(Doc::Null, |node| node.to_doc());
        let driving: Vec<Doc> = taints(&doc).iter().filter(|taint| taint["effect"] == NO_EXECUTE).cloned().collect();
        let (name, mut tainted) = (&change.object().meta.name, self.tainted.write());
        let before = if driving.is_empty() { tainted.remove(name) } else { tainted.insert(name.clone(), driving.clone()) };
        before.unwrap_or_default() != driving
    }

    pub fn taints(&self, node: &str) -> Vec<Doc> {
        self.tainted.read().get(node).cloned().unwrap_or_default()
    }

    /// Whether the pod is on a node that drives pods away, or was to leave.
    pub fn concerns(&self, change: &ObjectChange) -> bool {
        let tainted = self.tainted.read();
        let on_tainted = || node_of(change.object()).is_some_and(|node| tainted.contains_key(&node));
        (!tainted.is_empty() && on_tainted()) || self.since.lock().contains_key(&ObjectKey::of(change.object()))
    }

    /// Since when this very pod has had to go.
    pub fn since(&self, pod: &ObjectKey, uid: &str, now: Instant) -> Instant {
        let mut since = self.since.lock();
        match since.get(pod) {
            Some((known, at)) if known == uid => *at,
            _ => {
                since.insert(pod.clone(), (uid.to_owned(), now));
                now
            }
        }
    }

    /// The pod stays, or is gone. True if it was to leave.
    pub fn stays(&self, pod: &ObjectKey) -> bool {
        self.since.lock().remove(pod).is_some()
    }
}
