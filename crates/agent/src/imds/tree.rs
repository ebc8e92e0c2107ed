//! Values by path, with the listings that the service shows for what lies between.

use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Tree(BTreeMap<String, String>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Value(String),
    Listing(String),
}

impl Tree {
    pub fn add(&mut self, path: impl Into<String>, value: impl Into<String>) {
        self.0.insert(path.into(), value.into());
    }

    /// As the above, unless there is nothing to say.
    pub fn add_some(&mut self, path: impl Into<String>, value: &str) {
        if !value.is_empty() {
            self.add(path, value);
        }
    }

    /// A path with or without its last slash; `""` is the top.
    pub fn find(&self, path: &str) -> Option<Found> {
        if let Some(value) = self.0.get(path) {
            return Some(Found::Value(value.clone()));
        }
        let prefix = match path.trim_end_matches('/') {
            "" => String::new(),
            path => format!("{path}/"),
        };
        let mut names: Vec<String> = Vec::new();
        for rest in self.0.range(prefix.clone()..).map_while(|(key, _)| key.strip_prefix(&prefix)) {
            let name = match rest.split_once('/') {
                Some((directory, _)) => format!("{directory}/"),
                None => rest.to_owned(),
            };
            if names.last() != Some(&name) {
                names.push(name);
            }
        }
        (!names.is_empty()).then(|| Found::Listing(names.join("\n")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_is_listed() {
        let mut tree = Tree::default();
        for path in ["ami-id", "network/interfaces/macs/0e:1/mac", "network/interfaces/macs/0e:1/subnet-id", "placement/region"] {
            tree.add(path, path.to_uppercase());
        }
        for (path, expected) in [
            ("", Some(Found::Listing("ami-id\nnetwork/\nplacement/".into()))),
            ("ami-id", Some(Found::Value("AMI-ID".into()))),
            ("network/interfaces/macs", Some(Found::Listing("0e:1/".into()))),
            ("network/interfaces/macs/", Some(Found::Listing("0e:1/".into()))),
            ("network/interfaces/macs/0e:1/", Some(Found::Listing("mac\nsubnet-id".into()))),
            ("net", None),
            ("ami-id/x", None),
        ] {
            assert_eq!(tree.find(path), expected, "{path}");
        }
    }
}
