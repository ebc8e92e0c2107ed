//! Request bodies: which format they claim, and their documents with every repeated field noticed.

use crate::negotiate::Format;
use crate::{protobuf, yaml};
use meta::{Doc, Status};
use schema::Schema;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::{Cell, RefCell};
use std::fmt;

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// What objects and options arrive in. Replies are text only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFormat {
    Text(Format),
    Protobuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchFormat {
    Json,
    Merge,
    Strategic,
}

const PATCH_FORMATS: [(&str, PatchFormat); 3] = [
    ("application/json-patch+json", PatchFormat::Json),
    ("application/merge-patch+json", PatchFormat::Merge),
    ("application/strategic-merge-patch+json", PatchFormat::Strategic),
];

/// Reads the `Content-Type` of a POST, PUT or DELETE. An absent one means JSON. Custom resources have no protobuf form.
pub fn format(content_type: &str, protobuf: bool) -> Result<BodyFormat, Status> {
    match media_type(content_type) {
        "" | "application/json" => Ok(BodyFormat::Text(Format::Json)),
        "application/yaml" => Ok(BodyFormat::Text(Format::Yaml)),
        PROTOBUF if protobuf => Ok(BodyFormat::Protobuf),
        _ if protobuf => Err(Status::unsupported_media_type(&format!("application/json, application/yaml, {PROTOBUF}"))),
        _ => Err(Status::unsupported_media_type("application/json, application/yaml")),
    }
}

/// Reads the `Content-Type` of a PATCH. Custom resources have no strategic merge.
pub fn patch_format(content_type: &str, strategic: bool) -> Result<PatchFormat, Status> {
    let offered = || PATCH_FORMATS.into_iter().filter(|(_, f)| strategic || *f != PatchFormat::Strategic);
    let wanted = media_type(content_type);
    offered().find(|(name, _)| *name == wanted).map(|(_, format)| format).ok_or_else(|| {
        let names: Vec<&str> = offered().map(|(name, _)| name).collect();
        Status::unsupported_media_type(&names.join(", "))
    })
}

fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    pub doc: Doc,
    /// One entry `duplicate field "spec.a[0].b"` per repetition. The last value counts.
    pub duplicate_fields: Vec<String>,
}

/// Parses a body of any format. Protobuf knows no repeated fields: their values are merged.
pub fn read(schema: &Schema, body: &[u8], format: BodyFormat) -> Result<Decoded, Status> {
    match format {
        BodyFormat::Text(format) => decode(body, format),
        BodyFormat::Protobuf => Ok(Decoded { doc: protobuf::decode(schema, body)?, duplicate_fields: Vec::new() }),
    }
}

/// Parses text. Its size is limited by whoever read it.
pub fn decode(body: &[u8], format: Format) -> Result<Decoded, Status> {
    let fail = |error: &dyn fmt::Display| Status::bad_request(format!("couldn't get version/kind; json parse error: {error}"));
    let sink = match format {
        Format::Json => Sink::new(usize::MAX),
        Format::Yaml => Sink::new(yaml::MAX_EXPANDED_BYTES),
    };
    let seed = Seed { sink: &sink, at: None };
    let doc = match format {
        Format::Json => {
            let mut json = serde_json::Deserializer::from_slice(body);
            let doc = seed.deserialize(&mut json).map_err(|e| fail(&e))?;
            json.end().map_err(|e| fail(&e))?;
            doc
        }
        Format::Yaml => seed.deserialize(serde_yaml_ng::Deserializer::from_slice(body)).map_err(|e| fail(&e))?,
    };
    Ok(Decoded { doc, duplicate_fields: sink.duplicates.into_inner() })
}

/// What a whole document's decoding shares.
struct Sink {
    duplicates: RefCell<Vec<String>>,
    bytes_left: Cell<usize>,
}

impl Sink {
    fn new(bytes: usize) -> Self {
        Self { duplicates: RefCell::default(), bytes_left: Cell::new(bytes) }
    }
    /// Charges a value of so many bytes; aliases make small documents large.
    fn charge<E: Error>(&self, bytes: usize) -> Result<(), E> {
        match self.bytes_left.get().checked_sub(bytes + std::mem::size_of::<Value>()) {
            Some(left) => {
                self.bytes_left.set(left);
                Ok(())
            }
            None => Err(E::custom("document is too large once its aliases are expanded")),
        }
    }
}

/// Where a value stands, from the inside out.
struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl Place<'_> {
    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        match self.step {
            Step::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    sink: &'a Sink,
    at: Option<&'a Place<'a>>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.sink.charge(0).map(|()| Value::Null)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.sink.charge(0).map(|()| value.into())
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.sink.charge(0).map(|()| value.into())
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.sink.charge(0).map(|()| value.into())
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.sink.charge(0)?;
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a JSON number"))
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.sink.charge(value.len()).map(|()| value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        self.sink.charge(0)?;
        let mut items = Vec::new();
        loop {
            let place = Place { parent: self.at, step: Step::Index(items.len()) };
            match seq.next_element_seed(Seed { sink: self.sink, at: Some(&place) })? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.sink.charge(0)?;
        let mut members = Map::new();
        while let Some(key) = map.next_key_seed(Key)? {
            self.sink.charge(key.len())?;
            let place = Place { parent: self.at, step: Step::Key(&key) };
            let value = map.next_value_seed(Seed { sink: self.sink, at: Some(&place) })?;
            if members.contains_key(&key) {
                let mut path = String::new();
                place.write(&mut path);
                let text = format!("duplicate field {path:?}");
                let mut seen = self.sink.duplicates.borrow_mut();
                if !seen.contains(&text) {
                    seen.push(text);
                }
            }
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

/// A member's name. YAML may write it as a number or boolean.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Key {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<String, E> {
        Ok(value.to_owned())
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn content_types_are_told_apart() {
        let all = "415 application/json, application/yaml, application/vnd.kubernetes.protobuf";
        for (content_type, protobuf, expected) in [
            ("", false, "Text(Json)"),
            ("application/json; charset=utf-8", true, "Text(Json)"),
            ("application/yaml", true, "Text(Yaml)"),
            ("application/vnd.kubernetes.protobuf", true, "Protobuf"),
            ("application/vnd.kubernetes.protobuf", false, "415 application/json, application/yaml"),
            ("application/cbor", true, all),
        ] {
            let got = format(content_type, protobuf).map_or_else(|s| short(&s), |f| format!("{f:?}"));
            assert_eq!(got, expected, "{content_type}");
        }
        let all = "415 application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json";
        let custom = "415 application/json-patch+json, application/merge-patch+json";
        for (content_type, strategic, expected) in [
            ("application/json-patch+json", true, "Json"),
            ("application/merge-patch+json;charset=utf-8", true, "Merge"),
            ("application/strategic-merge-patch+json", true, "Strategic"),
            ("application/strategic-merge-patch+json", false, custom),
            ("application/apply-patch+yaml", true, all),
            ("", true, all),
        ] {
            let got = patch_format(content_type, strategic).map_or_else(|s| short(&s), |f| format!("{f:?}"));
            assert_eq!(got, expected, "{content_type}");
        }
    }

    fn short(status: &Status) -> String {
        let prefix = "the body of the request was in an unknown format - accepted media types include:";
        status.message.replace(prefix, &status.code().to_string())
    }

    #[test]
    fn repeated_fields_are_named_by_path_and_the_last_wins() {
        let json = r#"{"spec":{"a":[{"b":1,"b":2,"b":3}]},"x":1,"x":{"y":null}}"#;
        let yaml = "spec:\n  a:\n  - b: 1\n    b: 2\n    b: 3\nx: 1\nx:\n  y: null\n";
        for (text, format) in [(json, Format::Json), (yaml, Format::Yaml)] {
            let decoded = decode(text.as_bytes(), format).expect("a valid body");
            assert_eq!(decoded.doc, json!({"spec": {"a": [{"b": 3}]}, "x": {"y": null}}));
            assert_eq!(decoded.duplicate_fields, [r#"duplicate field "spec.a[0].b""#, r#"duplicate field "x""#]);
        }
    }

    #[test]
    fn bodies_that_are_no_single_document_are_refused() {
        let bomb = (1..12).fold("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, n| {
            let alias = format!("*a{}", n - 1);
            text + &format!("a{n}: &a{n} [{}]\n", vec![alias; 10].join(","))
        });
        let deep = "[".repeat(100_000);
        for (text, format) in [
            ("", Format::Json),
            ("{", Format::Json),
            ("{} {}", Format::Json),
            (&*deep, Format::Json),
            ("a: 1\n---\nb: 2\n", Format::Yaml),
            ("a: [", Format::Yaml),
            (&bomb, Format::Yaml),
            (&deep, Format::Yaml),
        ] {
            let error = decode(text.as_bytes(), format).expect_err(&text[..text.len().min(40)]);
            assert_eq!(error.code(), 400, "{error}");
        }
    }
}
