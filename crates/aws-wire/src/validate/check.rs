//! The walk: what is wrong where, without words.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use crate::model::{Member, Model, Shape, ShapeKind};

/// Enough to be helpful; a hostile input must not write a novel.
const MAX_VIOLATIONS: usize = 10;

/// Where a value stands, as a chain from the leaf up.
pub(super) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

pub(super) enum Step<'a> {
    Root,
    Member(&'a Member),
    /// Counted from one.
    Item(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    pub fn root() -> Self {
        Self { parent: None, step: Step::Root }
    }
    fn join(&'a self, step: Step<'a>) -> Path<'a> {
        Path { parent: Some(self), step }
    }
    /// `tags.2.member.key`, names through `name`.
    fn print(&self, name: &dyn Fn(&Member) -> String, item: &str) -> String {
        let above = self.parent.map(|parent| parent.print(name, item)).filter(|text| !text.is_empty());
        let own = match &self.step {
            Step::Root => return String::new(),
            Step::Member(member) => name(member),
            Step::Item(number) => format!("{number}{item}"),
            Step::Key(key) => (*key).to_owned(),
        };
        above.map_or(own.clone(), |above| format!("{above}.{own}"))
    }
}

#[derive(Debug)]
pub(super) enum Rule {
    Required,
    Enum,
    Pattern,
    /// Of text, blob, list or map.
    MinLength,
    MaxLength,
    MinValue,
    MaxValue,
}

pub(super) struct Violation<'a> {
    pub rule: Rule,
    /// Member names as Java properties, list steps as `.N.member`: Coral's way.
    pub property: String,
    /// As the client wrote it in a form.
    pub parameter: String,
    pub shape: &'a Shape,
    pub value: Value,
}

type Found<'a> = Vec<Violation<'a>>;

pub(super) fn structure<'a>(model: &'a Model, shape: &'a Shape, value: &Value, path: &Path<'_>, found: &mut Found<'a>) {
    for member in &shape.members {
        let path = path.join(Step::Member(member));
        match value.get(&member.name).filter(|value| !value.is_null()) {
            Some(inner) => any(model, model.shape(member.shape), inner, &path, found),
            None if member.required => report(model, Rule::Required, model.shape(member.shape), &Value::Null, &path, found),
            None => {}
        }
    }
}

fn any<'a>(model: &'a Model, shape: &'a Shape, value: &Value, path: &Path<'_>, found: &mut Found<'a>) {
    if found.len() >= MAX_VIOLATIONS {
        return;
    }
    limits(model, shape, value, path, found);
    match (shape.kind, value) {
        (ShapeKind::Structure, _) => structure(model, shape, value, path, found),
        (ShapeKind::List, Value::Array(items)) => {
            let Some(item) = &shape.member else { return };
            let inner = model.shape(item.shape);
            items.iter().enumerate().for_each(|(i, value)| any(model, inner, value, &path.join(Step::Item(i + 1)), found));
        }
        (ShapeKind::Map, Value::Object(entries)) => {
            let (Some(key), Some(part)) = (&shape.key, &shape.value) else { return };
            for (name, value) in entries {
                let path = path.join(Step::Key(name));
                limits(model, model.shape(key.shape), &Value::from(name.as_str()), &path, found);
                any(model, model.shape(part.shape), value, &path, found);
            }
        }
        _ => {}
    }
}

fn limits<'a>(model: &'a Model, shape: &'a Shape, value: &Value, path: &Path<'_>, found: &mut Found<'a>) {
    let mut fail = |rule| report(model, rule, shape, value, path, found);
    let length = length(shape, value);
    let number = value.as_f64().filter(|_| length.is_none() && shape.kind != ShapeKind::Timestamp);
    let bound = |limit: &Option<Number>| limit.as_ref().and_then(Number::as_f64);
    if let (Some(have), Some(min)) = (length.or(number), bound(&shape.min))
        && have < min
    {
        fail(if length.is_some() { Rule::MinLength } else { Rule::MinValue });
    }
    if let (Some(have), Some(max)) = (length.or(number), bound(&shape.max))
        && have > max
    {
        fail(if length.is_some() { Rule::MaxLength } else { Rule::MaxValue });
    }
    if let Value::String(text) = value {
        if !shape.values.is_empty() && !shape.values.contains(text) {
            fail(Rule::Enum);
        }
        if shape.pattern.is_some() && !shape.fits_pattern(text) {
            fail(Rule::Pattern);
        }
    }
}

fn length(shape: &Shape, value: &Value) -> Option<f64> {
    let length = match value {
        Value::String(text) if shape.kind == ShapeKind::Blob => STANDARD.decode(text).ok()?.len(),
        Value::String(text) if shape.kind == ShapeKind::String => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(entries) if shape.kind == ShapeKind::Map => entries.len(),
        _ => return None,
    };
    Some(length as f64)
}

fn report<'a>(model: &'a Model, rule: Rule, shape: &'a Shape, value: &Value, path: &Path<'_>, found: &mut Found<'a>) {
    if found.len() >= MAX_VIOLATIONS {
        return;
    }
    let property = path.print(&|member| lower_first(&member.name), ".member");
    let parameter = path.print(&|member| crate::parse::form_name(model, member).into_owned(), "");
    found.push(Violation { rule, property, parameter, shape, value: value.clone() });
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// Whether every member is known and of its type.
pub(super) fn known(model: &Model, shape: &Shape, value: &Value, path: &str) -> Result<(), String> {
    match (shape.kind, value) {
        (_, Value::Null) => Ok(()),
        (ShapeKind::Structure, Value::Object(fields)) => fields.iter().try_for_each(|(name, inner)| {
            let path = format!("{path}.{name}");
            let member = shape.find(name).ok_or_else(|| format!("{path} is not in the model"))?;
            known(model, model.shape(member.shape), inner, &path)
        }),
        (ShapeKind::List, Value::Array(items)) => match &shape.member {
            Some(item) => items.iter().try_for_each(|inner| known(model, model.shape(item.shape), inner, &format!("{path}[]"))),
            None => Ok(()),
        },
        (ShapeKind::Map, Value::Object(entries)) => match &shape.value {
            Some(part) => {
                entries.iter().try_for_each(|(key, inner)| known(model, model.shape(part.shape), inner, &format!("{path}.{key}")))
            }
            None => Ok(()),
        },
        (ShapeKind::String | ShapeKind::Blob, Value::String(_)) | (ShapeKind::Boolean, Value::Bool(_)) => Ok(()),
        (ShapeKind::Integer | ShapeKind::Long, Value::Number(number)) if number.is_i64() => Ok(()),
        (ShapeKind::Float | ShapeKind::Double | ShapeKind::Timestamp, Value::Number(_)) => Ok(()),
        _ => Err(format!("{path} is not a {:?}", shape.kind)),
    }
}
