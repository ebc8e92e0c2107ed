//! Reads the part of a JSON text that a pointer names, without making documents of the rest.

use crate::Doc;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// `None`: nothing is there.
pub fn part(json: &[u8], pointer: &str) -> Option<Doc> {
    let mut found = None;
    // Found or not, the rest is not read, which ends as an error.
    drop(Seek { pointer, found: &mut found }.deserialize(&mut serde_json::Deserializer::from_slice(json)));
    found
}

struct Seek<'a> {
    /// What is left of it.
    pointer: &'a str,
    found: &'a mut Option<Doc>,
}

impl<'a> Seek<'a> {
    /// The next key, and who looks for the rest beneath it.
    fn step(self) -> (Cow<'a, str>, Seek<'a>) {
        let (key, rest) = self.pointer[1..].find('/').map_or((&self.pointer[1..], ""), |at| self.pointer[1..].split_at(at));
        let key = if key.contains('~') { key.replace("~1", "/").replace("~0", "~").into() } else { key.into() };
        (key, Seek { pointer: rest, found: self.found })
    }
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.pointer.is_empty() {
            *self.found = Some(Doc::deserialize(deserializer)?);
            return Ok(());
        }
        if !self.pointer.starts_with('/') {
            return Err(Error::custom("no pointer"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("something with parts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (wanted, beneath) = self.step();
        while let Some(is_it) = map.next_key_seed(Is(&wanted))? {
            if is_it {
                map.next_value_seed(beneath)?;
                return Err(Error::custom("done"));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let (wanted, beneath) = self.step();
        let place: usize = wanted.parse().map_err(Error::custom)?;
        for _ in 0..place {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        seq.next_element_seed(beneath)?;
        Err(Error::custom("done"))
    }
}

/// Whether a key is this one, without a copy of it.
struct Is<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_are_what_pointers_point_at() {
        let doc = json!({
            "metadata": {"annotations": {"a/b~c": "x", "": 1}, "name": "n"},
            "spec": {"list": [{"a": 1}, [2, 3], "t\"ext"], "none": null, "deep": {"deep": {"deep": true}}},
        });
        let text = doc.to_string();
        for pointer in [
            "",
            "/metadata",
            "/metadata/name",
            "/metadata/name/more",
            "/metadata/annotations/a~1b~0c",
            "/metadata/annotations/",
            "/spec/list",
            "/spec/list/0/a",
            "/spec/list/1/1",
            "/spec/list/2",
            "/spec/list/3",
            "/spec/list/x",
            "/spec/none",
            "/spec/none/of",
            "/spec/deep/deep/deep",
            "/status",
            "spec",
        ] {
            assert_eq!(part(text.as_bytes(), pointer).as_ref(), doc.pointer(pointer), "{pointer}");
        }
    }
}
