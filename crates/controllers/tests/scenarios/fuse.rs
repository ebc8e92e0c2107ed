//! A connection that breaks after a write: how a process that dies there looks to the server. To die before a write is to
//! die after the one before it.

use client::{Call, ChangeStream, Client, Reply, Result, Transport, Verb, WatchStream};
use meta::{Reason, Status};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// Shared by the connections of one process.
pub struct Fuse {
    controllers: &'static [&'static str],
    at: usize,
    writes: AtomicUsize,
    burnt: watch::Sender<bool>,
}

impl Fuse {
    /// Lets this many writes of the controllers through.
    pub fn new(controllers: &'static [&'static str], at: usize) -> Arc<Self> {
        Arc::new(Self { controllers, at, writes: AtomicUsize::new(0), burnt: watch::channel(false).0 })
    }

    pub fn is_burnt(&self) -> bool {
        *self.burnt.borrow()
    }

    pub async fn burns(&self) {
        self.burnt.subscribe().wait_for(|burnt| *burnt).await.expect("the sender lives in self");
    }

    /// A user's connection, by way of this fuse if it is one of the controllers'.
    pub fn guard(self: &Arc<Self>, user: &str, client: Client) -> Client {
        let name = user.strip_prefix("system:serviceaccount:kube-system:").unwrap_or(user);
        if self.controllers.contains(&name) {
            return Client::new(Arc::new(Guarded { fuse: self.clone(), client }));
        }
        client
    }
}

struct Guarded {
    fuse: Arc<Fuse>,
    client: Client,
}

fn broken() -> Status {
    Status::new(Reason::ServiceUnavailable, "the process is dead")
}

/// Writes that count: what is said of them does not.
fn counts(call: &Call) -> bool {
    !matches!(call.verb, Verb::Get | Verb::List | Verb::Watch) && call.target.resource.resource != "events"
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
