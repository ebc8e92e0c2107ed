//! The committed tables of the supported minors, parsed once per process and shared.

use crate::resource::ResourceFacts;
use crate::types::{Facts, Field, ListType, MapType, Node, PatchStrategy, Shape, Type, TypeId, Types};
use meta::Gvk;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, OnceLock};

/// What one Kubernetes minor publishes: structures and resources. Immutable.
#[derive(Debug)]
pub struct Schema {
    minor: u32,
    types: Types,
    resources: Vec<ResourceFacts>,
    disabled: Vec<ResourceFacts>,
    by_kind: HashMap<Gvk, TypeId>,
    by_name: HashMap<Box<str>, TypeId>,
}

/// Kubernetes minors with a table, oldest first.
pub const MINORS: [u32; 4] = [34, 35, 36, 37];

static TABLES: [&[u8]; 4] = [
    include_bytes!("../tables/v1.34.json.gz"),
    include_bytes!("../tables/v1.35.json.gz"),
    include_bytes!("../tables/v1.36.json.gz"),
    include_bytes!("../tables/v1.37.json.gz"),
];
/// Facts compiled into the program, unpacked at most once: not state, since nothing ever changes them.
static PARSED: [OnceLock<Arc<Schema>>; 4] = [const { OnceLock::new() }; 4];

const SCHEMA_PROPS: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

#[derive(Deserialize)]
struct Table {
    minor: u32,
    types: Vec<TypeRow>,
    resources: Vec<ResourceFacts>,
}
#[derive(Deserialize)]
struct TypeRow {
    n: Box<str>,
    f: Vec<FieldRow>,
    #[serde(default)]
    g: Vec<(String, String, String)>,
    #[serde(default)]
    m: String,
    #[serde(default)]
    u: bool,
}
type FieldRow = (Box<str>, String, String, Box<[u32]>, Option<Extensions>);
#[derive(Default, Deserialize)]
#[serde(default)]
struct Extensions {
    lt: String,
    lk: Vec<Box<str>>,
    mt: String,
    ps: String,
    mk: Option<Box<str>>,
    d: Option<Value>,
    r#in: Option<Box<str>>,
}

impl Schema {
    /// The table of `1.<minor>`, or `None` for a minor that is not supported.
    pub fn minor(minor: u32) -> Option<Arc<Schema>> {
        let at = MINORS.iter().position(|m| *m == minor)?;
        let schema = PARSED[at].get_or_init(|| Arc::new(parse(TABLES[at]).expect("committed tables are read by the tests")));
        Some(schema.clone())
    }

    pub fn version(&self) -> u32 {
        self.minor
    }
    pub fn types(&self) -> &Types {
        &self.types
    }
    /// Served resources, in the order of aggregated discovery.
    pub fn resources(&self) -> &[ResourceFacts] {
        &self.resources
    }
    /// Resources that are off by default: alpha and beta versions.
    pub fn disabled_resources(&self) -> &[ResourceFacts] {
        &self.disabled
    }
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<&ResourceFacts> {
        self.resources.iter().find(|r| r.plural == plural && r.group == group && r.version == version)
    }
    pub fn kind_type(&self, gvk: &Gvk) -> Option<TypeId> {
        self.by_kind.get(gvk).copied()
    }
    /// By OpenAPI name, `io.k8s.api.core.v1.PodSpec`.
    pub fn named_type(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }
    /// `metav1.ObjectMeta`.
    pub fn object_meta(&self) -> TypeId {
        self.by_name["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]
    }
}

fn parse(gzip: &[u8]) -> Result<Schema, String> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(gzip).read_to_end(&mut text).map_err(|e| e.to_string())?;
    let table: Table = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    let mut types = Types::default();
    let by_name: HashMap<Box<str>, TypeId> = table.types.iter().map(|row| (row.n.clone(), types.push(Type::default()))).collect();
    let mut by_kind = HashMap::new();
    for row in table.types {
        let id = by_name[&row.n];
        let kinds: Vec<Gvk> = row.g.into_iter().map(|(g, v, k)| Gvk::new(g, v, k)).collect();
        by_kind.extend(kinds.iter().map(|kind| (kind.clone(), id)));
        let fields = row.f.into_iter().map(|f| field(f, &by_name)).collect::<Result<_, String>>()?;
        let (atomic, published) = (row.m == "atomic", !row.u);
        types.set(id, Type { name: row.n, fields, kinds, typed: true, published, preserve_unknown: false, atomic });
    }
    let (resources, disabled) = table.resources.into_iter().partition(|r| r.served);
    Ok(Schema { minor: table.minor, types, resources, disabled, by_kind, by_name })
}

fn field((name, ty, flags, proto, extensions): FieldRow, names: &HashMap<Box<str>, TypeId>) -> Result<Field, String> {
    let mut node = node(&ty, names)?;
    let mut extensions = extensions;
    let inlined = extensions.as_mut().and_then(|e| e.r#in.take());
    node.facts = extensions.and_then(facts).map(Box::new);
    let has = |flag| flags.contains(flag);
    Ok(Field { name, node, pointer: has('p'), omitempty: has('o'), required: has('r'), proto, inlined })
}

/// None when the extensions said nothing about merging.
fn facts(e: Extensions) -> Option<Facts> {
    let list = match e.lt.as_str() {
        "atomic" => ListType::Atomic,
        "set" => ListType::Set,
        "map" => ListType::Map,
        _ => ListType::Unset,
    };
    let map = match e.mt.as_str() {
        "atomic" => MapType::Atomic,
        "granular" => MapType::Granular,
        _ => MapType::Unset,
    };
    let strategy = |word| e.ps.split(',').any(|s| s == word);
    let patch = PatchStrategy { merge: strategy("merge"), replace: strategy("replace"), retain_keys: strategy("retainKeys") };
    let facts = Facts { list, keys: e.lk, map, patch, merge_key: e.mk, default: e.d, nullable: false };
    (facts != Facts::default()).then_some(facts)
}

/// Reads `<v1.Name>[]T`: an optional Go name, then a list, a map, a leaf or a structure.
fn node(text: &str, names: &HashMap<Box<str>, TypeId>) -> Result<Node, String> {
    if let Some((name, rest)) = text.strip_prefix('<').and_then(|t| t.split_once('>')) {
        let inner = node(rest, names)?;
        let message = name.starts_with('!');
        return Ok(Node { go: Some(name.trim_start_matches('!').into()), message, ..inner });
    }
    let inner = |rest| Ok::<_, String>(Box::new(node(rest, names)?));
    let props = || names.get(SCHEMA_PROPS).copied().ok_or("no JSONSchemaProps");
    let shape = match text {
        "string" => Shape::String,
        "int32" => Shape::Int32,
        "int64" => Shape::Int64,
        "bool" => Shape::Bool,
        "double" => Shape::Double,
        "bytes" => Shape::Bytes,
        "time" => Shape::Time,
        "microtime" => Shape::MicroTime,
        "duration" => Shape::Duration,
        "quantity" => Shape::Quantity,
        "intorstring" => Shape::IntOrString,
        "rawextension" => Shape::RawExtension,
        "fieldsv1" => Shape::FieldsV1,
        "json" => Shape::Json,
        "schemaorbool" => Shape::SchemaOrBool(props()?),
        "schemaorarray" => Shape::SchemaOrArray(props()?),
        "schemaorstrings" => Shape::SchemaOrStrings(props()?),
        _ => match (text.strip_prefix("[]"), text.strip_prefix("{}")) {
            (Some(item), _) => Shape::List(inner(item)?),
            (_, Some(value)) => Shape::Map(inner(value)?),
            _ => Shape::Object(*names.get(text).ok_or_else(|| format!("unknown type {text}"))?),
        },
    };
    Ok(Node::new(shape))
}
