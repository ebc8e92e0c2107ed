//! Values that are strings (or numbers) with a meaning: times, quantities, bytes. Checked and made canonical here.

use crate::types::Shape;
use meta::quantity::{Quantity, QuantityError};
use serde_json::Value;

#[derive(Debug, PartialEq)]
pub enum LeafError {
    /// Another JSON type.
    Mismatch,
    /// Reported unless a fatal error follows.
    Saved(String),
    /// Ends decoding upstream.
    Fatal(String),
}

/// Brings a value to the form that upstream's encoder gives it.
pub fn canonical(shape: &Shape, value: &mut Value) -> Result<(), LeafError> {
    match (shape, &mut *value) {
        (Shape::Quantity, Value::Number(n)) => *value = Value::String(quantity(&n.to_string())?),
        (Shape::Quantity, Value::String(text)) if is_canonical_quantity(text) => {}
        (Shape::Quantity, Value::String(text)) => *text = quantity(text)?,
        (Shape::Quantity, _) => return Err(LeafError::Fatal(QuantityError::Format.to_string())),
        (Shape::IntOrString, Value::String(_)) => {}
        (Shape::IntOrString, Value::Number(n)) if n.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {}
        (Shape::Time, Value::String(text)) if is_canonical_time(text) => {}
        (Shape::Time, Value::String(text)) => *text = time(text, SECONDS)?.to_string(),
        (Shape::MicroTime, Value::String(text)) => *text = time(text, MICRO)?.micro(),
        (Shape::Duration, Value::String(text)) => duration(text)?,
        (Shape::Bytes, Value::String(text)) => bytes(text)?,
        _ => return Err(LeafError::Mismatch),
    }
    Ok(())
}

fn quantity(text: &str) -> Result<String, LeafError> {
    Quantity::parse(text).map(|quantity| quantity.to_string()).map_err(|e| LeafError::Fatal(e.to_string()))
}

/// Most quantities are like `100m` or `64Mi` and stay as they are: below 1000 no larger suffix fits.
fn is_canonical_quantity(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let suffix = &text[digits..];
    (1..=3).contains(&digits)
        && !text.starts_with('0')
        && matches!(suffix, "" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei")
}

/// Go's layouts of `metav1.Time` (any fraction is read and dropped) and `metav1.MicroTime` (six digits, no more, no less).
const SECONDS: &str = "2006-01-02T15:04:05Z07:00";
const MICRO: &str = "2006-01-02T15:04:05.000000Z07:00";

fn time(text: &str, layout: &'static str) -> Result<meta::Time, LeafError> {
    if let Err((rest, element)) = fits(text, layout) {
        let shown = format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {element:?}");
        return Err(LeafError::Fatal(shown));
    }
    meta::Time::parse(text).ok_or_else(|| LeafError::Fatal(format!("parsing time {text:?}: day out of range")))
}

/// Whether a text is written as `metav1.Time` prints it.
fn is_canonical_time(text: &str) -> bool {
    text.len() == 20 && text.ends_with('Z') && fits(text, SECONDS).is_ok() && meta::Time::parse(text).is_some()
}

const ELEMENTS: [&str; 11] = ["2006", "-", "01", "-", "02", "T", "15", ":", "04", ":", "05"];

/// Whether Go reads a text by a layout; if not, what it could not read as which element.
fn fits<'t>(text: &'t str, layout: &str) -> Result<(), (&'t str, &'static str)> {
    let mut rest = text;
    for element in ELEMENTS {
        let taken = match element {
            "2006" => digits(rest, 4),
            "01" | "02" | "15" | "04" | "05" => digits(rest, 2),
            literal => rest.strip_prefix(literal),
        };
        rest = taken.ok_or((rest, element))?;
    }
    if layout == MICRO {
        rest = rest.strip_prefix(['.', ',']).and_then(|r| digits(r, 6)).ok_or((rest, ".000000"))?;
        return if is_zone(rest) { Ok(()) } else { Err((rest, "Z07:00")) };
    }
    let fraction = rest.strip_prefix(['.', ',']).map(|r| r.trim_start_matches(|c: char| c.is_ascii_digit()));
    let zone = fraction.filter(|after| rest.len() - after.len() > 1).unwrap_or(rest);
    if is_zone(zone) { Ok(()) } else { Err((zone, "Z07:00")) }
}

fn is_zone(text: &str) -> bool {
    text == "Z" || (text.starts_with(['+', '-']) && text.len() == 6 && text.as_bytes()[3] == b':')
}

fn digits(text: &str, count: usize) -> Option<&str> {
    let (head, rest) = text.split_at_checked(count)?;
    head.bytes().all(|b| b.is_ascii_digit()).then_some(rest)
}

/// Go's `time.ParseDuration`: signed decimals with units, `1h30m`.
fn duration(text: &str) -> Result<(), LeafError> {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut ok = !rest.is_empty();
    while ok && !rest.is_empty() && rest != "0" {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let after = ["ns", "us", "µs", "ms", "s", "m", "h"].iter().find_map(|u| {
            unit.strip_prefix(u).filter(|after| after.is_empty() || after.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
        });
        ok = unit.len() < rest.len() && after.is_some();
        rest = after.unwrap_or_default();
    }
    if ok { Ok(()) } else { Err(LeafError::Fatal(format!("time: invalid duration {text:?}"))) }
}

/// Standard base64 with padding; line breaks are allowed and do not stay.
fn bytes(text: &mut String) -> Result<(), LeafError> {
    if text.contains(['\n', '\r']) {
        text.retain(|c| c != '\n' && c != '\r');
    }
    match bad_base64(text.as_bytes()) {
        None => Ok(()),
        Some(at) => Err(LeafError::Saved(format!("illegal base64 data at input byte {at}"))),
    }
}

fn bad_base64(text: &[u8]) -> Option<usize> {
    let padding = text.iter().rev().take(2).take_while(|b| **b == b'=').count();
    let body = &text[..text.len() - padding];
    let bad = body.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')));
    match bad {
        Some(at) => Some(at),
        None if !text.len().is_multiple_of(4) => Some(if padding > 0 { text.len() } else { text.len() / 4 * 4 }),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn leaves_are_checked_and_made_canonical() {
        let cases = [
            (Shape::Quantity, json!(1), Ok(json!("1"))),
            (Shape::Quantity, json!("100m"), Ok(json!("100m"))),
            (Shape::Quantity, json!(0.5), Ok(json!("500m"))),
            (Shape::Quantity, json!("1024Mi"), Ok(json!("1Gi"))),
            (Shape::Quantity, json!("1x"), Err(LeafError::Fatal(QuantityError::Format.to_string()))),
            (Shape::IntOrString, json!("http"), Ok(json!("http"))),
            (Shape::IntOrString, json!(80), Ok(json!(80))),
            (Shape::IntOrString, json!(true), Err(LeafError::Mismatch)),
            (Shape::Time, json!("2024-01-01T02:00:00.5+02:00"), Ok(json!("2024-01-01T00:00:00Z"))),
            (Shape::MicroTime, json!("2024-01-01T02:00:00.000001+02:00"), Ok(json!("2024-01-01T00:00:00.000001Z"))),
            (
                Shape::MicroTime,
                json!("2024-01-01T00:00:00Z"),
                Err(LeafError::Fatal(
                    "parsing time \"2024-01-01T00:00:00Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\"".into(),
                )),
            ),
            (
                Shape::Time,
                json!("soon"),
                Err(LeafError::Fatal(
                    "parsing time \"soon\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"soon\" as \"2006\"".into(),
                )),
            ),
            (Shape::Time, json!("2024-01-01T00:00:00Z"), Ok(json!("2024-01-01T00:00:00Z"))),
            (
                Shape::Time,
                json!("2024-02-31T00:00:00Z"),
                Err(LeafError::Fatal("parsing time \"2024-02-31T00:00:00Z\": day out of range".into())),
            ),
            (Shape::Duration, json!("1h30m"), Ok(json!("1h30m"))),
            (Shape::Duration, json!("1"), Err(LeafError::Fatal("time: invalid duration \"1\"".into()))),
            (Shape::Bytes, json!("YWJj\nZA=="), Ok(json!("YWJjZA=="))),
            (Shape::Bytes, json!("a!bc"), Err(LeafError::Saved("illegal base64 data at input byte 1".into()))),
            (Shape::Bytes, json!("YWJjZ"), Err(LeafError::Saved("illegal base64 data at input byte 4".into()))),
            (Shape::Bytes, json!(1), Err(LeafError::Mismatch)),
        ];
        for (shape, mut value, expected) in cases {
            let shown = format!("{shape:?} {value}");
            let found = canonical(&shape, &mut value).map(|()| value);
            assert_eq!(found, expected, "{shown}");
        }
    }
}
