//! Keeps the graph true to the feed of all objects.

use super::Collector;
use super::graph::Graph;
use client::ChangeStream;
use futures::{FutureExt, StreamExt};
use meta::Reason;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How many objects are taken in before other tasks get their turn.
const TURN: usize = 256;

/// Reads until stopped. A feed that ended is read from the start into a new graph: what happened in between shows as
/// objects with doubtful owners.
pub async fn follow(collector: Arc<Collector>, stop: CancellationToken) {
    let mut failures = 0;
    while !stop.is_cancelled() {
        match collector.client.changes().await {
            Ok(changes) => {
                if stop.run_until_cancelled(collector.read(changes)).await == Some(true) {
                    failures = 0;
                }
            }
            Err(status) if status.reason == Reason::MethodNotAllowed => {
                tracing::error!(%status, "no garbage is collected");
                return;
            }
            Err(status) => tracing::debug!(%status, "cannot read the feed of all objects, trying again"),
        }
        let pause = Duration::from_millis(50 << failures.min(9));
        failures += 1;
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

impl Collector {
    /// Takes in what there is, then what happens, until the feed ends. Returns whether anything happened.
    async fn read(&self, mut changes: ChangeStream) -> bool {
        let mut graph = Graph::default();
        // What there is comes without waiting; the first wait is the end of it.
        for taken in 1_usize.. {
            match changes.next().now_or_never() {
                None => break,
                Some(None) => return false,
                Some(Some(change)) => drop(graph.apply(&self.kinds, &change)),
            }
            if taken.is_multiple_of(TURN) {
                tokio::task::yield_now().await;
            }
        }
        let (objects, nodes) = graph.size();
        tracing::debug!(objects, nodes, "the graph of owners is complete");
        let unsettled = graph.all_unsettled();
        *self.graph.lock() = graph;
        unsettled.into_iter().for_each(|uid| self.queue.add(uid));
        let mut any = false;
        while let Some(change) = changes.next().await {
            any = true;
            let woken = self.graph.lock().apply(&self.kinds, &change);
            woken.into_iter().for_each(|uid| self.queue.add(uid));
        }
        any
    }
}
