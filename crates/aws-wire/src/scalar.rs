//! Scalars as text: what forms, XML, headers, paths and query strings have in common.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Number, Value};

use crate::model::{Shape, ShapeKind, TimestampFormat};

/// The value of a scalar shape, or what was expected instead.
pub(crate) fn from_text(shape: &Shape, format: TimestampFormat, text: &str) -> Result<Value, &'static str> {
    match shape.kind {
        ShapeKind::String => Ok(Value::from(text)),
        ShapeKind::Boolean if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        ShapeKind::Boolean if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        ShapeKind::Boolean => Err("a boolean"),
        ShapeKind::Integer => text.trim().parse::<i32>().map(Value::from).map_err(|_| "an integer"),
        ShapeKind::Long => text.trim().parse::<i64>().map(Value::from).map_err(|_| "a long"),
        ShapeKind::Float | ShapeKind::Double => float(text).ok_or("a number"),
        ShapeKind::Timestamp => parse_timestamp(text, format).ok_or("a timestamp"),
        ShapeKind::Blob => STANDARD.decode(text.trim()).map(|_| Value::from(text.trim())).map_err(|_| "base64 text"),
        ShapeKind::Structure | ShapeKind::List | ShapeKind::Map => Err("a nested value"),
    }
}

/// The text of a scalar. A value of another type than its shape prints as what it is.
pub(crate) fn to_text(shape: &Shape, format: TimestampFormat, millis: bool, value: &Value) -> Option<String> {
    if shape.kind == ShapeKind::Timestamp
        && let Some(moment) = moment(value)
    {
        return Some(print_timestamp(moment, format, millis));
    }
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(set) => Some(set.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// JSON has no number for these three, so they travel and stay as text.
fn float(text: &str) -> Option<Value> {
    if ["NaN", "Infinity", "-Infinity"].contains(&text) {
        return Some(Value::from(text));
    }
    text.trim().parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)
}

fn moment(value: &Value) -> Option<Timestamp> {
    if let Some(seconds) = value.as_i64() {
        return Timestamp::from_second(seconds).ok();
    }
    let millis = (value.as_f64()? * 1000.0).round();
    (millis.abs() < 1e15).then(|| Timestamp::from_millisecond(millis as i64).ok()).flatten()
}

pub(crate) fn parse_timestamp(text: &str, format: TimestampFormat) -> Option<Value> {
    let text = text.trim();
    let parsed = match format {
        TimestampFormat::Iso8601 => iso8601(text),
        TimestampFormat::Rfc822 => jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()),
        TimestampFormat::UnixTimestamp => text.parse::<f64>().ok().and_then(|seconds| moment(&Value::from(seconds))),
    };
    parsed.map(seconds)
}

/// With or without the time of day; services take both.
fn iso8601(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| if text.len() == 10 { format!("{text}T00:00:00Z").parse().ok() } else { None })
}

/// Whole seconds stay whole.
fn seconds(moment: Timestamp) -> Value {
    if moment.subsec_millisecond() == 0 {
        Value::from(moment.as_second())
    } else {
        Value::from(moment.as_millisecond() as f64 / 1000.0)
    }
}

fn print_timestamp(moment: Timestamp, format: TimestampFormat, millis: bool) -> String {
    let whole = moment.subsec_millisecond() == 0;
    match format {
        TimestampFormat::Iso8601 if whole && !millis => moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        TimestampFormat::Iso8601 => moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        TimestampFormat::Rfc822 => moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        TimestampFormat::UnixTimestamp if whole => moment.as_second().to_string(),
        TimestampFormat::UnixTimestamp => (moment.as_millisecond() as f64 / 1000.0).to_string(),
    }
}
