//! Validation by an `openAPIV3Schema`, with the texts of kube-openapi pkg/validation as apiextensions reports them.

use crate::formats;
use crate::structural::{StructuralError, flag, text};
use meta::field::ErrorKind;
use meta::{FieldErrors, Path};
use regex::Regex;
use serde_json::{Number, Value, json};

#[derive(Debug, Default)]
pub(crate) struct Rules {
    types: Vec<Box<str>>,
    nullable: bool,
    format: Option<Box<str>>,
    allowed: Vec<Value>,
    pattern: Option<Regex>,
    minimum: Option<Bound>,
    maximum: Option<Bound>,
    multiple_of: Option<f64>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    min_items: Option<u64>,
    max_items: Option<u64>,
    min_properties: Option<u64>,
    max_properties: Option<u64>,
    required: Vec<Box<str>>,
    properties: Vec<(Box<str>, Rules)>,
    additional: Option<Box<Rules>>,
    items: Option<Box<Rules>>,
    all_of: Vec<Rules>,
    any_of: Vec<Rules>,
    one_of: Vec<Rules>,
    not: Option<Box<Rules>>,
    /// Keys that tell items of a map list apart; empty with `set`.
    unique_by: Option<Vec<Box<str>>>,
}

#[derive(Debug)]
struct Bound {
    value: f64,
    shown: Number,
    exclusive: bool,
}

impl Rules {
    pub fn compile(schema: &Value) -> Result<Self, StructuralError> {
        let number = |name: &str| schema[name].as_u64();
        let boxed = |name: &str| schema.get(name).filter(|s| s.is_object()).map(|s| Self::compile(s).map(Box::new)).transpose();
        let many = |name: &str| schema[name].as_array().into_iter().flatten().map(Self::compile).collect::<Result<Vec<_>, _>>();
        let properties = schema["properties"].as_object().into_iter().flatten();
        Ok(Self {
            types: types(schema),
            nullable: flag(schema, "nullable"),
            format: schema["format"].as_str().map(Into::into),
            allowed: schema["enum"].as_array().cloned().unwrap_or_default(),
            pattern: pattern(schema)?,
            minimum: bound(schema, "minimum", "exclusiveMinimum"),
            maximum: bound(schema, "maximum", "exclusiveMaximum"),
            multiple_of: schema["multipleOf"].as_f64(),
            min_length: number("minLength"),
            max_length: number("maxLength"),
            min_items: number("minItems"),
            max_items: number("maxItems"),
            min_properties: number("minProperties"),
            max_properties: number("maxProperties"),
            required: strings(&schema["required"]),
            properties: properties.map(|(k, v)| Ok((k.as_str().into(), Self::compile(v)?))).collect::<Result<_, _>>()?,
            additional: boxed("additionalProperties")?,
            items: boxed("items")?,
            all_of: many("allOf")?,
            any_of: many("anyOf")?,
            one_of: many("oneOf")?,
            not: boxed("not")?,
            unique_by: unique_by(schema),
        })
    }

    pub fn check(&self, value: &Value, path: &str, errors: &mut FieldErrors) {
        self.check_type(value, path, errors);
        if !value.is_null() {
            self.check_junctors(value, path, errors);
            match value {
                Value::String(text) => self.check_string(text, path, errors),
                Value::Number(number) => self.check_number(number, path, errors),
                Value::Array(items) => self.check_array(items, path, errors),
                Value::Object(_) => self.check_object(value, path, errors),
                _ => {}
            }
        }
        let null_ok = value.is_null() && self.nullable;
        if !self.allowed.is_empty() && !self.allowed.contains(value) && !null_ok {
            let shown: Vec<String> = self.allowed.iter().map(plain).collect();
            errors.not_supported(&at(path), value.clone(), &shown.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    fn check_type(&self, value: &Value, path: &str, errors: &mut FieldErrors) {
        let found = json_type(value);
        let whole = matches!(value, Value::Number(n) if n.as_f64().is_some_and(|f| f.fract() == 0.0));
        let fits = self.types.iter().any(|t| match &**t {
            "integer" => whole,
            "number" => value.is_number(),
            other => other == found,
        });
        let null_ok = value.is_null() && self.nullable;
        if !self.types.is_empty() && !fits && !null_ok {
            let wanted = self.types.join(",");
            let detail = format!("{path} in body must be of type {wanted}: \"{found}\"");
            errors.push(ErrorKind::TypeInvalid, &at(path), json!(found), detail);
        }
    }

    fn check_junctors(&self, value: &Value, path: &str, errors: &mut FieldErrors) {
        let run = |rules: &Rules| {
            let mut found = FieldErrors::default();
            rules.check(value, path, &mut found);
            found
        };
        let root = Path::default();
        if !self.any_of.is_empty() {
            let results: Vec<FieldErrors> = self.any_of.iter().map(run).collect();
            if !results.iter().any(FieldErrors::is_empty) {
                errors.invalid(&root, "", format!("{path:?} must validate at least one schema (anyOf)"));
                errors.0.extend(best(results));
            }
        }
        if !self.one_of.is_empty() {
            let results: Vec<FieldErrors> = self.one_of.iter().map(run).collect();
            let valid = results.iter().filter(|r| r.is_empty()).count();
            if valid != 1 {
                let count = if valid == 0 { "Found none valid".to_owned() } else { format!("Found {valid} valid alternatives") };
                errors.invalid(&root, "", format!("{path:?} must validate one and only one schema (oneOf). {count}"));
                errors.0.extend(if valid == 0 { best(results) } else { Vec::new() });
            }
        }
        let failed: Vec<FieldErrors> = self.all_of.iter().map(run).filter(|r| !r.is_empty()).collect();
        if !failed.is_empty() {
            let none = if failed.len() == self.all_of.len() { ". None validated" } else { "" };
            errors.0.extend(failed.into_iter().flat_map(|f| f.0));
            errors.invalid(&root, "", format!("{path:?} must validate all the schemas (allOf){none}"));
        }
        if self.not.as_ref().is_some_and(|rules| run(rules).is_empty()) {
            errors.invalid(&root, "", format!("{path:?} must not validate the schema (not)"));
        }
    }

    fn check_string(&self, text: &str, path: &str, errors: &mut FieldErrors) {
        let length = text.chars().count() as u64;
        if let Some(max) = self.max_length.filter(|max| length > *max) {
            errors.too_long(&at(path), usize::try_from(max).unwrap_or(usize::MAX));
        }
        if let Some(min) = self.min_length.filter(|min| length < *min) {
            errors.invalid(&at(path), text, format!("{path} in body should be at least {min} chars long"));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|p| !p.is_match(text)) {
            errors.invalid(&at(path), text, format!("{path} in body should match '{pattern}'"));
        }
        if let Some(format) = self.format.as_ref().filter(|f| !formats::matches(f, text)) {
            let detail = format!("{path} in body must be of type {format}: {text:?}");
            errors.push(ErrorKind::TypeInvalid, &at(path), json!(text), detail);
        }
    }

    fn check_number(&self, number: &Number, path: &str, errors: &mut FieldErrors) {
        let value = number.as_f64().unwrap_or_default();
        let mut fail = |what: String| errors.invalid(&at(path), Value::Number(number.clone()), format!("{path} in body {what}"));
        if let Some(factor) = self.multiple_of.filter(|f| *f > 0.0 && (value / f).fract() != 0.0) {
            fail(format!("should be a multiple of {factor}"));
        }
        match &self.maximum {
            Some(max) if max.exclusive && value >= max.value => fail(format!("should be less than {}", max.shown)),
            Some(max) if !max.exclusive && value > max.value => fail(format!("should be less than or equal to {}", max.shown)),
            _ => {}
        }
        match &self.minimum {
            Some(min) if min.exclusive && value <= min.value => fail(format!("should be greater than {}", min.shown)),
            Some(min) if !min.exclusive && value < min.value => fail(format!("should be greater than or equal to {}", min.shown)),
            _ => {}
        }
    }

    fn check_array(&self, items: &[Value], path: &str, errors: &mut FieldErrors) {
        if let Some(rules) = &self.items {
            for (index, item) in items.iter().enumerate() {
                rules.check(item, &format!("{path}[{index}]"), errors);
            }
        }
        let size = items.len() as u64;
        if let Some(min) = self.min_items.filter(|min| size < *min) {
            errors.invalid(&at(path), size, format!("{path} in body should have at least {min} items"));
        }
        if let Some(max) = self.max_items.filter(|max| size > *max) {
            too_many(errors, path, size, max);
        }
        if let Some(keys) = &self.unique_by {
            check_unique(items, keys, path, errors);
        }
    }

    fn check_object(&self, value: &Value, path: &str, errors: &mut FieldErrors) {
        let Some(members) = value.as_object() else { return };
        let size = members.len() as u64;
        if let Some(min) = self.min_properties.filter(|min| size < *min) {
            errors.invalid(&at(path), size, format!("{path} in body should have at least {min} properties"));
        }
        if let Some(max) = self.max_properties.filter(|max| size > *max) {
            too_many(errors, path, size, max);
        }
        if let Some(rules) = &self.additional {
            for (key, value) in members.iter().filter(|(k, _)| !self.properties.iter().any(|(p, _)| **p == **k)) {
                rules.check(value, &format!("{path}.{key}"), errors);
            }
        }
        for (name, rules) in &self.properties {
            if let Some(value) = members.get(&**name) {
                rules.check(value, &join(path, name), errors);
            }
        }
        for name in self.required.iter().filter(|name| !members.contains_key(&***name)) {
            errors.required(&at(&join(path, name)), "");
        }
    }
}

/// The failures of the alternative that fits best.
fn best(results: Vec<FieldErrors>) -> Vec<meta::field::FieldError> {
    results.into_iter().min_by_key(|r| r.0.len()).map(|r| r.0).unwrap_or_default()
}

fn check_unique(items: &[Value], keys: &[Box<str>], path: &str, errors: &mut FieldErrors) {
    let identity = |item: &Value| match keys {
        [] => item.clone(),
        _ => keys.iter().filter_map(|k| Some((k.to_string(), item.get(&**k)?.clone()))).collect(),
    };
    let mut seen: Vec<Value> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let identity = identity(item);
        if seen.contains(&identity) {
            errors.duplicate(&at(&format!("{path}[{index}]")), identity);
        } else {
            seen.push(identity);
        }
    }
}

fn too_many(errors: &mut FieldErrors, path: &str, actual: u64, max: u64) {
    let noun = if max == 1 { "item" } else { "items" };
    errors.push(ErrorKind::TooMany, &at(path), json!(actual), format!("must have at most {max} {noun}"));
}

fn at(path: &str) -> Path {
    Path::new(path.trim_start_matches('.'))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// An allowed value as text: strings bare (the caller quotes), the rest as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn types(schema: &Value) -> Vec<Box<str>> {
    match text(schema, "type") {
        "" if flag(schema, "x-kubernetes-int-or-string") => vec!["integer".into(), "string".into()],
        "" => Vec::new(),
        ty => vec![ty.into()],
    }
}

fn strings(value: &Value) -> Vec<Box<str>> {
    value.as_array().into_iter().flatten().filter_map(|v| Some(v.as_str()?.into())).collect()
}

fn pattern(schema: &Value) -> Result<Option<Regex>, StructuralError> {
    let Some(pattern) = schema["pattern"].as_str() else { return Ok(None) };
    let regex = Regex::new(pattern);
    regex.map(Some).map_err(|e| StructuralError::Pattern { pattern: pattern.to_owned(), reason: e.to_string() })
}

fn bound(schema: &Value, limit: &str, exclusive: &str) -> Option<Bound> {
    let shown = schema[limit].as_number()?.clone();
    Some(Bound { value: shown.as_f64()?, shown, exclusive: flag(schema, exclusive) })
}

fn unique_by(schema: &Value) -> Option<Vec<Box<str>>> {
    match text(schema, "x-kubernetes-list-type") {
        "set" => Some(Vec::new()),
        "map" => Some(strings(&schema["x-kubernetes-list-map-keys"])),
        _ => None,
    }
}
