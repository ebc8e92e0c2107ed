//! The netfilter family of netlink: attributes as bytes, and a socket that speaks to one namespace.

mod attributes;
mod socket;

pub use attributes::{Attributes, Writer};
pub use socket::{Message, Socket};
