//! Replies to values and errors.

use serde_json::{Map, Value};

use crate::error::{AwsError, Malformed};
use crate::http::HttpReply;
use crate::model::{Location, Model, Operation, Protocol};
use crate::parse::rest::{body, from_header, prefixed_headers};
use crate::xml::{self, Element};
use crate::{json, parse};

/// The output of a successful reply; the service's error otherwise.
pub fn decode_output(model: &Model, op: &Operation, reply: &HttpReply) -> Result<Value, AwsError> {
    if reply.status >= 300 {
        return Err(decode_error(model, reply));
    }
    output(model, op, reply).map(Value::Object).map_err(|malformed| malformed.into_error(model.protocol()))
}

fn output(model: &Model, op: &Operation, reply: &HttpReply) -> Result<Map<String, Value>, Malformed> {
    let Some(shape) = model.output(op) else { return Ok(Map::new()) };
    match model.protocol() {
        Protocol::Query => {
            let root = document(&reply.body)?;
            let wrapped = op.wrapper.as_deref().and_then(|name| root.child(name));
            wrapped.map_or(Ok(Map::new()), |element| xml::decode_members(model, shape, element))
        }
        Protocol::Ec2 => xml::decode_members(model, shape, &document(&reply.body)?),
        Protocol::Json => json::decode_members(model, shape, &parse::json_object(&reply.body)?),
        Protocol::RestJson | Protocol::RestXml => {
            let mut fields = body(model, shape, &reply.body)?;
            for member in &shape.members {
                let value = match member.location {
                    Some(Location::Header) => from_header(model, member, &reply.headers)?,
                    Some(Location::Headers) => prefixed_headers(member, &reply.headers),
                    Some(Location::StatusCode) => Some(Value::from(reply.status)),
                    _ => None,
                };
                fields.extend(value.map(|value| (member.name.clone(), value)));
            }
            Ok(fields)
        }
    }
}

fn document(body: &[u8]) -> Result<Element, Malformed> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed::new("", "The body is not valid UTF-8."))?;
    xml::parse(text)
}

/// The error in a reply; what cannot be read leaves an empty code.
pub fn decode_error(model: &Model, reply: &HttpReply) -> AwsError {
    let read = match model.protocol() {
        Protocol::Json | Protocol::RestJson => from_json(model, reply),
        _ => from_xml(model, reply),
    };
    read.unwrap_or_else(|| AwsError::new("", "")).with_status(reply.status)
}

fn from_json(model: &Model, reply: &HttpReply) -> Option<AwsError> {
    let body = parse::json_object(&reply.body).ok()?;
    let said = reply.header("x-amzn-errortype").or_else(|| body.get("__type")?.as_str())?;
    let code = said.split(':').next()?.rsplit('#').next()?;
    let message = body.iter().find(|(key, _)| key.eq_ignore_ascii_case("message")).and_then(|(_, text)| text.as_str());
    let mut error = AwsError::new(code, message.unwrap_or_default());
    if let Some(shape) = model.error(code) {
        error.members = json::decode_members(model, shape, &body).ok()?;
        error.members.retain(|name, _| !name.eq_ignore_ascii_case("message") && name != "ErrorCode");
    }
    Some(error)
}

fn from_xml(model: &Model, reply: &HttpReply) -> Option<AwsError> {
    let root = document(&reply.body).ok()?;
    let element = match model.protocol() {
        Protocol::Ec2 => root.child("Errors")?.child("Error")?,
        _ => root.child("Error")?,
    };
    let text = |name: &str| element.child(name).map(|child| child.text.clone()).unwrap_or_default();
    let mut error = AwsError::new(text("Code"), text("Message"));
    if let Some(shape) = model.error(&error.code) {
        error.members = xml::decode_members(model, shape, element).ok()?;
        error.members.retain(|name, _| !name.eq_ignore_ascii_case("message"));
    }
    Some(error)
}
