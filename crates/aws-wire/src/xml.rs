//! XML as the query, EC2 and REST-XML protocols lay it out.

mod decode;
mod encode;
mod tree;

pub(crate) use decode::decode_members;
pub(crate) use encode::{XmlStyle, write_members};
pub use tree::Element;
pub(crate) use tree::{XmlWriter, parse};
