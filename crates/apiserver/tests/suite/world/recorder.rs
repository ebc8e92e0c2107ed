//! Notes which verbs of which resources succeeded, for the list of those that no test reaches.

use client::{Call, Client, Reply, Result, Transport, WatchStream};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<BTreeSet<String>>>);

impl Recorder {
    pub fn client(&self, inner: Client) -> Client {
        Client::new(Arc::new(Recording { inner, seen: self.clone() }))
    }

    pub fn saw(&self, line: &str) -> bool {
        self.0.lock().expect("no test panics while it holds this").contains(line)
    }

    fn note(&self, call: &Call) {
        let target = &call.target;
        let line = line(&target.resource, &target.subresource, call.verb.as_str());
        self.0.lock().expect("no test panics while it holds this").insert(line);
    }
}

/// `apps/v1 deployments/scale get`
pub fn line(resource: &meta::Gvr, subresource: &str, verb: &str) -> String {
    let separator = if subresource.is_empty() { "" } else { "/" };
    format!("{} {}{separator}{subresource} {verb}", resource.api_version(), resource.resource)
}

struct Recording {
    inner: Client,
    seen: Recorder,
}

#[async_trait::async_trait]
impl Transport for Recording {
    async fn call(&self, call: Call) -> Result<Reply> {
        let asked = call.clone();
        let reply = self.inner.call(call).await?;
        self.seen.note(&asked);
        Ok(reply)
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        let target = call.target.clone();
        let stream = self.inner.watch(target.resource, &target.namespace, call.options.clone()).await?;
        self.seen.note(&call);
        Ok(stream)
    }
}
