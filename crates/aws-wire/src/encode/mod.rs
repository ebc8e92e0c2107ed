//! Values to replies, for a server.

mod failure;
mod output;

pub use failure::{encode_error, encode_error_as, encode_error_for};
pub use output::{encode_output, encode_output_for};
pub(crate) use output::{header_text, structure_text};

use crate::http::HttpReply;
use crate::model::Protocol;

pub(crate) const EC2_NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

fn content_type(protocol: Protocol, json_version: &str) -> &'static str {
    match protocol {
        Protocol::Query | Protocol::RestXml => "text/xml",
        Protocol::Ec2 => "text/xml;charset=UTF-8",
        Protocol::Json if json_version == "1.0" => "application/x-amz-json-1.0",
        Protocol::Json => "application/x-amz-json-1.1",
        Protocol::RestJson => "application/json",
    }
}

/// Every reply names its request.
fn identify(reply: &mut HttpReply, request_id: &str) {
    reply.set_header("x-amzn-RequestId", request_id);
}
