//! `Status` documents of success. Failures are `meta::Status`.

use api::ResourceDef;
use meta::{Doc, Object};
use serde_json::{Map, json};

/// The reply to a DELETE that removed the object at once.
pub fn deleted(def: &ResourceDef, object: &Object) -> Doc {
    let mut details = Map::new();
    let group_resource = def.group_resource();
    let members = [
        ("name", object.meta.name.as_str()),
        ("group", &group_resource.group),
        ("kind", &group_resource.resource),
        ("uid", &object.meta.uid),
    ];
    for (key, value) in members.into_iter().filter(|(_, value)| !value.is_empty()) {
        details.insert(key.into(), value.into());
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

/// The reply to a request that made something which is no object, such as a binding.
pub fn success(code: u16) -> Doc {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code})
}
