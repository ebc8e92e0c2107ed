//! Messages by the types of the published tables. What Go's JSON encoder would leave out is left out here.

use super::error::Error;
use super::reader::{Reader, Wire};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use meta::Time;
use schema::{Field, Node, Shape, Type, TypeId, Types};
use serde_json::{Map, Number, Value};

type Result<T> = std::result::Result<T, Error>;
type Members = Map<String, Value>;

/// How deep documents nest. `serde_json` reads 127 levels back, and lists and watch events put objects some deeper.
const MAX_DEPTH: usize = 100;
/// How many values a document has: two bytes of a body can make a value of a hundred.
const MAX_VALUES: usize = 1 << 20;

pub(super) struct Decoder<'t> {
    types: &'t Types,
    values_left: usize,
    /// Levels that messages may still nest.
    depth_left: usize,
}

impl<'t> Decoder<'t> {
    pub fn new(types: &'t Types) -> Self {
        Self { types, values_left: MAX_VALUES, depth_left: MAX_DEPTH }
    }

    pub fn root(mut self, ty: TypeId, body: &[u8]) -> Result<Members> {
        let mut members = Members::new();
        self.fields(self.types.get(ty), &[], body, &mut members)?;
        // Lists, maps and embedded JSON add levels that messages alone do not have.
        if members.values().any(|value| !nests(value, MAX_DEPTH - 1)) {
            return Err(Error::TooDeep);
        }
        Ok(members)
    }

    /// Reads a message, or the inlined message that the field numbers `way` lead to, into its structure's members.
    /// Unknown fields are a newer client's; upstream drops them without a word, too.
    fn fields(&mut self, ty: &'t Type, way: &[u32], body: &[u8], members: &mut Members) -> Result<()> {
        let mut reader = Reader::new(body);
        while let Some((number, wire)) = reader.field()? {
            self.charge()?;
            let at = way.len();
            match ty.fields.iter().find(|f| f.proto.get(at) == Some(&number) && f.proto.starts_with(way)) {
                Some(field) if field.proto.len() == at + 1 => self.member(field, wire, members)?,
                Some(field) => self.fields(ty, &field.proto[..=at], wire.bytes(&field.name)?, members)?,
                None => {}
            }
        }
        Ok(())
    }

    fn member(&mut self, field: &Field, wire: Wire<'_>, members: &mut Members) -> Result<()> {
        let old = members.remove(&*field.name);
        let value = self.value(&field.node, wire, old, &field.name)?;
        if !left_out(field, &value) {
            members.insert(field.name.to_string(), value);
        }
        Ok(())
    }

    /// A field may come in several parts: items and entries are added to `old`, messages merged into it.
    fn value(&mut self, node: &Node, wire: Wire<'_>, old: Option<Value>, name: &str) -> Result<Value> {
        match (&node.shape, old) {
            (Shape::List(item), old) => {
                let mut items = if let Some(Value::Array(items)) = old { items } else { Vec::new() };
                if node.message {
                    self.items_message(item, wire.bytes(name)?, &mut items, name)?;
                } else {
                    self.items(item, wire, &mut items, name)?;
                }
                Ok(Value::Array(items))
            }
            (Shape::Map(item), old) => {
                let mut entries = if let Some(Value::Object(entries)) = old { entries } else { Members::new() };
                let (key, value) = self.entry(item, wire.bytes(name)?, name)?;
                entries.insert(key, value);
                Ok(Value::Object(entries))
            }
            (Shape::Object(id), Some(Value::Object(members))) => self.object(*id, wire.bytes(name)?, members),
            (Shape::Object(id), _) => self.object(*id, wire.bytes(name)?, Members::new()),
            (Shape::SchemaOrBool(id) | Shape::SchemaOrArray(id) | Shape::SchemaOrStrings(id), _) => {
                self.schema_or(&node.shape, *id, wire.bytes(name)?, name)
            }
            (shape, _) => scalar(shape, wire, name),
        }
    }

    fn object(&mut self, id: TypeId, body: &[u8], mut members: Members) -> Result<Value> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(Error::TooDeep)?;
        self.fields(self.types.get(id), &[], body, &mut members)?;
        self.depth_left += 1;
        Ok(Value::Object(members))
    }

    fn items(&mut self, item: &Node, wire: Wire<'_>, items: &mut Vec<Value>, name: &str) -> Result<()> {
        match (&item.shape, wire) {
            // Several numbers packed into one field.
            (Shape::Int32 | Shape::Int64 | Shape::Bool, Wire::Bytes(packed)) => {
                let mut reader = Reader::new(packed);
                while !reader.is_empty() {
                    self.charge()?;
                    items.push(scalar(&item.shape, Wire::Varint(reader.varint()?), name)?);
                }
            }
            _ => items.push(self.value(item, wire, None, name)?),
        }
        Ok(())
    }

    /// A named list type is a message with the items as field 1: `authentication/v1.ExtraValue`.
    fn items_message(&mut self, item: &Node, body: &[u8], items: &mut Vec<Value>, name: &str) -> Result<()> {
        let mut reader = Reader::new(body);
        while let Some((number, wire)) = reader.field()? {
            self.charge()?;
            if number == 1 {
                self.items(item, wire, items, name)?;
            }
        }
        Ok(())
    }

    /// A map's entry is a message of a key and a value; either may be absent and is then zero.
    fn entry(&mut self, node: &Node, body: &[u8], name: &str) -> Result<(String, Value)> {
        let (mut key, mut value) = ("", None);
        let mut reader = Reader::new(body);
        while let Some((number, wire)) = reader.field()? {
            self.charge()?;
            match number {
                1 => key = wire.text(name)?,
                2 => value = Some(self.value(node, wire, None, name)?),
                _ => {}
            }
        }
        let value = match (value, &node.shape) {
            (Some(value), _) => value,
            (None, Shape::Int32 | Shape::Int64 | Shape::Double) => 0.into(),
            (None, Shape::Bool) => false.into(),
            (None, _) => self.value(node, Wire::Bytes(&[]), None, name)?,
        };
        Ok((key.to_owned(), value))
    }

    /// apiextensions/v1 `JSONSchemaPropsOrBool`, `OrArray` and `OrStringArray`, by the precedence of their JSON forms.
    fn schema_or(&mut self, shape: &Shape, id: TypeId, body: &[u8], name: &str) -> Result<Value> {
        let (mut allows, mut schema, mut list) = (false, Value::Null, Vec::new());
        let mut reader = Reader::new(body);
        while let Some((number, wire)) = reader.field()? {
            self.charge()?;
            match (shape, number) {
                (Shape::SchemaOrBool(_), 1) => allows = wire.varint(name)? != 0,
                (Shape::SchemaOrBool(_), 2) | (_, 1) => schema = self.object(id, wire.bytes(name)?, Members::new())?,
                (Shape::SchemaOrArray(_), 2) => list.push(self.object(id, wire.bytes(name)?, Members::new())?),
                (Shape::SchemaOrStrings(_), 2) => list.push(wire.text(name)?.into()),
                _ => {}
            }
        }
        Ok(match shape {
            Shape::SchemaOrBool(_) if schema.is_null() => allows.into(),
            Shape::SchemaOrArray(_) | Shape::SchemaOrStrings(_) if !list.is_empty() => Value::Array(list),
            _ => schema,
        })
    }

    fn charge(&mut self) -> Result<()> {
        self.values_left = self.values_left.checked_sub(1).ok_or(Error::TooManyValues)?;
        Ok(())
    }
}

/// Generated code writes values that are not behind a pointer even when they are zero.
fn left_out(field: &Field, value: &Value) -> bool {
    let zero = match value {
        Value::Null => return true,
        Value::Bool(set) => !set,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    };
    zero && field.omitempty && !field.pointer
}

fn nests(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left > 0 && items.iter().all(|item| nests(item, left - 1)),
        Value::Object(members) => left > 0 && members.values().all(|member| nests(member, left - 1)),
        _ => true,
    }
}

/// A value without published structure: numbers, text, and the messages with a JSON form of their own.
fn scalar(shape: &Shape, wire: Wire<'_>, name: &str) -> Result<Value> {
    Ok(match shape {
        Shape::String => wire.text(name)?.into(),
        // A negative number is sign-extended to 64 bits.
        Shape::Int32 => (wire.varint(name)? as i32).into(),
        Shape::Int64 => (wire.varint(name)? as i64).into(),
        Shape::Bool => (wire.varint(name)? != 0).into(),
        Shape::Double => double(wire.double(name)?, name)?,
        Shape::Bytes => BASE64_STANDARD.encode(wire.bytes(name)?).into(),
        _ => leaf(shape, wire.bytes(name)?, name)?,
    })
}

/// As Go prints a whole number: without a fraction.
fn double(value: f64, name: &str) -> Result<Value> {
    let whole = value as i64;
    if whole as f64 == value && whole.unsigned_abs() < 1 << 53 {
        return Ok(whole.into());
    }
    Number::from_f64(value).map(Value::Number).ok_or_else(|| Error::Range { field: name.to_owned() })
}

fn leaf(shape: &Shape, body: &[u8], name: &str) -> Result<Value> {
    let mut numbers = [0; 3];
    let mut bytes: &[u8] = &[];
    let mut reader = Reader::new(body);
    while let Some((number, wire)) = reader.field()? {
        match (wire, numbers.get_mut((number - 1) as usize)) {
            (Wire::Varint(value), Some(place)) => *place = value as i64,
            (Wire::Bytes(value), Some(_)) => bytes = value,
            (other, Some(_)) => return Err(other.wrong(name)),
            (_, None) => {}
        }
    }
    let text = || Wire::Bytes(bytes).text(name);
    match shape {
        Shape::Quantity if bytes.is_empty() => Ok("0".into()),
        Shape::Quantity => Ok(text()?.into()),
        Shape::IntOrString if numbers[0] == 0 => Ok((numbers[1] as i32).into()),
        Shape::IntOrString => Ok(text()?.into()),
        // No time at all is the empty message; the epoch has its seconds written out.
        Shape::Time | Shape::MicroTime if body.is_empty() => Ok(Value::Null),
        Shape::Time => Ok(time(numbers[0], 0, name)?.to_string().into()),
        Shape::MicroTime => Ok(time(numbers[0], numbers[1] / 1000 * 1000, name)?.micro().into()),
        Shape::Duration => Ok(format!("{}ns", numbers[0]).into()),
        // RawExtension, FieldsV1, JSON: the text itself.
        _ if bytes.is_empty() => Ok(Value::Null),
        _ => serde_json::from_slice(bytes).map_err(|error| Error::Json { field: name.to_owned(), why: error.to_string() }),
    }
}

fn time(seconds: i64, nanoseconds: i64, name: &str) -> Result<Time> {
    let out_of_range = || Error::Range { field: name.to_owned() };
    let nanoseconds = i32::try_from(nanoseconds).map_err(|_| out_of_range())?;
    jiff::Timestamp::new(seconds, nanoseconds).map(Time).map_err(|_| out_of_range())
}
