//! What the world tells the scheduling loop: changes seen by informers, and what came of its own writes. Informers hand
//! them over without waiting; the loop takes them in between cycles.

use crate::cluster::GroupKind;
use crate::model::{Node, Pod};
use meta::{Object, Status};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::Notify;

#[derive(Debug)]
pub enum News {
    Pod(Arc<Pod>),
    PodGone(String),
    Node(Arc<Node>),
    NodeGone(String),
    Namespace(Arc<Object>, bool),
    Group(GroupKind, Arc<Object>, bool),
    Budget(Arc<Object>, bool),
    Claim(Arc<Object>, bool),
    StorageClass(Arc<Object>, bool),
    /// What came of binding a pod, by its uid.
    Bound(String, Result<(), Status>),
    /// A pod (first) was not deleted in favour of another.
    Spared(String, String),
}

/// As long as the changes of the cluster since the loop last looked: what an informer's own cache holds anyway.
#[derive(Default)]
pub struct Inbox {
    news: Mutex<Vec<News>>,
    arrived: Notify,
}

impl Inbox {
    pub fn put(&self, news: News) {
        self.news.lock().push(news);
        self.arrived.notify_one();
    }

    /// Everything so far, in order.
    pub fn take(&self) -> Vec<News> {
        std::mem::take(&mut self.news.lock())
    }

    /// Resolves once something is there.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }
}
