//! Instances. Promise: an instance has a primary interface with an address before it is launched, and no interface that
//! is to go with it outlives it.

mod control;
pub mod describe;
mod plan;

pub use control::InstanceControl;
pub use plan::State;
