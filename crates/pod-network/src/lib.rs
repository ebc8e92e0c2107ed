//! Addresses and links of pods, by the rules of the VPC CNI: a pod has a secondary address of one of its node's network
//! interfaces, and is routed, not bridged.

mod checkpoint;
mod network;
mod pool;
mod source;
mod wiring;

pub use network::{Config, Error, PodNetwork};
pub use source::{AddressSource, Interface, Limits, SourceError};
pub use wiring::LINK_PREFIX;
