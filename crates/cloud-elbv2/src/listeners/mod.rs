//! Listeners. Promise: no two of a load balancer have one port, and each forwards to a target group that fits it.

pub mod check;
pub mod describe;
mod record;

pub use record::{actions, record};
