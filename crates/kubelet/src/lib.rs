//! The kubelet: makes the pods of one node true, over a container runtime, an image service and a pod network.

pub mod cgroup;
pub mod config;
pub mod environment;
pub mod events;
pub mod eviction;
pub mod fake;
mod fields;
pub mod image_gc;
mod kubelet;
pub mod lookup;
mod node;
pub mod parts;
pub mod pod;
pub mod pods;
pub mod probes;
pub mod server;
pub mod status;
pub mod volumes;

pub use config::{Capacity, Config, SystemInfo};
pub use events::Events;
pub use kubelet::{Kubelet, Parts};
pub use lookup::{FoundContainer, FoundPod, LookupError, PodLookup};
pub use parts::{
    EnvError, EnvFacts, Environment, NetworkError, PodNetwork, Prepared, ProbeKind, ProbeResult, ProbeTarget, Prober,
    VolumeError, Volumes,
};
pub use pod::{ContainerKind, ContainerView, PodView};
