//! The resolver of a VPC (its base + 2): names of private addresses, of load balancers, and of the AWS services.

mod answer;
mod server;
mod zone;

pub use answer::answer;
pub use server::{SharedZone, serve};
pub use zone::{Names, Zone, host_name};
