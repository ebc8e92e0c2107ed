//! Target groups. Promise: a group says which load balancers forward to it, and only its host says how its targets are.

pub mod check;
mod control;
pub mod describe;
pub mod health;
pub mod health_check;
mod record;
pub mod targets;

pub use control::TargetGroupControl;
pub use record::{NewTargetGroup, attributes};
