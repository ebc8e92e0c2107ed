//! A request and its reply, independent of HTTP.

use meta::{Doc, Gvr, Object};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    pub const ALL: [Verb; 8] =
        [Self::Get, Self::List, Self::Watch, Self::Create, Self::Update, Self::Patch, Self::Delete, Self::DeleteCollection];

    /// As RBAC rules and audit records write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }
}

/// What a call is about. Empty strings mean: all namespaces or cluster scope, no name, no subresource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub resource: Gvr,
    pub namespace: String,
    pub name: String,
    pub subresource: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchKind {
    Json,
    Merge,
    Strategic,
}

#[derive(Clone, Debug, Default)]
pub enum Body {
    #[default]
    Empty,
    Doc(Doc),
    Patch(PatchKind, Doc),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionMatch {
    Exact,
    NotOlderThan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    Orphan,
    Background,
    Foreground,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    pub uid: Option<String>,
    pub resource_version: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    pub grace_period_seconds: Option<i64>,
    pub propagation: Option<Propagation>,
    pub preconditions: Preconditions,
}

/// Query parameters, all verbs together.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub label_selector: String,
    pub field_selector: String,
    /// 0 = no limit.
    pub limit: usize,
    pub continue_token: String,
    /// Empty, `"0"`, or a revision.
    pub resource_version: String,
    pub version_match: Option<VersionMatch>,
    pub timeout_seconds: Option<u64>,
    pub allow_bookmarks: bool,
    pub send_initial_events: Option<bool>,
    pub dry_run: bool,
    pub field_manager: String,
    /// Empty, `Ignore`, `Warn` or `Strict`.
    pub field_validation: String,
    /// Duplicate fields that the decoder saw in the raw body, as `duplicate field "a.b"`.
    pub duplicate_fields: Vec<String>,
    pub delete: DeleteOptions,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub verb: Verb,
    pub target: Target,
    pub body: Body,
    pub options: Options,
}

impl Call {
    pub fn new(verb: Verb, resource: Gvr, namespace: &str, name: &str) -> Self {
        let target = Target { resource, namespace: namespace.into(), name: name.into(), subresource: String::new() };
        Self { verb, target, body: Body::Empty, options: Options::default() }
    }
    pub fn subresource(mut self, subresource: &str) -> Self {
        self.target.subresource = subresource.into();
        self
    }
    pub fn body(mut self, doc: Doc) -> Self {
        self.body = Body::Doc(doc);
        self
    }
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }
}

/// Objects of a list, shared with the cache they came from.
#[derive(Clone, Debug, Default)]
pub struct List {
    pub items: Vec<Arc<Object>>,
    pub revision: u64,
    pub continue_token: String,
    pub remaining: Option<u64>,
}

#[derive(Clone, Debug)]
pub enum ReplyBody {
    Object(Arc<Object>),
    List(List),
    /// A document that is no stored object: a review, a scale, a `Status` of success.
    Doc(Doc),
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub body: ReplyBody,
    /// 200 unless said otherwise.
    pub code: u16,
    /// Texts for `Warning: 299` headers.
    pub warnings: Vec<String>,
}

impl Reply {
    pub fn new(body: ReplyBody) -> Self {
        Self { body, code: 200, warnings: Vec::new() }
    }
    pub fn with_code(mut self, code: u16) -> Self {
        self.code = code;
        self
    }
}
