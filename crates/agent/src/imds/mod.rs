//! The instance metadata service, version 2 only, on 169.254.169.254 of each instance.

mod credentials;
mod metadata;
mod server;
mod token;
mod tree;

pub use credentials::{Credentials, InstanceCredentials};
pub use metadata::{Interface, Metadata};
pub(crate) use server::Imds;
pub use server::MetadataSource;

use std::net::{Ipv4Addr, SocketAddr};

pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

pub(crate) fn socket_address() -> SocketAddr {
    SocketAddr::from((ADDRESS, 80))
}
