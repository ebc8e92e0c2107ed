//! `apidiscovery.k8s.io/v2 APIGroupDiscoveryList`.

use super::legacy::sorted;
use super::{Group, Surface, Version};
use api::{ResourceDef, Subresource};
use meta::{Doc, Gvk};
use serde_json::{Value, json};

/// The core group alone is served at `/api`, all others at `/apis`.
pub fn group_list(surface: &Surface<'_>, core: bool) -> Doc {
    let items: Vec<Value> = surface.groups.iter().filter(|g| g.name.is_empty() == core).map(group).collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn group(group: &Group<'_>) -> Value {
    let versions: Vec<Value> = group.versions.iter().map(version).collect();
    let mut doc = json!({"metadata": {"creationTimestamp": null}, "versions": versions});
    if !group.name.is_empty() {
        doc["metadata"]["name"] = group.name.into();
    }
    doc
}

fn version(version: &Version<'_>) -> Value {
    let resources: Vec<Value> = version.resources.iter().map(|def| resource(def)).collect();
    json!({"version": version.name, "resources": resources, "freshness": "Current"})
}

fn resource(def: &ResourceDef) -> Value {
    let mut doc = json!({
        "resource": def.gvr.resource, "responseKind": kind(&def.gvk()),
        "scope": if def.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": def.singular, "verbs": sorted(&def.verbs),
    });
    if !def.short_names.is_empty() {
        doc["shortNames"] = json!(def.short_names);
    }
    if !def.categories.is_empty() {
        doc["categories"] = json!(def.categories);
    }
    if !def.subresources.is_empty() {
        let mut subresources: Vec<&Subresource> = def.subresources.iter().collect();
        subresources.sort_by(|a, b| a.name.cmp(&b.name));
        let entry = |s: &Subresource| json!({"subresource": s.name, "responseKind": kind(&s.kind), "verbs": sorted(&s.verbs)});
        doc["subresources"] = subresources.into_iter().map(entry).collect();
    }
    doc
}

fn kind(gvk: &Gvk) -> Value {
    json!({"group": gvk.group, "version": gvk.version, "kind": gvk.kind})
}
