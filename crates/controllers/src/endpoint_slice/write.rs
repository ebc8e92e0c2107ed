//! Writing slices, for this controller and the mirroring one.

use crate::context::{Cx, ENDPOINT_SLICES};
use crate::service_account::is_settled;
use crate::workloads::Expectations;
use client::{Client, DeleteOptions};
use meta::{Doc, Reason, Status};
use reconcile::Informer;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Create(Doc),
    Update(String, Doc),
    Delete(String),
}

pub(crate) struct Writer {
    client: Client,
    slices: Arc<Informer>,
    stop: CancellationToken,
}

impl Writer {
    pub fn new(cx: &Cx, controller: &'static str, slices: &Arc<Informer>) -> Self {
        Self { client: cx.client(controller), slices: slices.clone(), stop: cx.context.runtime.stop.clone() }
    }

    /// Writes what was planned, as far as it goes, and waits until the cache has what was written.
    pub async fn write(&self, namespace: &str, steps: Vec<Step>) -> Result<(), Status> {
        let mut written = Expectations::default();
        let outcome = self.write_each(namespace, steps, &mut written).await;
        written.met(&self.slices, &self.stop).await;
        match outcome {
            // The namespace is on its way out, and all that is in it.
            Err(status) if status.reason == Reason::Forbidden && is_settled(&status) => Ok(()),
            other => other,
        }
    }

    async fn write_each(&self, namespace: &str, steps: Vec<Step>, written: &mut Expectations) -> Result<(), Status> {
        for step in steps {
            match step {
                Step::Create(doc) => written.written(self.client.create(ENDPOINT_SLICES, namespace, doc).await?.revision),
                Step::Update(name, doc) => {
                    written.written(self.client.update(ENDPOINT_SLICES, namespace, &name, doc).await?.revision);
                }
                Step::Delete(name) => {
                    match self.client.delete(ENDPOINT_SLICES, namespace, &name, DeleteOptions::default()).await {
                        Err(status) if status.reason != Reason::NotFound => return Err(status),
                        _ => self.slices.get(namespace, &name).iter().for_each(|slice| written.deleted(slice)),
                    }
                }
            }
        }
        Ok(())
    }
}
