//! Forms of the query and EC2 protocols: dotted keys become a tree, the tree becomes a value by its shape.

use std::borrow::Cow;
use std::collections::BTreeMap;

use form_urlencoded::parse as pairs;
use serde_json::{Map, Value};

use crate::error::Malformed;
use crate::http::HttpRequest;
use crate::model::{Member, Model, Protocol, Shape, ShapeKind, TimestampFormat};
use crate::scalar;

const MAX_PARAMETERS: usize = 20_000;
const MAX_DEPTH: usize = 32;

#[derive(Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<String, Node>,
}

pub(super) fn parse(model: &Model, shape: &Shape, request: &HttpRequest) -> Result<Map<String, Value>, Malformed> {
    let body: &[u8] = if request.is_form() { &request.body } else { &[] };
    let mut root = Node::default();
    for (count, (key, text)) in pairs(request.query.as_bytes()).chain(pairs(body)).enumerate() {
        let mut node = &mut root;
        for (depth, part) in key.split('.').enumerate() {
            if count >= MAX_PARAMETERS || depth >= MAX_DEPTH {
                return Err(Malformed::new(&*key, "The request has too many or too deeply nested parameters."));
            }
            node = node.children.entry(part.to_owned()).or_default();
        }
        node.text = Some(text.into_owned());
    }
    structure(model, shape, &root, "")
}

/// The name of a member in a form: EC2 capitalises the name that its XML uses.
pub(crate) fn form_name<'a>(model: &'a Model, member: &'a Member) -> Cow<'a, str> {
    if model.protocol() != Protocol::Ec2 {
        let shape = model.shape(member.shape);
        let item = shape.member.as_ref().filter(|_| shape.flattened || member.flattened);
        return Cow::from(item.and_then(|item| item.location_name.as_deref()).unwrap_or(member.wire_name()));
    }
    if let Some(name) = &member.query_name {
        return Cow::from(name);
    }
    let mut letters = member.wire_name().chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>().into()
}

fn structure(model: &Model, shape: &Shape, node: &Node, path: &str) -> Result<Map<String, Value>, Malformed> {
    let mut fields = Map::new();
    for member in &shape.members {
        let name = form_name(model, member);
        if let Some(child) = node.children.get(&*name) {
            let path = if path.is_empty() { name.into_owned() } else { format!("{path}.{name}") };
            fields.insert(member.name.clone(), value(model, member, child, &path)?);
        }
    }
    Ok(fields)
}

fn value(model: &Model, member: &Member, node: &Node, path: &str) -> Result<Value, Malformed> {
    let shape = model.shape(member.shape);
    let flattened = member.flattened || shape.flattened || model.protocol() == Protocol::Ec2;
    match shape.kind {
        ShapeKind::Structure => structure(model, shape, node, path).map(Value::Object),
        ShapeKind::List => list(model, shape, node, path, flattened),
        ShapeKind::Map => map(model, shape, node, path, flattened),
        _ => {
            let text = node.text.as_deref().ok_or_else(|| Malformed::value(path, "", "a single value"))?;
            let format = member.timestamp_format.or(shape.timestamp_format).unwrap_or(TimestampFormat::Iso8601);
            scalar::from_text(shape, format, text).map_err(|expected| Malformed::value(path, text, expected))
        }
    }
}

/// The numbered children in the order of their numbers; gaps close up.
fn numbered(node: &Node) -> Vec<(u32, &Node)> {
    let mut items: Vec<(u32, &Node)> = node.children.iter().filter_map(|(key, child)| Some((key.parse().ok()?, child))).collect();
    items.sort_by_key(|(number, _)| *number);
    items
}

fn list(model: &Model, shape: &Shape, node: &Node, path: &str, flattened: bool) -> Result<Value, Malformed> {
    let Some(item) = &shape.member else { return Ok(Value::Array(Vec::new())) };
    let inner = if flattened { Some(node) } else { node.children.get(item.item_name("member")) };
    let items = inner.map(numbered).unwrap_or_default();
    items.into_iter().map(|(number, child)| value(model, item, child, &format!("{path}.{number}"))).collect()
}

fn map(model: &Model, shape: &Shape, node: &Node, path: &str, flattened: bool) -> Result<Value, Malformed> {
    let mut entries = Map::new();
    let (Some(key), Some(part)) = (&shape.key, &shape.value) else { return Ok(Value::Object(entries)) };
    let inner = if flattened { Some(node) } else { node.children.get("entry") };
    for (number, entry) in inner.map(numbered).unwrap_or_default() {
        let name = entry.children.get(key.item_name("key")).and_then(|node| node.text.clone());
        let (Some(name), Some(child)) = (name, entry.children.get(part.item_name("value"))) else {
            return Err(Malformed::new(path, format!("Entry {number} of {path} lacks its key or its value.")));
        };
        entries.insert(name, value(model, part, child, path)?);
    }
    Ok(Value::Object(entries))
}
