//! AWS's wire formats as words: service tables, one codec driven by them for every protocol, and SigV4. No I/O.
//!
//! The order of use on a server: [`sigv4::parse`] says which service is meant, [`route`] which operation,
//! [`sigv4::Signed::verify`] who speaks, [`parse_input`] and [`validate_input`] what is asked; the answer leaves through
//! [`encode_output`] or [`encode_error`].
//!
//! A value is a `serde_json::Value`: objects by member name, timestamps as seconds since the epoch (a number), blobs as
//! base64 text. [`client`] is the mirror image, for in-process callers and for tests.

pub mod client;
mod encode;
mod error;
mod http;
mod instance_types;
mod json;
pub mod model;
mod parse;
mod route;
mod scalar;
pub mod sigv4;
pub mod token;
mod validate;
mod xml;

pub use client::{decode_output, encode_request};
pub use encode::{encode_error, encode_error_as, encode_error_for, encode_output, encode_output_for};
pub use error::{AwsError, Fault};
pub use http::{HttpReply, HttpRequest};
pub use instance_types::InstanceType;
pub use model::{Model, Operation, Protocol, services};
pub use parse::parse_input;
pub use route::{Routed, route, route_unsigned};
pub use validate::{check_output, validate_input};
