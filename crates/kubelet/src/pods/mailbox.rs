//! What a pod's worker is told by others: the newest wish, and facts since it last looked.

use crate::eviction::Eviction;
use crate::parts::ProbeResult;
use crate::pod::PodView;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// The newest version of a pod.
#[derive(Clone)]
pub struct Wish {
    pub pod: Arc<PodView>,
    /// It is no longer in the API.
    pub gone: bool,
    /// The node has no room for it any more.
    pub evicted: Option<Eviction>,
}

/// A pod that is no longer in the API gets this long.
const GONE_GRACE_S: i64 = 1;

impl Wish {
    /// Within how many seconds everything must end, if it must.
    pub fn urgency(&self) -> Option<i64> {
        let deleted = self.pod.is_deleting().then(|| self.pod.grace_seconds());
        let gone = (self.gone && deleted.is_none()).then_some(GONE_GRACE_S);
        let evicted = self.evicted.as_ref().map(|eviction| eviction.grace_s);
        [deleted, gone, evicted].into_iter().flatten().min()
    }
}

#[derive(Default)]
pub struct Inbox {
    pub probes: Vec<ProbeResult>,
    /// Ask the runtime for everything again.
    pub relist: bool,
    pub lost_sandboxes: Vec<String>,
}

pub struct Mailbox {
    wish: watch::Sender<Wish>,
    inbox: Mutex<Inbox>,
    wake: Notify,
}

impl Mailbox {
    pub fn new(wish: Wish) -> Arc<Self> {
        Arc::new(Self { wish: watch::channel(wish).0, inbox: Mutex::default(), wake: Notify::new() })
    }

    pub fn wish(&self) -> Wish {
        self.wish.borrow().clone()
    }

    pub fn set_pod(&self, pod: Arc<PodView>) {
        self.wish.send_modify(|wish| wish.pod = pod);
        self.wake.notify_one();
    }

    pub fn set_gone(&self) {
        self.wish.send_modify(|wish| wish.gone = true);
        self.wake.notify_one();
    }

    pub fn evict(&self, eviction: Eviction) {
        self.wish.send_modify(|wish| wish.evicted = Some(eviction));
        self.wake.notify_one();
    }

    pub fn tell(&self, change: impl FnOnce(&mut Inbox)) {
        change(&mut self.inbox.lock());
        self.wake.notify_one();
    }

    pub fn take(&self) -> Inbox {
        std::mem::take(&mut self.inbox.lock())
    }

    /// Until something is told.
    pub async fn told(&self) {
        self.wake.notified().await;
    }

    /// Until the pod has to end sooner than `accepted` says.
    pub async fn hurried(&self, accepted: Option<i64>) {
        let mut wishes = self.wish.subscribe();
        let sooner = |wish: &Wish| wish.urgency().is_some_and(|grace| accepted.is_none_or(|accepted| grace < accepted));
        // The sender lives in self, so waiting cannot fail.
        drop(wishes.wait_for(sooner).await);
    }
}
