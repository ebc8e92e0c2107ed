//! Load balancers. Promise: one that is seen `active` has an address in each of its zones and is realised by its host, and
//! its record outlives everything that it has.

mod control;
pub mod describe;
mod interface;
mod loopback;
mod plan;
mod record;
mod states;

pub use control::LoadBalancerControl;
pub use record::{NewLoadBalancer, zones};
pub use states::State;
