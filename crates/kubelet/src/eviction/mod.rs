//! What a node does before it runs out of memory, disk or process ids: it says so, takes no more pods, and ends some of
//! those it has (kubernetes pkg/kubelet/eviction).

mod evictor;
mod host;
mod limits;
mod measure;
mod message;
mod pressure;
mod rank;
mod settings;
mod signal;
mod watch;

pub use evictor::run;
pub use host::HostStats;
pub use pressure::Pressure;
pub use settings::EvictionSettings;
pub use signal::{Condition, Level, Levels, NodeStats, Signal};

use std::sync::Arc;

/// A pod must go, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eviction {
    pub message: Arc<str>,
    pub grace_s: i64,
    /// For the node's sake: owners do not count it as the pod's own failure.
    pub disruption: bool,
}

/// Of pods' statuses and events.
pub const REASON: &str = "Evicted";
/// How long a pod may take that is evicted by a hard threshold or for breaking its own limits.
const IMMEDIATE_GRACE_S: i64 = 1;
