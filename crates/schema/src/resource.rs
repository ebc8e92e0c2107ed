//! What discovery says about a built-in resource.

use meta::{Gvk, Gvr};
use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceFacts {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub singular: String,
    pub list_kind: String,
    pub namespaced: bool,
    /// On by default: stable versions only.
    pub served: bool,
    pub verbs: Vec<String>,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub subresources: Vec<SubresourceFacts>,
    /// Group, version and kind of the stored form where it is another than the served one.
    #[serde(default)]
    stored_as: Option<(String, String, String)>,
}

/// `status`, `scale`, `exec`. Group, version and kind are those of the body.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SubresourceFacts {
    pub name: String,
    pub group: String,
    pub version: String,
    pub kind: String,
    pub verbs: Vec<String>,
}

impl ResourceFacts {
    pub fn gvk(&self) -> Gvk {
        Gvk::new(&*self.group, &*self.version, &*self.kind)
    }
    pub fn gvr(&self) -> Gvr {
        Gvr::new(&*self.group, &*self.version, &*self.plural)
    }
    pub fn list_gvk(&self) -> Gvk {
        Gvk::new(&*self.group, &*self.version, &*self.list_kind)
    }
    pub fn stored_as(&self) -> Gvk {
        self.stored_as.as_ref().map_or_else(|| self.gvk(), |(g, v, k)| Gvk::new(&**g, &**v, &**k))
    }
    pub fn subresource(&self, name: &str) -> Option<&SubresourceFacts> {
        self.subresources.iter().find(|s| s.name == name)
    }
    pub fn has_verb(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }
}

impl SubresourceFacts {
    pub fn gvk(&self) -> Gvk {
        Gvk::new(&*self.group, &*self.version, &*self.kind)
    }
}
