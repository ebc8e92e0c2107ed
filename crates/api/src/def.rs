//! What the machinery needs to know of a kind.

use meta::{Doc, FieldErrors, GroupResource, Gvk, Gvr, Time};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Pure functions over a document that has already been checked against its schema.
/// `default` must be idempotent; `validate_update` runs after `validate`.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// Upstream's `SetDefaults_*`.
    pub default: fn(&mut Doc),
    /// `PrepareForCreate`: drop what a creator may not set.
    pub prepare_create: fn(&mut Doc),
    /// `PrepareForUpdate`: (new, old).
    pub prepare_update: fn(&mut Doc, &Doc),
    pub validate: fn(&Doc, &mut FieldErrors),
    /// (new, old).
    pub validate_update: fn(&Doc, &Doc, &mut FieldErrors),
    /// (new, old), on the status subresource.
    pub validate_status: fn(&Doc, &Doc, &mut FieldErrors),
}

impl Hooks {
    /// Nothing beyond the schema.
    pub const NONE: Self = Self {
        default: |_| {},
        prepare_create: |_| {},
        prepare_update: |_, _| {},
        validate: |_, _| {},
        validate_update: |_, _, _| {},
        validate_status: |_, _, _| {},
    };
}

impl Default for Hooks {
    fn default() -> Self {
        Self::NONE
    }
}

/// Between a served version and the one it is stored as: pure rewrites of a whole document.
/// A request's own hooks run first; after `to_storage` those of the stored form run too.
#[derive(Clone, Copy, Debug)]
pub struct Conversion {
    pub to_storage: fn(Doc) -> Doc,
    pub from_storage: fn(Doc) -> Doc,
}

/// Which part of a new object counts as its spec, so that `metadata.generation` rises with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// The kind has none.
    Untracked,
    /// Everything but metadata and status.
    Spec,
}

/// A column of a `meta.k8s.io/v1 Table`.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: Cow<'static, str>,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: Cow<'static, str>,
    /// `name` for the column that holds the name, else usually empty.
    pub format: Cow<'static, str>,
    pub description: Cow<'static, str>,
    /// 0 is always shown, above only with `-o wide`.
    pub priority: u32,
    pub cell: Cell,
}

impl Column {
    pub fn new(name: impl Into<Cow<'static, str>>, kind: impl Into<Cow<'static, str>>, cell: Cell) -> Self {
        let (name, kind) = (name.into(), kind.into());
        Self { name, kind, format: "".into(), description: "".into(), priority: 0, cell }
    }
    pub fn format(mut self, format: impl Into<Cow<'static, str>>) -> Self {
        self.format = format.into();
        self
    }
    pub fn describe(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.description = description.into();
        self
    }
    pub fn priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }
    /// Only shown with `-o wide`.
    pub fn wide(self) -> Self {
        self.priority(1)
    }
    /// What the column says about a document at an hour.
    pub fn value(&self, doc: &Doc, now: Time) -> Doc {
        self.cell.value(doc, now)
    }
}

/// Reads a document at an hour.
pub type CellFn = dyn Fn(&Doc, Time) -> Doc + Send + Sync;

#[derive(Clone)]
pub enum Cell {
    Name,
    /// Time since creation.
    Age,
    /// The value at this JSON pointer; nothing there prints as null.
    At(&'static str),
    /// The text at this JSON pointer; nothing there, or an empty text, prints as the second text.
    Text(&'static str, &'static str),
    /// The number at this JSON pointer; nothing there prints as 0.
    Number(&'static str),
    /// How many members or elements are at this JSON pointer.
    Count(&'static str),
    Of(fn(&Doc, Time) -> Doc),
    /// For columns that are themselves data, such as a custom resource's.
    With(Arc<CellFn>),
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("Name"),
            Self::Age => f.write_str("Age"),
            Self::At(pointer) => write!(f, "At({pointer:?})"),
            Self::Text(pointer, _) => write!(f, "Text({pointer:?})"),
            Self::Number(pointer) => write!(f, "Number({pointer:?})"),
            Self::Count(pointer) => write!(f, "Count({pointer:?})"),
            Self::Of(_) => f.write_str("Of(..)"),
            Self::With(_) => f.write_str("With(..)"),
        }
    }
}

impl Cell {
    pub fn value(&self, doc: &Doc, now: Time) -> Doc {
        match self {
            Self::Name => doc["metadata"]["name"].as_str().unwrap_or_default().into(),
            Self::Age => crate::columns::since(&doc["metadata"]["creationTimestamp"], now).into(),
            Self::At(pointer) => doc.pointer(pointer).cloned().unwrap_or(Doc::Null),
            Self::Text(pointer, otherwise) => match crate::columns::text(doc, pointer) {
                "" => (*otherwise).into(),
                text => text.into(),
            },
            Self::Number(pointer) => crate::columns::number(doc, pointer).into(),
            Self::Count(pointer) => crate::columns::count(doc, pointer).into(),
            Self::Of(cell) => cell(doc, now),
            Self::With(cell) => cell(doc, now),
        }
    }
}

/// Where the scale subresource finds its numbers: JSON pointers.
#[derive(Clone, Copy, Debug)]
pub struct ScalePaths {
    pub replicas: &'static str,
    pub status_replicas: &'static str,
    /// A `LabelSelector` document or a plain map.
    pub selector: &'static str,
}

#[derive(Clone, Debug)]
pub struct Subresource {
    pub name: String,
    /// The kind it takes and returns.
    pub kind: Gvk,
    pub verbs: Vec<String>,
}

/// What a kind's objects are found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexed {
    /// Every label that is there with its value.
    Labels,
    /// A selectable field.
    Field(&'static str),
}

/// A served kind. Built-ins, custom resources and cloud records are all values of this type.
#[derive(Clone, Debug)]
pub struct ResourceDef {
    pub gvr: Gvr,
    pub kind: String,
    pub singular: String,
    pub list_kind: String,
    pub namespaced: bool,
    pub verbs: Vec<String>,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub subresources: Vec<Subresource>,
    pub hooks: Hooks,
    pub columns: Vec<Column>,
    /// Fields that field selectors may name beside metadata.name and metadata.namespace, e.g. `spec.nodeName`.
    pub selectable: Arc<[&'static str]>,
    /// What singles out few objects of many: a list by one of these does not look at the rest.
    pub indexed: Vec<Indexed>,
    pub scale: Option<ScalePaths>,
    /// Which names are valid; default: DNS subdomain.
    pub name_check: fn(&str) -> Vec<String>,
    /// Encrypted at rest.
    pub sensitive: bool,
    /// Whether `metadata.generation` rises when the spec changes.
    pub generation: Generation,
    /// A creator may set the status (Node); elsewhere it is dropped.
    pub keeps_status_on_create: bool,
    /// PUT of an unknown name creates it (Lease, Endpoints, Event ...).
    pub create_on_update: bool,
    /// PUT without a resourceVersion overwrites (most kinds; not Service, CRD ...).
    pub unconditional_update: bool,
    /// The version and resource it is stored as, when not its own: autoscaling/v1 -> v2, events.k8s.io -> core.
    pub stored_as: Option<Gvr>,
    /// Set exactly when `stored_as` is.
    pub convert: Option<Conversion>,
}

impl ResourceDef {
    pub fn gvk(&self) -> Gvk {
        Gvk::new(&*self.gvr.group, &*self.gvr.version, &*self.kind)
    }
    pub fn group_resource(&self) -> GroupResource {
        self.gvr.group_resource()
    }
    pub fn api_version(&self) -> String {
        self.gvr.api_version()
    }
    pub fn allows(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|s| s.name == name)
    }
    pub fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }
    pub fn storage(&self) -> &Gvr {
        self.stored_as.as_ref().unwrap_or(&self.gvr)
    }
    /// The apiVersion of stored objects.
    pub fn storage_version(&self) -> String {
        self.storage().api_version()
    }
}
