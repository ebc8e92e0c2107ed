//! The HTTP operations of a kind, independent of the OpenAPI version that lists them.

use crate::discovery::Version;
use api::{ResourceDef, Subresource};
use meta::Gvk;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub struct Operation {
    /// `get`, `post`, `put`, `patch` or `delete`.
    pub method: &'static str,
    /// `x-kubernetes-action`.
    pub action: &'static str,
    pub id: String,
    pub kind: Gvk,
    pub body: Body,
    pub reply: Gvk,
    pub query: &'static [Query],
}

#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    None,
    Kind(Gvk),
    /// Any of the media types.
    Patch(&'static [&'static str]),
}

pub struct Path {
    pub path: String,
    /// Path parameters.
    pub named: bool,
    pub namespaced: bool,
    pub operations: Vec<Operation>,
}

pub type Query = (&'static str, &'static str);

const PATCHES: &[&str] =
    &["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json"];
/// Custom resources have no merge keys that a strategic merge could use.
const PLAIN_PATCHES: &[&str] = &["application/json-patch+json", "application/merge-patch+json"];

const WRITE: &[Query] = &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")];
const DELETE: &[Query] =
    &[("dryRun", "string"), ("gracePeriodSeconds", "integer"), ("orphanDependents", "boolean"), ("propagationPolicy", "string")];
const LIST: &[Query] = &[
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
];

/// Every path of a group version. `strategic` says which kinds take strategic merge patches.
pub fn paths(version: &Version<'_>, strategic: impl Fn(&ResourceDef) -> bool) -> Vec<Path> {
    let base = version.path();
    let mut out = Vec::new();
    for def in &version.resources {
        let patches = if strategic(def) { PATCHES } else { PLAIN_PATCHES };
        let plural = &def.gvr.resource;
        let home = if def.namespaced { format!("{base}/namespaces/{{namespace}}/{plural}") } else { format!("{base}/{plural}") };
        if def.namespaced && def.allows("list") {
            out.push(Path {
                path: format!("{base}/{plural}"),
                named: false,
                namespaced: false,
                operations: vec![list(def, true)],
            });
        }
        out.push(Path { path: home.clone(), named: false, namespaced: def.namespaced, operations: collection(def) });
        out.push(Path {
            path: format!("{home}/{{name}}"),
            named: true,
            namespaced: def.namespaced,
            operations: item(def, patches),
        });
        for sub in &def.subresources {
            let path = format!("{home}/{{name}}/{}", sub.name);
            out.push(Path { path, named: true, namespaced: def.namespaced, operations: subresource(def, sub, patches) });
        }
    }
    out.retain(|p| !p.operations.is_empty());
    out
}

fn collection(def: &ResourceDef) -> Vec<Operation> {
    let mut out = Vec::new();
    let kind = def.gvk();
    if def.allows("list") {
        out.push(list(def, false));
    }
    if def.allows("create") {
        out.push(operation(def, "post", "post", "create", "", &kind, Body::Kind(kind.clone()), WRITE));
    }
    if def.allows("deletecollection") {
        let mut op =
            operation(def, "delete", "deletecollection", "deleteCollection", "", &kind, Body::Kind(delete_options()), DELETE);
        op.reply = Gvk::new("", "v1", "Status");
        out.push(op);
    }
    out
}

fn list(def: &ResourceDef, all_namespaces: bool) -> Operation {
    let mut op = operation(def, "get", "list", "list", "", &def.gvk(), Body::None, LIST);
    if all_namespaces {
        op.id = op.id.replacen("Namespaced", "", 1) + "ForAllNamespaces";
    }
    op.reply = Gvk::new(&*def.gvr.group, &*def.gvr.version, &*def.list_kind);
    op
}

fn item(def: &ResourceDef, patches: &'static [&'static str]) -> Vec<Operation> {
    let kind = def.gvk();
    let mut out = methods(def, &def.verbs, "", &kind, patches);
    if def.allows("delete") {
        let mut op = operation(def, "delete", "delete", "delete", "", &kind, Body::Kind(delete_options()), DELETE);
        op.reply = Gvk::new("", "v1", "Status");
        out.push(op);
    }
    out
}

fn subresource(def: &ResourceDef, sub: &Subresource, patches: &'static [&'static str]) -> Vec<Operation> {
    let mut out = methods(def, &sub.verbs, &sub.name, &sub.kind, patches);
    if sub.verbs.iter().any(|v| v == "create") {
        out.push(operation(def, "post", "post", "create", &sub.name, &sub.kind, Body::Kind(sub.kind.clone()), WRITE));
    }
    out
}

fn methods(def: &ResourceDef, verbs: &[String], sub: &str, kind: &Gvk, patches: &'static [&'static str]) -> Vec<Operation> {
    let allows = |verb: &str| verbs.iter().any(|v| v == verb);
    let mut out = Vec::new();
    if allows("get") {
        out.push(operation(def, "get", "get", "read", sub, kind, Body::None, &[]));
    }
    if allows("update") {
        out.push(operation(def, "put", "put", "replace", sub, kind, Body::Kind(kind.clone()), WRITE));
    }
    if allows("patch") {
        out.push(operation(def, "patch", "patch", "patch", sub, kind, Body::Patch(patches), WRITE));
    }
    out
}

#[allow(clippy::too_many_arguments)] // one row of a table per call
fn operation(
    def: &ResourceDef,
    method: &'static str,
    action: &'static str,
    verb: &str,
    sub: &str,
    kind: &Gvk,
    body: Body,
    query: &'static [Query],
) -> Operation {
    let (verb, collection) = match verb {
        "deleteCollection" => ("delete", "Collection"),
        other => (other, ""),
    };
    let group = if def.gvr.group.is_empty() { "core" } else { def.gvr.group.trim_end_matches(".k8s.io") };
    let scope = if def.namespaced { "Namespaced" } else { "" };
    let id = format!("{verb}{}{}{collection}{scope}{}{}", camel(group), camel(&def.gvr.version), def.kind, camel(sub));
    Operation { method, action, id, kind: kind.clone(), body, reply: kind.clone(), query }
}

fn delete_options() -> Gvk {
    Gvk::new("", "v1", "DeleteOptions")
}

fn camel(text: &str) -> String {
    let capital = |part: &str| part.get(..1).map(str::to_ascii_uppercase).unwrap_or_default() + part.get(1..).unwrap_or_default();
    text.split(['.', '-']).map(capital).collect()
}

/// `x-kubernetes-group-version-kind` of an operation.
pub fn kind_extension(kind: &Gvk) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

/// How an OpenAPI version writes things down.
pub trait Dialect {
    fn parameter(&self, name: &str, place: &str, kind: &str) -> Value;
    fn operation(&self, op: &Operation) -> Value;
}

/// The `paths` of a document.
pub fn render(paths: impl IntoIterator<Item = Path>, dialect: &impl Dialect) -> Value {
    let item = |path: &Path| {
        let mut item = Map::new();
        let places = [(path.named, "name"), (path.namespaced, "namespace")];
        let mut parameters: Vec<Value> =
            places.into_iter().filter(|(wanted, _)| *wanted).map(|(_, name)| dialect.parameter(name, "path", "string")).collect();
        parameters.push(dialect.parameter("pretty", "query", "string"));
        item.insert("parameters".into(), parameters.into());
        for op in &path.operations {
            item.insert(op.method.into(), dialect.operation(op));
        }
        Value::Object(item)
    };
    paths.into_iter().map(|path| (path.path.clone(), item(&path))).collect::<Map<_, _>>().into()
}

/// Which definition describes which kind, by the extension that every top-level definition carries.
pub struct Names {
    prefix: &'static str,
    names: BTreeMap<Gvk, String>,
}

impl Names {
    pub fn new(definitions: &Value, prefix: &'static str) -> Self {
        let text = |kind: &Value, key: &str| kind[key].as_str().unwrap_or_default().to_owned();
        let mut names = BTreeMap::new();
        for (name, definition) in definitions.as_object().into_iter().flatten() {
            for kind in definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
                names.insert(Gvk::new(text(kind, "group"), text(kind, "version"), text(kind, "kind")), name.clone());
            }
        }
        Self { prefix, names }
    }

    /// A reference to a kind's definition; a kind without one is any object.
    pub fn schema(&self, kind: &Gvk) -> Value {
        match self.names.get(kind) {
            Some(name) => json!({"$ref": format!("{}{name}", self.prefix)}),
            None => json!({"type": "object"}),
        }
    }
}
