//! Load balancers of this host: a Network Load Balancer is a set of rules in its VPC's router, which every packet of the
//! VPC passes; its addresses are the router's own.
//!
//! Promise: a LoadBalancer record is called realised only when it is reachable in the VPC and, unless the machine forbids
//! it, from the host; its record is let go only after nothing of it is left.

mod check;
mod choice;
mod controller;
mod flows;
mod health;
mod host;
mod host_datagrams;
mod host_listeners;
mod hosts_file;
mod prober;
mod records;
mod router;
mod rules;
mod sources;
mod status;
mod table;

pub use controller::{Config, LoadBalancers};
pub use hosts_file::HostsFile;
pub use records::FINALIZER;
