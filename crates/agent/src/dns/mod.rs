//! The resolver of a VPC (its base + 2): names of private addresses, and of the AWS services.

mod answer;
mod server;
mod zone;

pub use answer::answer;
pub use server::{SharedZone, serve};
pub use zone::{Zone, host_name};
