//! Container images: one content store per host, OCI archives, pulls from registries.

mod archive;
mod digest;
mod manifest;
mod pull;
mod reference;
mod remote;
mod service;
mod store;
mod unpack;
pub mod wire;

pub use reference::Reference;
pub use remote::RemoteImages;
pub use service::{Credentials, Image, ImageService, PullError};
pub use store::{Options, Removed, Stop, Store};
