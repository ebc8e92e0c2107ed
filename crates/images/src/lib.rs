//! Container images: one content store per host, OCI archives, pulls from registries.

mod service;

pub use service::{Credentials, Image, ImageService, PullError};
