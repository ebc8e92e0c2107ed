//! Short texts in one allocation: how labels and selectable fields of every cached object are kept.

use serde::de::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;
use std::sync::Arc;

/// A list of texts. Each lies behind its length, so that any text fits, and finding one walks past those before it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Texts(Box<[u8]>);

/// Lengths take seven bits a byte, the lowest first; the top bit says that more follow.
const MORE: u8 = 0x80;

impl Texts {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (text, behind) = take(rest)?;
            rest = behind;
            Some(text)
        })
    }

    pub fn get(&self, index: usize) -> Option<&str> {
        self.iter().nth(index)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn take(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (mut length, mut shift, mut rest) = (0, 0, bytes);
    loop {
        let (first, behind) = rest.split_first()?;
        length |= usize::from(first & !MORE) << shift;
        (shift, rest) = (shift + 7, behind);
        if first & MORE == 0 {
            break;
        }
    }
    let (text, rest) = rest.split_at_checked(length)?;
    // What `from_iter` wrote came from texts.
    Some((std::str::from_utf8(text).unwrap_or_default(), rest))
}

impl<T: AsRef<str>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut bytes = Vec::new();
        for text in texts {
            let text = text.as_ref().as_bytes();
            let mut length = text.len();
            while length >= usize::from(MORE) {
                bytes.push(length as u8 | MORE);
                length >>= 7;
            }
            bytes.push(length as u8);
            bytes.extend_from_slice(text);
        }
        Self(bytes.as_slice().into())
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Values of a kind's selectable fields, in the order its definition names them.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    names: Option<Arc<[&'static str]>>,
    values: Texts,
}

impl Fields {
    /// `names` are shared by all objects of the kind.
    pub fn new(names: &Arc<[&'static str]>, values: Texts) -> Self {
        Self { names: Some(names.clone()), values }
    }

    pub fn get(&self, index: usize) -> Option<&str> {
        self.values.get(index)
    }

    pub fn named(&self, name: &str) -> Option<&str> {
        self.get(self.names.as_ref()?.iter().position(|known| *known == name)?)
    }
}

/// Labels of one object, in the order of their keys.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Labels(Texts);

impl Labels {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut texts = self.0.iter();
        std::iter::from_fn(move || Some((texts.next()?, texts.next()?)))
    }
}

impl<K: AsRef<str>, V: AsRef<str>> From<&BTreeMap<K, V>> for Labels {
    fn from(labels: &BTreeMap<K, V>) -> Self {
        Self(labels.iter().flat_map(|(key, value)| [key.as_ref(), value.as_ref()]).collect())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::<String, String>::deserialize(deserializer).map(|labels| Self::from(&labels))
    }
}

impl Index<&str> for Labels {
    type Output = str;
    fn index(&self, key: &str) -> &str {
        self.get(key).expect("the label was said to be there")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back() {
        let long = "x".repeat(20_000);
        for texts in [vec![], vec![""], vec!["a", "", "ä\0b"], vec!["", &long, "z", &long[..127], &long[..128]]] {
            let packed: Texts = texts.iter().collect();
            assert_eq!(packed.iter().collect::<Vec<_>>(), texts);
            assert_eq!((packed.get(texts.len()), packed.get(0)), (None, texts.first().copied()));
        }
    }

    #[test]
    fn labels_are_found_by_key() {
        let labels: Labels = serde_json::from_str(r#"{"b":"2","a":"1","":"0","b":"3"}"#).expect("a map of texts");
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("", "0"), ("a", "1"), ("b", "3")]);
        assert_eq!((labels.get("a"), labels.get("c"), labels.contains_key("b")), (Some("1"), None, true));
        assert_eq!(&labels["b"], "3");
        assert!(Labels::default().is_empty());
    }
}
