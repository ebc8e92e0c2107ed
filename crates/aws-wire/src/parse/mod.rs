//! Requests to values, for a server.

mod query;
pub(crate) mod rest;
pub(crate) mod uri;

pub(crate) use query::form_name;

use serde_json::{Map, Value};

use crate::error::{AwsError, Malformed};
use crate::http::HttpRequest;
use crate::json;
use crate::model::{Model, Operation, Protocol};

/// The operation's input, an object by member name. Members that the client left out are absent.
pub fn parse_input(model: &Model, op: &Operation, request: &HttpRequest) -> Result<Value, AwsError> {
    let Some(shape) = model.input(op) else { return Ok(Value::Object(Map::new())) };
    let parsed = match model.protocol() {
        Protocol::Query | Protocol::Ec2 => query::parse(model, shape, request),
        Protocol::Json => json_object(&request.body).and_then(|body| json::decode_members(model, shape, &body)),
        Protocol::RestJson | Protocol::RestXml => rest::parse(model, op, shape, request),
    };
    parsed.map(Value::Object).map_err(|malformed| malformed.into_error(model.protocol()))
}

/// No body at all is an empty object. serde_json bounds the nesting (128).
pub(crate) fn json_object(body: &[u8]) -> Result<Map<String, Value>, Malformed> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Malformed::new("", "Start of structure or map expected.")),
        Err(_) => Err(Malformed::new("", "Unable to parse the request body as JSON.")),
    }
}
