//! Values to requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::parse as pairs;
use http::{HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::form;
use crate::encode::{header_text, structure_text};
use crate::http::HttpRequest;
use crate::json;
use crate::model::{Location, Member, Model, Operation, Protocol, Shape, ShapeKind, TimestampFormat};
use crate::scalar;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The request of an operation, unsigned. Members that the model does not know are left out.
pub fn encode_request(model: &Model, op: &Operation, input: &Value) -> HttpRequest {
    let none = Map::new();
    let fields = input.as_object().unwrap_or(&none);
    match model.protocol() {
        Protocol::Query | Protocol::Ec2 => {
            let mut request = HttpRequest::new(Method::POST, "/");
            request.set_header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
            request.body = form::encode(model, op, fields).into();
            request
        }
        Protocol::Json => {
            let mut request = HttpRequest::new(Method::POST, "/");
            request.set_header("content-type", &format!("application/x-amz-json-{}", model.json_version()));
            request.set_header("x-amz-target", &format!("{}.{}", model.target_prefix().unwrap_or_default(), op.name));
            let body = model.input(op).map(|shape| json::encode_members(model, shape, fields)).unwrap_or_default();
            request.body = Value::Object(body).to_string().into();
            request
        }
        Protocol::RestJson | Protocol::RestXml => rest(model, op, fields),
    }
}

fn rest(model: &Model, op: &Operation, fields: &Map<String, Value>) -> HttpRequest {
    let method = Method::from_bytes(op.method.as_bytes()).unwrap_or(Method::POST);
    let (template, fixed) = op.uri.split_once('?').unwrap_or((&op.uri, ""));
    let mut request = HttpRequest::new(method, template);
    let mut query: Vec<(String, String)> = pairs(fixed.as_bytes()).into_owned().collect();
    let Some(shape) = model.input(op) else {
        request.query = query_text(&query);
        return request;
    };
    for member in &shape.members {
        let Some(value) = fields.get(&member.name).filter(|value| !value.is_null()) else { continue };
        match member.location {
            Some(Location::Uri) => fill_label(&mut request.path, member, &text(model, member, value)),
            Some(Location::QueryString) => add_query(&mut query, model, member, value),
            Some(Location::Header) => {
                if let Some(text) = header_text(model, member, value) {
                    add_header(&mut request, member.wire_name(), &text);
                }
            }
            Some(Location::Headers) => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    add_header(&mut request, &format!("{}{key}", member.wire_name()), value.as_str().unwrap_or_default());
                }
            }
            Some(Location::StatusCode) | None => {}
        }
    }
    request.query = query_text(&query);
    set_body(&mut request, model, op, shape, fields);
    request
}

fn add_header(request: &mut HttpRequest, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
        request.headers.insert(name, value);
    }
}

fn text(model: &Model, member: &Member, value: &Value) -> String {
    let shape = model.shape(member.shape);
    let format = member.timestamp_format.or(shape.timestamp_format).unwrap_or(TimestampFormat::Iso8601);
    scalar::to_text(shape, format, false, value).unwrap_or_default()
}

fn fill_label(path: &mut String, member: &Member, text: &str) {
    let name = member.wire_name();
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let greedy = text.split('/').map(encode).collect::<Vec<_>>().join("/");
    *path = path.replace(&format!("{{{name}}}"), &encode(text)).replace(&format!("{{{name}+}}"), &greedy);
}

fn add_query(query: &mut Vec<(String, String)>, model: &Model, member: &Member, value: &Value) {
    let name = member.wire_name().to_owned();
    match (&model.shape(member.shape).member, value) {
        (Some(item), Value::Array(items)) => query.extend(items.iter().map(|value| (name.clone(), text(model, item, value)))),
        _ => query.push((name, text(model, member, value))),
    }
}

pub(super) fn query_text(query: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    query.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect::<Vec<_>>().join("&")
}

fn set_body(request: &mut HttpRequest, model: &Model, op: &Operation, shape: &Shape, fields: &Map<String, Value>) {
    let kind = if model.protocol() == Protocol::RestXml { "application/xml" } else { "application/json" };
    let payload = shape.payload.as_deref().and_then(|name| shape.find(name));
    let in_body = |member: &&Member| member.location.is_none() && fields.contains_key(&member.name);
    let body = match payload {
        None if shape.members.iter().find(in_body).is_none() => return,
        None => {
            let name = op.input_name.as_deref().unwrap_or(&shape.name);
            structure_text(model, shape, name, op.input_namespace.as_deref(), fields).into_bytes()
        }
        Some(member) => match (model.shape(member.shape), fields.get(&member.name)) {
            (inner, Some(Value::Object(fields))) => {
                let namespace = member.xml_namespace.as_ref().map(|(_, uri)| uri).or(op.input_namespace.as_ref());
                structure_text(model, inner, member.wire_name(), namespace.map(String::as_str), fields).into_bytes()
            }
            (inner, Some(Value::String(text))) if inner.kind == ShapeKind::Blob => STANDARD.decode(text).unwrap_or_default(),
            (_, Some(Value::String(text))) => text.clone().into_bytes(),
            _ => return,
        },
    };
    request.set_header("content-type", kind);
    request.body = body.into();
}
