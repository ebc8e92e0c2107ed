//! Binds pods to nodes: a framework of plugins over an incremental snapshot.
//!
//! **Invariant**: one task decides, over state that it alone owns; everyone else talks to it through its inbox. What it
//! has decided but not written yet is lost in a crash, and decided again.

mod cluster;
#[cfg(test)]
mod cycles;
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
use draw::Draw;
use futures::FutureExt;
use inbox::Inbox;
use meta::time::SharedClock;
use reconcile::{Informers, Runtime};
use scheduler::Scheduler;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use writes::Writes;

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

/// How long a scheduler that met a bug rests before it starts over.
const PAUSE: Duration = Duration::from_secs(10);

/// Starts placing pods, until the context's runtime ends.
pub fn start(context: Context) -> Arc<Stats> {
    let stats = Arc::new(Stats::default());
    let (stop, tasks, counted) = (context.runtime.stop.clone(), context.runtime.tasks.clone(), stats.clone());
    tasks.spawn(async move { stop.run_until_cancelled(Box::pin(keep_running(context, counted))).await });
    stats
}

/// Nothing in memory is worth saving: what a bug leaves behind is dropped, and everything is read anew.
async fn keep_running(context: Context, stats: Arc<Stats>) {
    loop {
        let outcome = AssertUnwindSafe(run(&context, &stats)).catch_unwind().await;
        if outcome.is_err() {
            tracing::error!("the scheduler panicked and starts over");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn run(context: &Context, stats: &Arc<Stats>) {
    let inbox = Arc::new(Inbox::default());
    let watched = feed::watch(&context.informers, &inbox);
    let writes = Writes::new(context.client.clone(), context.clock.clone(), context.runtime.clone(), inbox.clone());
    let scheduler = Scheduler::new(inbox, writes, stats.clone(), Draw::new(&context.clock.new_uid()));
    for informer in watched {
        informer.synced().await;
    }
    scheduler.run().await
}
