//! XML elements to values, by shape; unknown elements are passed over.

use serde_json::{Map, Value};

use super::Element;
use crate::error::Malformed;
use crate::model::{Member, Model, Shape, ShapeKind, TimestampFormat};
use crate::scalar;

/// The members of `shape` that travel in the body.
pub(crate) fn decode_members(model: &Model, shape: &Shape, element: &Element) -> Result<Map<String, Value>, Malformed> {
    let mut fields = Map::new();
    for member in shape.members.iter().filter(|member| member.location.is_none()) {
        if let Some(value) = decode_member(model, member, element)? {
            fields.insert(member.name.clone(), value);
        }
    }
    Ok(fields)
}

fn decode_member(model: &Model, member: &Member, parent: &Element) -> Result<Option<Value>, Malformed> {
    let shape = model.shape(member.shape);
    let name = member.wire_name();
    if member.xml_attribute {
        return Ok(parent.attribute(name).map(Value::from));
    }
    if member.flattened || shape.flattened {
        return decode_flattened(model, shape, name, parent);
    }
    parent.child(name).map(|element| decode(model, member, element)).transpose()
}

fn decode_flattened(model: &Model, shape: &Shape, name: &str, parent: &Element) -> Result<Option<Value>, Malformed> {
    if let Some(item) = &shape.member {
        let items = parent.children_named(item.item_name(name)).map(|element| decode(model, item, element));
        let items = items.collect::<Result<Vec<_>, _>>()?;
        return Ok((!items.is_empty()).then_some(Value::Array(items)));
    }
    let entries = entries(model, shape, parent.children_named(name))?;
    Ok((!entries.is_empty()).then_some(Value::Object(entries)))
}

fn decode(model: &Model, member: &Member, element: &Element) -> Result<Value, Malformed> {
    let shape = model.shape(member.shape);
    match (shape.kind, &shape.member) {
        (ShapeKind::Structure, _) => decode_members(model, shape, element).map(Value::Object),
        (ShapeKind::List, Some(item)) => {
            let items = element.children_named(item.item_name("member")).map(|child| decode(model, item, child));
            items.collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        (ShapeKind::Map, _) => entries(model, shape, element.children_named("entry")).map(Value::Object),
        _ => {
            let format = member.timestamp_format.or(shape.timestamp_format).unwrap_or(TimestampFormat::Iso8601);
            let wrong = |expected| Malformed::value(&element.name, &element.text, expected);
            scalar::from_text(shape, format, &element.text).map_err(wrong)
        }
    }
}

fn entries<'a>(
    model: &Model,
    shape: &Shape,
    elements: impl Iterator<Item = &'a Element>,
) -> Result<Map<String, Value>, Malformed> {
    let mut entries = Map::new();
    let (Some(key), Some(value)) = (&shape.key, &shape.value) else { return Ok(entries) };
    for entry in elements {
        let (Some(name), Some(inner)) = (entry.child(key.item_name("key")), entry.child(value.item_name("value"))) else {
            return Err(Malformed::new(&entry.name, "A map entry lacks its key or its value."));
        };
        entries.insert(name.text.clone(), decode(model, value, inner)?);
    }
    Ok(entries)
}
