//! Checks targets at their intervals and remembers how they are. Promise: who waits for news hears of changes only.

use super::check::{Route, attempt};
use super::choice::Backend;
use super::health::{Health, Outcome, State};
use super::records::HealthCheck;
use parking_lot::Mutex;
use reconcile::Runtime;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A new target is often just about to listen: its first check is tried again after this, and after ever longer pauses.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A target to be checked.
#[derive(Clone, Debug)]
pub struct Probe {
    pub route: Route,
    /// The number of the router's namespace: in a router that was made anew checks start anew.
    pub router: u64,
    pub check: HealthCheck,
    /// What is known of it.
    pub remembered: State,
}

impl Probe {
    fn is_as(&self, other: &Self) -> bool {
        self.check == other.check
            && self.router == other.router
            && (self.route.from, self.route.to) == (other.route.from, other.route.to)
    }
}

struct Running {
    probe: Probe,
    health: Arc<Mutex<Health>>,
    runtime: Runtime,
}

/// Called after a target's state has changed, with the VPC that it is in.
pub type OnChange = Arc<dyn Fn(&str) + Send + Sync>;

pub struct Probers {
    runtime: Runtime,
    changed: OnChange,
    /// By VPC.
    running: Mutex<BTreeMap<String, BTreeMap<Backend, Running>>>,
}

impl Probers {
    pub fn new(runtime: &Runtime, changed: OnChange) -> Self {
        Self { runtime: runtime.clone(), changed, running: Mutex::default() }
    }

    /// Checks these of the VPC and no others. Who was checked before keeps its state, also under another check.
    pub fn ensure(&self, vpc: &str, wanted: BTreeMap<Backend, Probe>) -> BTreeMap<Backend, State> {
        let mut all = self.running.lock();
        let mut before = all.remove(vpc).unwrap_or_default();
        let mut now = BTreeMap::new();
        for (backend, probe) in wanted {
            let running = match before.remove(&backend) {
                Some(same) if same.probe.is_as(&probe) => same,
                Some(other) => {
                    other.runtime.stop.cancel();
                    self.start(vpc, probe, other.health)
                }
                None => {
                    let health = Arc::new(Mutex::new(Health::new(probe.remembered.clone())));
                    self.start(vpc, probe, health)
                }
            };
            now.insert(backend, running);
        }
        before.values().for_each(|gone| gone.runtime.stop.cancel());
        let states = now.iter().map(|(backend, running)| (backend.clone(), running.health.lock().state.clone())).collect();
        if !now.is_empty() {
            all.insert(vpc.to_owned(), now);
        }
        states
    }

    fn start(&self, vpc: &str, probe: Probe, health: Arc<Mutex<Health>>) -> Running {
        let runtime = self.runtime.child();
        let (stop, changed, vpc) = (runtime.stop.clone(), self.changed.clone(), vpc.to_owned());
        let (checked, kept) = (probe.clone(), health.clone());
        let changed = move || changed(&vpc);
        runtime.tasks.spawn(async move { stop.run_until_cancelled(checks(&checked, &kept, changed)).await });
        Running { probe, health, runtime }
    }
}

async fn checks(probe: &Probe, health: &Mutex<Health>, changed: impl Fn()) {
    loop {
        let due = Instant::now() + probe.check.interval;
        let is_new = health.lock().state == State::Initial;
        let outcome = if is_new { first_check(probe, due).await } else { attempt(&probe.route, &probe.check).await };
        let news = {
            let mut health = health.lock();
            let next = health.after(outcome, &probe.check);
            let news = next.state != health.state;
            *health = next;
            news
        };
        if news {
            changed();
        }
        tokio::time::sleep_until(due).await;
    }
}

/// The check of a target that is not known yet: within its interval it may come to listen.
async fn first_check(probe: &Probe, due: Instant) -> Outcome {
    let mut pause = FIRST_PAUSE;
    loop {
        let outcome = attempt(&probe.route, &probe.check).await;
        if outcome == Outcome::Passed || Instant::now() + pause >= due {
            return outcome;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}
