//! Values to XML elements, in the order the members are modelled.

use serde_json::{Map, Value};

use super::XmlWriter;
use crate::model::{Member, Model, Shape, ShapeKind, TimestampFormat};
use crate::scalar;

/// How one document is to look.
#[derive(Clone, Copy)]
pub(crate) struct XmlStyle<'a> {
    pub model: &'a Model,
    /// EC2 prints milliseconds even when they are zero.
    pub millis: bool,
}

/// The members of `shape` that travel in the body.
pub(crate) fn write_members(xml: &mut XmlWriter, style: XmlStyle<'_>, shape: &Shape, value: &Map<String, Value>) {
    for member in shape.members.iter().filter(|member| member.location.is_none() && !member.xml_attribute) {
        if let Some(inner) = value.get(&member.name).filter(|inner| !inner.is_null()) {
            write_member(xml, style, member, member.wire_name(), inner);
        }
    }
}

fn write_member(xml: &mut XmlWriter, style: XmlStyle<'_>, member: &Member, name: &str, value: &Value) {
    let shape = style.model.shape(member.shape);
    let flattened = member.flattened || shape.flattened;
    match (shape.kind, value) {
        (ShapeKind::Structure, Value::Object(fields)) => write_structure(xml, style, member, shape, name, fields),
        (ShapeKind::List, Value::Array(items)) => write_list(xml, style, shape, name, items, flattened),
        (ShapeKind::Map, Value::Object(entries)) => write_map(xml, style, shape, name, entries, flattened),
        _ => {
            let format = member.timestamp_format.or(shape.timestamp_format).unwrap_or(TimestampFormat::Iso8601);
            if let Some(text) = scalar::to_text(shape, format, style.millis, value) {
                xml.leaf(name, &text);
            }
        }
    }
}

fn write_structure(
    xml: &mut XmlWriter,
    style: XmlStyle<'_>,
    member: &Member,
    shape: &Shape,
    name: &str,
    fields: &Map<String, Value>,
) {
    let declared = member.xml_namespace.as_ref().map(|(prefix, uri)| match prefix {
        Some(prefix) => (format!("xmlns:{prefix}"), uri.clone()),
        None => ("xmlns".to_owned(), uri.clone()),
    });
    let own = shape.members.iter().filter(|member| member.xml_attribute);
    let attributes =
        own.filter_map(|member| Some((member.wire_name().to_owned(), fields.get(&member.name)?.as_str()?.to_owned())));
    let owned: Vec<(String, String)> = declared.into_iter().chain(attributes).collect();
    let attributes: Vec<(&str, &str)> = owned.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    xml.element(name, &attributes, |xml| write_members(xml, style, shape, fields));
}

fn write_list(xml: &mut XmlWriter, style: XmlStyle<'_>, shape: &Shape, name: &str, items: &[Value], flattened: bool) {
    let Some(item) = &shape.member else { return };
    if flattened {
        let name = item.item_name(name);
        items.iter().for_each(|value| write_member(xml, style, item, name, value));
    } else {
        let item_name = item.item_name("member");
        xml.element(name, &[], |xml| items.iter().for_each(|value| write_member(xml, style, item, item_name, value)));
    }
}

fn write_map(xml: &mut XmlWriter, style: XmlStyle<'_>, shape: &Shape, name: &str, entries: &Map<String, Value>, flattened: bool) {
    let (Some(key), Some(value)) = (&shape.key, &shape.value) else { return };
    let write_entry = |xml: &mut XmlWriter, name: &str, (text, inner): (&String, &Value)| {
        xml.element(name, &[], |xml| {
            xml.leaf(key.item_name("key"), text);
            write_member(xml, style, value, value.item_name("value"), inner);
        });
    };
    if flattened {
        entries.iter().for_each(|entry| write_entry(xml, name, entry));
    } else {
        xml.element(name, &[], |xml| entries.iter().for_each(|entry| write_entry(xml, "entry", entry)));
    }
}
