//! Readings of a document that several kinds print.

use meta::labels::Requirement;
use meta::time::human_duration;
use meta::{Doc, LabelSelector, Time};

pub const NONE: &str = "<none>";
pub const UNSET: &str = "<unset>";
pub const UNKNOWN: &str = "<unknown>";
/// How many parts of a list are shown.
const SHOWN: usize = 3;

pub fn text<'a>(doc: &'a Doc, pointer: &str) -> &'a str {
    doc.pointer(pointer).and_then(Doc::as_str).unwrap_or_default()
}

pub fn number(doc: &Doc, pointer: &str) -> i64 {
    doc.pointer(pointer).and_then(Doc::as_i64).unwrap_or_default()
}

pub fn flag(doc: &Doc, pointer: &str) -> Option<bool> {
    doc.pointer(pointer).and_then(Doc::as_bool)
}

pub fn list<'a>(doc: &'a Doc, pointer: &str) -> &'a [Doc] {
    doc.pointer(pointer).and_then(Doc::as_array).map_or(&[], Vec::as_slice)
}

pub fn texts<'a>(doc: &'a Doc, pointer: &str) -> Vec<&'a str> {
    list(doc, pointer).iter().filter_map(Doc::as_str).collect()
}

pub fn count(doc: &Doc, pointer: &str) -> usize {
    match doc.pointer(pointer) {
        Some(Doc::Array(items)) => items.len(),
        Some(Doc::Object(members)) => members.len(),
        _ => 0,
    }
}

/// Whether there is anything but null.
pub fn has(doc: &Doc, pointer: &str) -> bool {
    doc.pointer(pointer).is_some_and(|value| !value.is_null())
}

/// A quantity or an int-or-string, which JSON may write either way.
pub fn scalar(doc: &Doc, pointer: &str) -> Option<String> {
    match doc.pointer(pointer) {
        Some(Doc::String(text)) => Some(text.clone()),
        Some(Doc::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

pub fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

/// How long ago a timestamp in a document was.
pub fn since(timestamp: &Doc, now: Time) -> String {
    match timestamp.as_str().and_then(Time::parse) {
        Some(then) => human_duration(now.seconds_since(then)),
        None => UNKNOWN.into(),
    }
}

pub fn is_deleting(doc: &Doc) -> bool {
    has(doc, "/metadata/deletionTimestamp")
}

/// The condition of a type, under `status.conditions`.
pub fn condition<'a>(doc: &'a Doc, kind: &str) -> Option<&'a Doc> {
    list(doc, "/status/conditions").iter().find(|c| c["type"] == kind)
}

pub fn condition_is_true(doc: &Doc, kind: &str) -> bool {
    condition(doc, kind).is_some_and(|c| c["status"] == "True")
}

/// `labels.FormatLabels`: `a=b,c=d`.
pub fn labels(doc: &Doc, pointer: &str) -> String {
    let map = doc.pointer(pointer).and_then(Doc::as_object);
    let pairs: Vec<String> =
        map.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    or(&pairs.join(","), NONE).to_owned()
}

/// `metav1.LabelSelectorAsSelector(..).String()` of the selector document at a pointer.
pub fn selector(doc: &Doc, pointer: &str) -> Result<String, String> {
    let selector = LabelSelector::from_doc(doc.pointer(pointer).unwrap_or(&Doc::Null))?;
    // matchLabels come first from the reader, and they alone print with an equals sign.
    let equals = count(doc, &format!("{pointer}/matchLabels"));
    let requirements = selector.unwrap_or_default().0;
    let mut parts: Vec<(&str, String)> =
        requirements.iter().enumerate().map(|(at, requirement)| describe(requirement, at < equals)).collect();
    parts.sort_by_key(|(key, _)| *key);
    Ok(parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(","))
}

/// `metav1.FormatLabelSelector`.
pub fn selector_or_none(doc: &Doc, pointer: &str) -> String {
    match selector(doc, pointer) {
        Ok(text) => or(&text, NONE).to_owned(),
        Err(_) => "<error>".into(),
    }
}

fn describe(requirement: &Requirement, equals: bool) -> (&str, String) {
    let set = |values: &[String]| {
        let mut values = values.to_vec();
        values.sort();
        values.join(",")
    };
    match requirement {
        Requirement::In(key, values) if equals => (key, format!("{key}={}", set(values))),
        Requirement::In(key, values) => (key, format!("{key} in ({})", set(values))),
        Requirement::NotIn(key, values) => (key, format!("{key} notin ({})", set(values))),
        Requirement::Exists(key) => (key, key.clone()),
        Requirement::NotExists(key) => (key, format!("!{key}")),
        Requirement::GreaterThan(key, bound) => (key, format!("{key}>{bound}")),
        Requirement::LessThan(key, bound) => (key, format!("{key}<{bound}")),
    }
}

/// One field of every container, joined by commas.
pub fn containers(doc: &Doc, pointer: &str, field: &str) -> String {
    list(doc, pointer).iter().map(|c| c[field].as_str().unwrap_or_default()).collect::<Vec<_>>().join(",")
}

/// The first few parts, and how many more there are.
pub fn some_of(parts: Vec<String>, empty: &str) -> String {
    match parts.len().saturating_sub(SHOWN) {
        0 => or(&parts.join(","), empty).to_owned(),
        more => format!("{} + {more} more...", parts[..SHOWN].join(",")),
    }
}
