//! The old documents: APIVersions, APIGroupList, APIGroup, APIResourceList.

use super::{Group, Surface, Version};
use api::{ResourceDef, Subresource};
use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_STANDARD, Engine};
use meta::Doc;
use serde_json::{Value, json};

pub fn api_versions(surface: &Surface<'_>) -> Doc {
    let core = surface.groups.iter().filter(|g| g.name.is_empty()).flat_map(|g| &g.versions);
    let versions: Vec<&str> = core.map(|v| v.name).collect();
    json!({"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": []})
}

pub fn group_list(surface: &Surface<'_>) -> Doc {
    let groups: Vec<Value> = surface.groups.iter().filter(|g| !g.name.is_empty()).map(group_entry).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

pub fn group(group: &Group<'_>) -> Doc {
    let mut doc = group_entry(group);
    doc["kind"] = "APIGroup".into();
    doc["apiVersion"] = "v1".into();
    doc
}

fn group_entry(group: &Group<'_>) -> Value {
    let entry = |v: &Version<'_>| json!({"groupVersion": v.api_version(), "version": v.name});
    let versions: Vec<Value> = group.versions.iter().map(entry).collect();
    let preferred = versions.first().cloned();
    json!({"name": group.name, "versions": versions, "preferredVersion": preferred})
}

pub fn resource_list(version: &Version<'_>) -> Doc {
    let mut resources = Vec::new();
    for def in &version.resources {
        resources.push(resource(def));
        let mut subresources: Vec<&Subresource> = def.subresources.iter().collect();
        subresources.sort_by(|a, b| a.name.cmp(&b.name));
        resources.extend(subresources.into_iter().map(|sub| subresource(def, sub)));
    }
    let mut doc = json!({"kind": "APIResourceList", "groupVersion": version.api_version(), "resources": resources});
    if !version.group.is_empty() {
        doc["apiVersion"] = "v1".into();
    }
    doc
}

fn resource(def: &ResourceDef) -> Value {
    let mut entry = json!({
        "name": def.gvr.resource, "singularName": def.singular, "namespaced": def.namespaced,
        "kind": def.kind, "verbs": sorted(&def.verbs),
    });
    if !def.short_names.is_empty() {
        entry["shortNames"] = json!(def.short_names);
    }
    if !def.categories.is_empty() {
        entry["categories"] = json!(def.categories);
    }
    if def.allows("list") && def.allows("create") {
        entry["storageVersionHash"] = storage_version_hash(def).into();
    }
    entry
}

fn subresource(def: &ResourceDef, sub: &Subresource) -> Value {
    let mut entry = json!({
        "name": format!("{}/{}", def.gvr.resource, sub.name), "singularName": "", "namespaced": def.namespaced,
        "kind": sub.kind.kind, "verbs": sorted(&sub.verbs),
    });
    if (&sub.kind.group, &sub.kind.version) != (&def.gvr.group, &def.gvr.version) {
        if !sub.kind.group.is_empty() {
            entry["group"] = sub.kind.group.as_str().into();
        }
        entry["version"] = sub.kind.version.as_str().into();
    }
    entry
}

pub fn sorted(verbs: &[String]) -> Vec<&str> {
    let mut verbs: Vec<&str> = verbs.iter().map(String::as_str).collect();
    verbs.sort_unstable();
    verbs
}

/// k8s.io/apiserver `pkg/endpoints/discovery/storageversionhash.go`: changes when the stored version does.
fn storage_version_hash(def: &ResourceDef) -> String {
    let stored = def.storage();
    let hash = digest(&SHA256, format!("{}/{}/{}", stored.group, stored.version, def.kind).as_bytes());
    BASE64_STANDARD.encode(&hash.as_ref()[..8])
}
