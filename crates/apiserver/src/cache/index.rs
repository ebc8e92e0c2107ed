//! Finds objects by the value of a label or field without looking at the others.

use super::Objects;
use api::Indexed;
use meta::Object;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Which of a definition's indexes, and the value that is looked for there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    pub index: usize,
    pub value: String,
}

impl Lookup {
    /// The value of a label in the index of all labels.
    pub fn label(key: &str, value: &str) -> String {
        format!("{key}={value}")
    }
}

/// Keys by value.
type Keys = HashMap<Box<str>, BTreeSet<Arc<str>>>;

/// All indexes of one resource.
pub struct Indexes(Vec<(By, Keys)>);

enum By {
    Labels,
    /// By its place among the selectable fields.
    Field(usize),
}

impl By {
    fn same(&self, old: &Object, new: &Object) -> bool {
        match self {
            Self::Labels => old.meta.labels == new.meta.labels,
            Self::Field(place) => old.fields.get(*place) == new.fields.get(*place),
        }
    }

    fn each(&self, object: &Object, mut visit: impl FnMut(&str)) {
        match self {
            Self::Labels => object.meta.labels.iter().for_each(|(key, value)| visit(&Lookup::label(key, value))),
            Self::Field(place) => object.fields.get(*place).into_iter().for_each(visit),
        }
    }
}

impl Indexes {
    pub fn new(indexed: &[Indexed], selectable: &[&'static str]) -> Self {
        let by = |indexed: &Indexed| match *indexed {
            Indexed::Labels => By::Labels,
            // A field that is not selectable has no value anywhere.
            Indexed::Field(field) => By::Field(selectable.iter().position(|one| *one == field).unwrap_or(usize::MAX)),
        };
        Self(indexed.iter().map(|indexed| (by(indexed), Keys::new())).collect())
    }

    pub fn update(&mut self, key: &Arc<str>, old: Option<&Object>, new: Option<&Object>) {
        for (by, keys) in &mut self.0 {
            if let (Some(old), Some(new)) = (old, new)
                && by.same(old, new)
            {
                continue;
            }
            if let Some(old) = old {
                by.each(old, |value| remove(keys, value, key));
            }
            if let Some(new) = new {
                by.each(new, |value| insert(keys, value, key));
            }
        }
    }

    /// Of all objects, those that have the value.
    pub fn find(&self, all: &Objects, lookup: &Lookup) -> Objects {
        let keys = self.0.get(lookup.index).and_then(|(_, keys)| keys.get(&*lookup.value));
        let found = keys.into_iter().flatten().filter_map(|key| all.get_key_value(key));
        found.map(|(key, object)| (key.clone(), object.clone())).collect()
    }
}

fn insert(keys: &mut Keys, value: &str, key: &Arc<str>) {
    match keys.get_mut(value) {
        Some(members) => drop(members.insert(key.clone())),
        None => drop(keys.insert(value.into(), BTreeSet::from([key.clone()]))),
    }
}

fn remove(keys: &mut Keys, value: &str, key: &Arc<str>) {
    let Some(members) = keys.get_mut(value) else { return };
    members.remove(key);
    if members.is_empty() {
        keys.remove(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::Fields;
    use serde_json::json;

    #[test]
    fn objects_are_found_by_their_present_values() {
        let names: Arc<[&str]> = ["x", "spec.nodeName"].into();
        let mut indexes = Indexes::new(&[Indexed::Labels, Indexed::Field("spec.nodeName")], &names);
        let mut all = Objects::new();
        let object = |owner: &str, node: &str| {
            let object = Object::from_doc(&json!({"metadata": {"labels": {"owner": owner}}}), 1).expect("an object");
            Arc::new(object.with_fields(Fields::new(&names, ["", node].iter().collect())))
        };
        let mut put = |key: &str, new: Option<Arc<Object>>| {
            let key: Arc<str> = key.into();
            let old = match &new {
                Some(object) => all.insert(key.clone(), object.clone()),
                None => all.remove(&key),
            };
            indexes.update(&key, old.as_deref(), new.as_deref());
            let found = |index: usize, value: &str| {
                let value = if index == 0 { Lookup::label("owner", value) } else { value.to_owned() };
                let found = indexes.find(&all, &Lookup { index, value });
                found.keys().map(|key| key.to_string()).collect::<Vec<_>>().join(" ")
            };
            [found(0, "one"), found(0, "two"), found(1, ""), found(1, "node")]
        };
        assert_eq!(put("a", Some(object("one", ""))), ["a", "", "a", ""]);
        assert_eq!(put("b", Some(object("one", ""))), ["a b", "", "a b", ""]);
        assert_eq!(put("a", Some(object("one", "node"))), ["a b", "", "b", "a"]);
        assert_eq!(put("b", Some(object("two", ""))), ["a", "b", "b", "a"]);
        assert_eq!(put("a", None), ["", "b", "b", ""]);
    }
}
