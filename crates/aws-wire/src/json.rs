//! JSON as the JSON and REST-JSON protocols lay it out: wire names outside, member names inside.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::error::Malformed;
use crate::model::{Member, Model, Shape, ShapeKind, TimestampFormat};
use crate::scalar;

/// The members of `shape` that travel in the body, under their wire names. Nulls and unknown members are left out.
pub(crate) fn encode_members(model: &Model, shape: &Shape, value: &Map<String, Value>) -> Map<String, Value> {
    let body = shape.members.iter().filter(|member| member.location.is_none());
    let present = body.filter_map(|member| Some((member, value.get(&member.name).filter(|value| !value.is_null())?)));
    present.map(|(member, value)| (member.wire_name().to_owned(), encode(model, member, value))).collect()
}

fn encode(model: &Model, member: &Member, value: &Value) -> Value {
    let shape = model.shape(member.shape);
    match (shape.kind, value) {
        (ShapeKind::Structure, Value::Object(fields)) => Value::Object(encode_members(model, shape, fields)),
        (ShapeKind::List, Value::Array(items)) => match &shape.member {
            Some(item) => items.iter().map(|value| encode(model, item, value)).collect(),
            None => value.clone(),
        },
        (ShapeKind::Map, Value::Object(entries)) => match &shape.value {
            Some(part) => {
                entries.iter().map(|(key, value)| (key.clone(), encode(model, part, value))).collect::<Map<_, _>>().into()
            }
            None => value.clone(),
        },
        (ShapeKind::Timestamp, _) => match timestamp_format(member, shape) {
            TimestampFormat::UnixTimestamp => value.clone(),
            format => scalar::to_text(shape, format, false, value).map_or_else(|| value.clone(), Value::from),
        },
        _ => value.clone(),
    }
}

fn timestamp_format(member: &Member, shape: &Shape) -> TimestampFormat {
    member.timestamp_format.or(shape.timestamp_format).unwrap_or(TimestampFormat::UnixTimestamp)
}

/// The reverse. Unknown members are passed over and nulls are absent, as AWS's services have it.
pub(crate) fn decode_members(model: &Model, shape: &Shape, body: &Map<String, Value>) -> Result<Map<String, Value>, Malformed> {
    let mut fields = Map::new();
    for member in shape.members.iter().filter(|member| member.location.is_none()) {
        if let Some(value) = body.get(member.wire_name()).filter(|value| !value.is_null()) {
            fields.insert(member.name.clone(), decode(model, member, member.wire_name(), value)?);
        }
    }
    Ok(fields)
}

fn decode(model: &Model, member: &Member, name: &str, value: &Value) -> Result<Value, Malformed> {
    let shape = model.shape(member.shape);
    match (shape.kind, value) {
        (ShapeKind::Structure, Value::Object(fields)) => decode_members(model, shape, fields).map(Value::Object),
        (ShapeKind::List, Value::Array(items)) => decode_list(model, shape, name, items),
        (ShapeKind::Map, Value::Object(entries)) => decode_map(model, shape, name, entries),
        _ => decode_scalar(member, shape, value).ok_or_else(|| mismatch(name, shape, value)),
    }
}

fn decode_list(model: &Model, shape: &Shape, name: &str, items: &[Value]) -> Result<Value, Malformed> {
    let Some(item) = &shape.member else { return Ok(Value::Array(Vec::new())) };
    items.iter().map(|value| decode(model, item, name, value)).collect()
}

fn decode_map(model: &Model, shape: &Shape, name: &str, entries: &Map<String, Value>) -> Result<Value, Malformed> {
    let Some(part) = &shape.value else { return Ok(Value::Object(Map::new())) };
    let present = entries.iter().filter(|(_, value)| !value.is_null());
    let decoded = present.map(|(key, value)| Ok((key.clone(), decode(model, part, name, value)?)));
    decoded.collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

fn decode_scalar(member: &Member, shape: &Shape, value: &Value) -> Option<Value> {
    match (shape.kind, value) {
        (ShapeKind::String, Value::String(_)) | (ShapeKind::Boolean, Value::Bool(_)) => Some(value.clone()),
        (ShapeKind::Blob, Value::String(text)) => STANDARD.decode(text).ok().map(|_| value.clone()),
        (ShapeKind::Integer, Value::Number(_)) => i32::try_from(whole(value)?).ok().map(Value::from),
        (ShapeKind::Long, Value::Number(_)) => whole(value).map(Value::from),
        (ShapeKind::Float | ShapeKind::Double, Value::Number(_)) => Some(value.clone()),
        (ShapeKind::Float | ShapeKind::Double, Value::String(text)) => {
            ["NaN", "Infinity", "-Infinity"].contains(&text.as_str()).then(|| value.clone())
        }
        (ShapeKind::Timestamp, Value::Number(_)) => Some(value.clone()),
        // Services take a date and time in place of the number.
        (ShapeKind::Timestamp, Value::String(text)) => {
            let format = match timestamp_format(member, shape) {
                TimestampFormat::UnixTimestamp => TimestampFormat::Iso8601,
                format => format,
            };
            scalar::parse_timestamp(text, format)
        }
        _ => None,
    }
}

/// `5` and `5.0`, not `5.5`.
fn whole(value: &Value) -> Option<i64> {
    let exact = |number: f64| (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(exact))
}

fn mismatch(name: &str, shape: &Shape, value: &Value) -> Malformed {
    let token = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    let wanted = match shape.kind {
        ShapeKind::Structure => shape.name.as_str(),
        ShapeKind::List => "List",
        ShapeKind::Map => "Map",
        ShapeKind::String => "String",
        ShapeKind::Blob => "Blob",
        ShapeKind::Boolean => "Boolean",
        ShapeKind::Integer => "Integer",
        ShapeKind::Long => "Long",
        ShapeKind::Float => "Float",
        ShapeKind::Double => "Double",
        ShapeKind::Timestamp => "Timestamp",
    };
    Malformed::new(name, format!("{token} can not be converted to a {wanted}"))
}
