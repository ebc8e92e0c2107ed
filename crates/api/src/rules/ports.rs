//! Port numbers, port names and percentages (k8s.io/apimachinery `pkg/util/validation`).

use crate::doc::View;
use meta::{Doc, FieldErrors};

pub const PORT_RANGE: &str = "must be between 1 and 65535, inclusive";

pub fn port_number(port: i64) -> Vec<String> {
    if (1..=65535).contains(&port) { Vec::new() } else { vec![PORT_RANGE.to_owned()] }
}

/// `IsValidPortName`: an IANA service name.
pub fn port_name(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let bytes = name.as_bytes();
    if name.len() > 15 {
        found.push("must be no more than 15 characters".to_owned());
    }
    if !bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-') {
        found.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".into());
    }
    if !bytes.iter().any(u8::is_ascii_lowercase) {
        found.push("must contain at least one letter (a-z)".into());
    }
    if name.contains("--") {
        found.push("must not contain consecutive hyphens".into());
    }
    if bytes.first() == Some(&b'-') || bytes.last() == Some(&b'-') {
        found.push("must not begin or end with a hyphen".into());
    }
    found
}

pub fn check_port(port: &View<'_>, errors: &mut FieldErrors) {
    port_number(port.int().unwrap_or(0)).into_iter().for_each(|p| port.invalid(errors, p));
}

/// A number or a port's name.
pub fn check_port_or_name(port: &View<'_>, errors: &mut FieldErrors) {
    match port.doc {
        Doc::String(_) => port.check(errors, port_name),
        _ => check_port(port, errors),
    }
}

const PERCENT_TEXT: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

fn percent_of(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('%')?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) { None } else { digits.parse().ok() }
}

/// The percentage, when it is one.
pub fn percent(doc: &Doc) -> Option<i64> {
    doc.as_str().and_then(percent_of)
}

/// `ValidatePositiveIntOrPercent`.
pub fn check_int_or_percent(value: &View<'_>, errors: &mut FieldErrors) {
    match value.doc {
        Doc::String(text) if percent_of(text).is_none() => value.invalid(errors, PERCENT_TEXT),
        Doc::Number(_) => value.non_negative(errors),
        _ => {}
    }
}

/// `IsNotMoreThan100Percent`.
pub fn check_at_most_all(value: &View<'_>, errors: &mut FieldErrors) {
    if percent(value.doc).is_some_and(|p| p > 100) {
        value.invalid(errors, "must not be greater than 100%");
    }
}

/// Zero, as a number or a percentage.
pub fn is_zero(doc: &Doc) -> bool {
    doc.as_i64().or_else(|| percent(doc)) == Some(0)
}
