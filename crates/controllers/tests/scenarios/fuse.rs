//! A connection that breaks after a write: how a process that dies there looks to the server. To die before a write is to
//! die after the one before it.

use client::{Call, ChangeStream, Client, Reply, Result, Transport, Verb, WatchStream};
use meta::{Reason, Status};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// Shared by the connections of one process.
pub struct Fuse {
    at: usize,
    writes: AtomicUsize,
    burnt: watch::Sender<bool>,
}

impl Fuse {
    /// Lets this many writes through.
    pub fn new(at: usize) -> Arc<Self> {
        Arc::new(Self { at, writes: AtomicUsize::new(0), burnt: watch::channel(false).0 })
    }

    pub fn is_burnt(&self) -> bool {
        *self.burnt.borrow()
    }

    pub async fn burns(&self) {
        self.burnt.subscribe().wait_for(|burnt| *burnt).await.expect("the sender lives in self");
    }

    /// The same user's connection by way of this fuse.
    pub fn guard(self: &Arc<Self>, client: Client) -> Client {
        Client::new(Arc::new(Guarded { fuse: self.clone(), client }))
    }
}

struct Guarded {
    fuse: Arc<Fuse>,
    client: Client,
}

fn broken() -> Status {
    Status::new(Reason::ServiceUnavailable, "the process is dead")
}

/// Writes that count: what is said of them, and leases, do not.
fn counts(call: &Call) -> bool {
    let reads = matches!(call.verb, Verb::Get | Verb::List | Verb::Watch);
    !reads && matches!(call.target.resource.resource.as_str(), "deployments" | "replicasets" | "pods")
}

#[async_trait::async_trait]
impl Transport for Guarded {
    async fn call(&self, call: Call) -> Result<Reply> {
        if self.fuse.is_burnt() {
            return Err(broken());
        }
        let last = counts(&call) && self.fuse.writes.fetch_add(1, Ordering::SeqCst) + 1 == self.fuse.at;
        let reply = self.client.call(call).await;
        if !last {
            return reply;
        }
        self.fuse.burnt.send_replace(true);
        // Whatever the answer was, nobody is there to hear it.
        Err(broken())
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        self.client.watch(call.target.resource, &call.target.namespace, call.options).await
    }

    async fn changes(&self) -> Result<ChangeStream> {
        self.client.changes().await
    }
}
