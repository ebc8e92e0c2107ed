//! The client's half of the codec, for in-process callers and for tests.

mod form;
mod reply;
mod request;

pub use reply::{decode_error, decode_output};
pub use request::encode_request;
