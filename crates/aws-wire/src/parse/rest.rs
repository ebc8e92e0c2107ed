//! REST requests: members from path, query string, headers and body.

use form_urlencoded::parse as pairs;
use http::HeaderMap;
use serde_json::{Map, Value};

use super::{json_object, uri};
use crate::error::Malformed;
use crate::http::HttpRequest;
use crate::model::{Location, Member, Model, Operation, Protocol, Shape, ShapeKind, TimestampFormat};
use crate::{json, scalar, xml};

pub(super) fn parse(
    model: &Model,
    op: &Operation,
    shape: &Shape,
    request: &HttpRequest,
) -> Result<Map<String, Value>, Malformed> {
    let labels = uri::labels(&op.uri, &request.path).ok_or_else(|| Malformed::new("", "The path is not valid UTF-8."))?;
    let query: Vec<(String, String)> = pairs(request.query.as_bytes()).into_owned().collect();
    let mut fields = Map::new();
    for member in &shape.members {
        let value = match member.location {
            Some(Location::Uri) => from_label(model, member, &labels)?,
            Some(Location::QueryString) => from_query(model, member, &query)?,
            Some(Location::Header) => from_header(model, member, &request.headers)?,
            Some(Location::Headers) => prefixed_headers(member, &request.headers),
            Some(Location::StatusCode) | None => None,
        };
        if let Some(value) = value {
            fields.insert(member.name.clone(), value);
        }
    }
    fields.extend(body(model, shape, &request.body)?);
    Ok(fields)
}

/// The body's members of an input or output.
pub(crate) fn body(model: &Model, shape: &Shape, body: &[u8]) -> Result<Map<String, Value>, Malformed> {
    let Some(member) = shape.payload.as_deref().and_then(|name| shape.find(name)) else {
        return members(model, shape, body);
    };
    let inner = model.shape(member.shape);
    if body.is_empty() || inner.event_stream {
        return Ok(Map::new());
    }
    let value = match inner.kind {
        ShapeKind::Structure => Value::Object(members(model, inner, body)?),
        ShapeKind::Blob => Value::from(base64_of(body)),
        _ => Value::from(text(body)?),
    };
    Ok(Map::from_iter([(member.name.clone(), value)]))
}

fn members(model: &Model, shape: &Shape, body: &[u8]) -> Result<Map<String, Value>, Malformed> {
    if !shape.members.iter().any(|member| member.location.is_none()) {
        return Ok(Map::new());
    }
    match model.protocol() {
        Protocol::RestXml if body.is_empty() => Ok(Map::new()),
        Protocol::RestXml => xml::decode_members(model, shape, &xml::parse(text(body)?)?),
        _ => json::decode_members(model, shape, &json_object(body)?),
    }
}

fn base64_of(body: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(body)
}

fn text(body: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(body).map_err(|_| Malformed::new("", "The body is not valid UTF-8."))
}

fn single(model: &Model, member: &Member, default: TimestampFormat, text: &str) -> Result<Value, Malformed> {
    let shape = model.shape(member.shape);
    let format = member.timestamp_format.or(shape.timestamp_format).unwrap_or(default);
    scalar::from_text(shape, format, text).map_err(|expected| Malformed::value(member.wire_name(), text, expected))
}

fn from_label(model: &Model, member: &Member, labels: &[(&str, String)]) -> Result<Option<Value>, Malformed> {
    let found = labels.iter().find(|(name, _)| *name == member.wire_name());
    found.map(|(_, text)| single(model, member, TimestampFormat::Iso8601, text)).transpose()
}

fn from_query(model: &Model, member: &Member, query: &[(String, String)]) -> Result<Option<Value>, Malformed> {
    let mut texts = query.iter().filter(|(key, _)| key == member.wire_name()).map(|(_, text)| text.as_str());
    let shape = model.shape(member.shape);
    match (&shape.member, &shape.value) {
        (Some(item), _) => {
            let items = texts.map(|text| single(model, item, TimestampFormat::Iso8601, text)).collect::<Result<Vec<_>, _>>()?;
            Ok((!items.is_empty()).then_some(Value::Array(items)))
        }
        // A map takes whatever parameters no other member claims; no service served here has one.
        (_, Some(_)) => Ok(None),
        _ => texts.next().map(|text| single(model, member, TimestampFormat::Iso8601, text)).transpose(),
    }
}

pub(crate) fn from_header(model: &Model, member: &Member, headers: &HeaderMap) -> Result<Option<Value>, Malformed> {
    let Some(value) = headers.get(member.wire_name()) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Malformed::new(member.wire_name(), "A header is not text."))?;
    match &model.shape(member.shape).member {
        Some(item) => {
            let pieces = text.split(',').map(|piece| single(model, item, TimestampFormat::Rfc822, piece.trim()));
            pieces.collect::<Result<Vec<_>, _>>().map(|items| Some(Value::Array(items)))
        }
        None => single(model, member, TimestampFormat::Rfc822, text).map(Some),
    }
}

/// Header names arrive in lower case, so that is how the keys read.
pub(crate) fn prefixed_headers(member: &Member, headers: &HeaderMap) -> Option<Value> {
    let prefix = member.wire_name().to_ascii_lowercase();
    let entry = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        Some((name.as_str().strip_prefix(&prefix)?.to_owned(), Value::from(value.to_str().ok()?)))
    };
    let found: Map<String, Value> = headers.iter().filter_map(entry).collect();
    (!found.is_empty()).then_some(Value::Object(found))
}
