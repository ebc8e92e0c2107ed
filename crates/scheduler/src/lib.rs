//! Binds pods to nodes: a framework of plugins over an incremental snapshot.
//!
//! **Invariant**: one task decides, over state that it alone owns; everyone else talks to it through its inbox. What it
//! has decided but not written yet is lost in a crash, and decided again.

mod cluster;
mod draw;
mod feed;
mod framework;
mod hearing;
mod inbox;
mod model;
mod plugins;
mod queue;
mod scheduler;
mod stats;
#[cfg(test)]
mod testing;
mod writes;

pub use stats::Stats;

use client::Client;
use inbox::Inbox;
use meta::time::SharedClock;
use reconcile::{Informers, Runtime};
use std::sync::Arc;

/// Who the scheduler is.
pub const USER: &str = "system:kube-scheduler";

/// What the scheduler of one control plane runs on.
pub struct Context {
    /// Of [`USER`].
    pub client: Client,
    /// Shared with whoever else watches.
    pub informers: Arc<Informers>,
    pub clock: SharedClock,
    pub runtime: Runtime,
}

/// Starts placing pods, until the context's runtime ends.
pub fn start(context: Context) -> Arc<Stats> {
    let (inbox, stats) = (Arc::new(Inbox::default()), Arc::new(Stats::default()));
    let watched = feed::watch(&context.informers, &inbox);
    let seed = context.clock.new_uid();
    let writes = writes::Writes::new(context.client, context.clock, context.runtime.clone(), inbox.clone());
    let scheduler = scheduler::Scheduler::new(inbox, writes, stats.clone(), draw::Draw::new(&seed));
    let stop = context.runtime.stop.clone();
    context.runtime.tasks.spawn(async move {
        stop.run_until_cancelled(async {
            for informer in watched {
                informer.synced().await;
            }
            scheduler.run().await
        })
        .await
    });
    stats
}
