//! Simulated nodes: the kubelet over a container runtime in memory, thousands of them in one process. Everything that a pod
//! does there it has declared in its annotations; everything else (status, leases, grace, restarts, backoff) is the kubelet's.

mod declared;
mod fleet;
mod prober;

pub use declared::Declared;
pub use fleet::Fleet;
