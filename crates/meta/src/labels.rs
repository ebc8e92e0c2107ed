//! Label and field selectors, parsed and matched as k8s.io/apimachinery `pkg/labels` and `pkg/fields` do.

use crate::{Doc, Labels};
use std::collections::BTreeMap;

/// Labels in any form that a selector can look into.
pub trait LabelSet {
    fn value_of(&self, key: &str) -> Option<&str>;
}

impl LabelSet for BTreeMap<String, String> {
    fn value_of(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

impl LabelSet for Labels {
    fn value_of(&self, key: &str) -> Option<&str> {
        self.get(key)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    NotExists(String),
    GreaterThan(String, i64),
    LessThan(String, i64),
}

/// All requirements must hold; none means everything matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(pub Vec<Requirement>);

impl Requirement {
    fn matches(&self, labels: &impl LabelSet) -> bool {
        let number = |key: &str| labels.value_of(key).and_then(|v| v.parse::<i64>().ok());
        match self {
            Self::In(key, values) => labels.value_of(key).is_some_and(|v| values.iter().any(|wanted| wanted == v)),
            Self::NotIn(key, values) => labels.value_of(key).is_none_or(|v| values.iter().all(|refused| refused != v)),
            Self::Exists(key) => labels.value_of(key).is_some(),
            Self::NotExists(key) => labels.value_of(key).is_none(),
            Self::GreaterThan(key, bound) => number(key).is_some_and(|n| n > *bound),
            Self::LessThan(key, bound) => number(key).is_some_and(|n| n < *bound),
        }
    }
}

impl LabelSelector {
    pub fn matches(&self, labels: &impl LabelSet) -> bool {
        self.0.iter().all(|r| r.matches(labels))
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Parses the query form: `app=web,tier in (a,b),!legacy,size>3`.
    pub fn parse(text: &str) -> Result<Self, String> {
        split_top_level(text).into_iter().map(parse_requirement).collect::<Result<_, _>>().map(Self)
    }

    /// Reads a `metav1.LabelSelector` document. Null selects nothing (`None`), `{}` everything.
    pub fn from_doc(doc: &Doc) -> Result<Option<Self>, String> {
        let Some(map) = doc.as_object() else { return Ok(None) };
        let mut out = Vec::new();
        for (key, value) in map.get("matchLabels").and_then(Doc::as_object).into_iter().flatten() {
            out.push(Requirement::In(key.clone(), vec![value.as_str().unwrap_or_default().to_owned()]));
        }
        for expression in map.get("matchExpressions").and_then(Doc::as_array).into_iter().flatten() {
            out.push(expression_requirement(expression)?);
        }
        Ok(Some(Self(out)))
    }
}

fn expression_requirement(expression: &Doc) -> Result<Requirement, String> {
    let key = expression["key"].as_str().unwrap_or_default().to_owned();
    let values = || -> Vec<String> {
        expression["values"].as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    match expression["operator"].as_str().unwrap_or_default() {
        "In" => Ok(Requirement::In(key, values())),
        "NotIn" => Ok(Requirement::NotIn(key, values())),
        "Exists" => Ok(Requirement::Exists(key)),
        "DoesNotExist" => Ok(Requirement::NotExists(key)),
        other => Err(format!("{other:?} is not a valid label selector operator")),
    }
}

/// Splits at commas outside parentheses; an empty text has no parts.
fn split_top_level(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0usize, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    if parts.len() == 1 && parts[0].trim().is_empty() { Vec::new() } else { parts }
}

fn parse_requirement(part: &str) -> Result<Requirement, String> {
    let part = part.trim();
    let fail =
        || format!("unable to parse requirement: found {part:?}, expected: identifier, '=', '!=', 'in', 'notin', '<', '>'");
    if part.is_empty() {
        return Err("found '', expected: identifier after ','".into());
    }
    if let Some(key) = part.strip_prefix('!') {
        return Ok(Requirement::NotExists(checked_key(key.trim())?));
    }
    if let Some(open) = part.find('(') {
        let values = part[open + 1..].strip_suffix(')').ok_or_else(fail)?;
        let values = values.split(',').map(|v| checked_value(v.trim())).collect::<Result<Vec<_>, _>>()?;
        let (key, word) = part[..open].trim().rsplit_once(char::is_whitespace).ok_or_else(fail)?;
        return match word {
            "in" => Ok(Requirement::In(checked_key(key.trim())?, values)),
            "notin" => Ok(Requirement::NotIn(checked_key(key.trim())?, values)),
            _ => Err(fail()),
        };
    }
    for (operator, negated) in [("!=", true), ("==", false), ("=", false)] {
        if let Some((key, value)) = part.split_once(operator) {
            let (key, values) = (checked_key(key.trim())?, vec![checked_value(value.trim())?]);
            return Ok(if negated { Requirement::NotIn(key, values) } else { Requirement::In(key, values) });
        }
    }
    for operator in ['>', '<'] {
        if let Some((key, value)) = part.split_once(operator) {
            let bound = value.trim().parse().map_err(|_| "for 'Gt', 'Lt' operators, the value must be an integer".to_owned())?;
            let key = checked_key(key.trim())?;
            return Ok(if operator == '>' { Requirement::GreaterThan(key, bound) } else { Requirement::LessThan(key, bound) });
        }
    }
    checked_key(part).map(Requirement::Exists)
}

fn checked_key(key: &str) -> Result<String, String> {
    match crate::names::qualified_name(key).first() {
        None => Ok(key.to_owned()),
        Some(problem) => Err(format!("key: Invalid value: {key:?}: {problem}")),
    }
}

fn checked_value(value: &str) -> Result<String, String> {
    match crate::names::label_value(value).first() {
        None => Ok(value.to_owned()),
        Some(problem) => Err(format!("values[0][]: Invalid value: {value:?}: {problem}")),
    }
}

/// `metadata.name=a,status.phase!=Running`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(pub Vec<FieldTerm>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldTerm {
    pub field: String,
    pub value: String,
    pub equal: bool,
}

impl FieldSelector {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        for part in split_escaped(text).into_iter().filter(|p| !p.is_empty()) {
            let term = [("!=", false), ("==", true), ("=", true)].into_iter().find_map(|(operator, equal)| {
                part.split_once(operator).map(|(f, v)| FieldTerm { field: f.to_owned(), value: unescape(v), equal })
            });
            terms.push(term.ok_or_else(|| format!("invalid selector: '{text}'; can't understand '{part}'"))?);
        }
        Ok(Self(terms))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all terms hold, given a look-up of field values.
    pub fn matches<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|t| (value_of(&t.field).unwrap_or_default() == t.value) == t.equal)
    }

    /// The value that `field` must have, when the selector pins it.
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|t| t.equal && t.field == field).map(|t| t.value.as_str())
    }
}

fn split_escaped(text: &str) -> Vec<&str> {
    let (mut start, mut escaped, mut parts) = (0, false, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_match_as_upstream() {
        let labels: BTreeMap<String, String> =
            [("app", "web"), ("tier", "a"), ("size", "5")].map(|(k, v)| (k.into(), v.into())).into();
        for (text, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web", true),
            ("app!=web", false),
            ("other!=x", true),
            ("app", true),
            ("!app", false),
            ("!x", true),
            ("tier in (a,b)", true),
            ("tier notin (a, b)", false),
            ("x notin (a)", true),
            ("size>4", true),
            ("size<5", false),
            ("app=web,tier in (b)", false),
            ("app in (web),size>4,!zone", true),
        ] {
            assert_eq!(LabelSelector::parse(text).map(|s| s.matches(&labels)), Ok(expected), "{text}");
        }
        for text in ["app in web", "app=web,", "a b", "=x", "app in (a", "size>x"] {
            assert!(LabelSelector::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn field_selectors_unescape_and_match() {
        let fields = |name: &str| match name {
            "metadata.name" => Some("a,b"),
            "status.phase" => Some("Running"),
            _ => None,
        };
        for (text, expected) in [
            ("metadata.name=a\\,b", true),
            ("status.phase!=Running", false),
            ("status.phase==Running,metadata.name!=x", true),
            ("spec.nodeName=", true),
            ("", true),
        ] {
            assert_eq!(FieldSelector::parse(text).map(|s| s.matches(fields)), Ok(expected), "{text}");
        }
        assert!(FieldSelector::parse("nonsense").is_err());
    }
}
