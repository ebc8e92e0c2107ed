//! The client's half of the codec, for in-process callers and for tests.

mod form;
mod reply;
mod request;

pub use reply::{decode_error, decode_output};
pub use request::encode_request;

/// An XML reply as a tree, for callers that need a few fields and no model.
pub use crate::xml::Element;

/// None: it is not XML.
pub fn parse_xml(text: &str) -> Option<Element> {
    crate::xml::parse(text).ok()
}
