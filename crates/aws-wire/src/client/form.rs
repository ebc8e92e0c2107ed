//! Values to forms of the query and EC2 protocols.

use serde_json::{Map, Value};

use super::request::query_text;
use crate::model::{Member, Model, Operation, Protocol, Shape, ShapeKind, TimestampFormat};
use crate::parse::form_name;
use crate::scalar;

pub(super) fn encode(model: &Model, op: &Operation, fields: &Map<String, Value>) -> String {
    let start = [("Action", op.name.as_str()), ("Version", model.api_version())];
    let mut form = Form { model, pairs: start.map(|(key, value)| (key.to_owned(), value.to_owned())).into() };
    if let Some(shape) = model.input(op) {
        form.structure(shape, fields, "");
    }
    query_text(&form.pairs)
}

struct Form<'a> {
    model: &'a Model,
    pairs: Vec<(String, String)>,
}

impl Form<'_> {
    fn structure(&mut self, shape: &Shape, fields: &Map<String, Value>, prefix: &str) {
        for member in &shape.members {
            if let Some(value) = fields.get(&member.name).filter(|value| !value.is_null()) {
                let name = form_name(self.model, member);
                let name = if prefix.is_empty() { name.into_owned() } else { format!("{prefix}.{name}") };
                self.value(member, &name, value);
            }
        }
    }

    fn value(&mut self, member: &Member, name: &str, value: &Value) {
        let model = self.model;
        let shape = model.shape(member.shape);
        let ec2 = model.protocol() == Protocol::Ec2;
        let flattened = member.flattened || shape.flattened || ec2;
        match (shape.kind, value) {
            (ShapeKind::Structure, Value::Object(fields)) => self.structure(shape, fields, name),
            // EC2's forms have no way to say an empty list.
            (ShapeKind::List, Value::Array(items)) if items.is_empty() && !ec2 => {
                self.pairs.push((name.to_owned(), String::new()))
            }
            (ShapeKind::List, Value::Array(items)) => {
                let Some(item) = &shape.member else { return };
                let prefix = if flattened { name.to_owned() } else { format!("{name}.{}", item.item_name("member")) };
                items.iter().enumerate().for_each(|(i, value)| self.value(item, &format!("{prefix}.{}", i + 1), value));
            }
            (ShapeKind::Map, Value::Object(entries)) => {
                let (Some(key), Some(part)) = (&shape.key, &shape.value) else { return };
                let prefix = if flattened { name.to_owned() } else { format!("{name}.entry") };
                for (i, (text, value)) in entries.iter().enumerate() {
                    self.pairs.push((format!("{prefix}.{}.{}", i + 1, key.item_name("key")), text.clone()));
                    self.value(part, &format!("{prefix}.{}.{}", i + 1, part.item_name("value")), value);
                }
            }
            _ => {
                let format = member.timestamp_format.or(shape.timestamp_format).unwrap_or(TimestampFormat::Iso8601);
                self.pairs.extend(scalar::to_text(shape, format, false, value).map(|text| (name.to_owned(), text)));
            }
        }
    }
}
