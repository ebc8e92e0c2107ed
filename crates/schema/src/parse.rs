//! JSON text -> document, noticing members that occur twice.

use crate::path::{Step, Way};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::RefCell;
use std::fmt;

/// The decoder stops collecting strict errors after this many (kubernetes-sigs/json does the same).
pub(crate) const MAX_STRICT_ERRORS: usize = 100;

#[derive(Debug, PartialEq)]
pub struct Parsed {
    /// Of a member that occurs twice, the later one counts.
    pub doc: Value,
    /// `duplicate field "metadata.name"`.
    pub duplicates: Vec<String>,
}

/// Parses in one pass; duplicates cost nothing until there are some.
pub fn parse_json(raw: &[u8]) -> Result<Parsed, serde_json::Error> {
    let duplicates = RefCell::new(Vec::new());
    let mut input = serde_json::Deserializer::from_slice(raw);
    let doc = Place { way: None, duplicates: &duplicates }.deserialize(&mut input)?;
    input.end()?;
    Ok(Parsed { doc, duplicates: duplicates.into_inner() })
}

pub fn find_duplicates(raw: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    parse_json(raw).map(|parsed| parsed.duplicates)
}

#[derive(Clone, Copy)]
struct Place<'a> {
    way: Option<&'a Way<'a>>,
    duplicates: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let way = Way::new(self.way, Step::Index(items.len()));
            match seq.next_element_seed(Place { way: Some(&way), duplicates: self.duplicates })? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let way = Way::new(self.way, Step::Field(&key));
            let value = members.next_value_seed(Place { way: Some(&way), duplicates: self.duplicates })?;
            if map.contains_key(&key) {
                self.report(&way).map_err(A::Error::custom)?;
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

impl Place<'_> {
    fn report(&self, way: &Way<'_>) -> Result<(), std::cell::BorrowMutError> {
        let mut found = self.duplicates.try_borrow_mut()?;
        let text = format!("duplicate field \"{}\"", way.strict());
        if found.len() < MAX_STRICT_ERRORS && !found.contains(&text) {
            found.push(text);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn duplicates_are_named_by_their_path() {
        let cases: [(&str, &[&str]); 4] = [
            (r#"{"a":1,"b":{"a":1}}"#, &[]),
            (r#"{"metadata":{"name":"a","name":"b"}}"#, &["duplicate field \"metadata.name\""]),
            (r#"{"a":[{"x":1},{"x":1,"x":2,"x":3}]}"#, &["duplicate field \"a[1].x\""]),
            (r#"{"a":1,"a":{"b":1,"b":2}}"#, &["duplicate field \"a.b\"", "duplicate field \"a\""]),
        ];
        for (text, expected) in cases {
            assert_eq!(find_duplicates(text.as_bytes()).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn documents_parse_as_serde_json_parses_them() {
        let text = r#"{"a":[1,-2,3.5,true,null,"\u00e9"],"b":18446744073709551615,"c":{}}"#;
        assert_eq!(parse_json(text.as_bytes()).expect("valid").doc, serde_json::from_str::<Value>(text).expect("valid"));
        assert_eq!(parse_json(br#"{"a":1,"a":2}"#).expect("valid").doc, json!({"a": 2}));
        assert!(parse_json(b"{} x").is_err() && parse_json(b"{").is_err());
    }
}
