//! Field paths and validation errors, worded as k8s.io/apimachinery `pkg/util/validation/field` words them.

use serde_json::{Value, json};
use std::fmt;

/// `spec.containers[0].name`, `metadata.labels[app]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    pub fn new(root: &str) -> Self {
        Self(root.to_owned())
    }
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}.{name}", self.0)) }
    }
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "<nil>" } else { &self.0 })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    NotFound,
    Required,
    Duplicate,
    Invalid,
    NotSupported,
    Forbidden,
    TooLong,
    TooMany,
    InternalError,
    TypeInvalid,
}

impl ErrorKind {
    fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::InternalError => "InternalError",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }
    fn words(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::InternalError => "Internal error",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    pub kind: ErrorKind,
    pub path: Path,
    pub value: Value,
    pub detail: String,
}

impl FieldError {
    /// Everything after `path: `.
    pub fn body(&self) -> String {
        let words = self.kind.words();
        let shown = match self.kind {
            ErrorKind::Required | ErrorKind::Forbidden | ErrorKind::TooLong | ErrorKind::InternalError => words.to_owned(),
            ErrorKind::TooMany if self.value.is_null() => words.to_owned(),
            _ => format!("{words}: {}", go_value(&self.value)),
        };
        if self.detail.is_empty() { shown } else { format!("{shown}: {}", self.detail) }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.body())
    }
}

/// Prints a value as Go's `%#v`-based field errors do: strings quoted, numbers and booleans bare, the rest as JSON.
fn go_value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Null => "null".into(),
        other => other.to_string(),
    }
}

/// What validation collects. An empty list means valid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn push(&mut self, kind: ErrorKind, path: &Path, value: Value, detail: impl Into<String>) {
        self.0.push(FieldError { kind, path: path.clone(), value, detail: detail.into() });
    }
    pub fn required(&mut self, path: &Path, detail: impl Into<String>) {
        self.push(ErrorKind::Required, path, Value::Null, detail);
    }
    pub fn invalid(&mut self, path: &Path, value: impl Into<Value>, detail: impl Into<String>) {
        self.push(ErrorKind::Invalid, path, value.into(), detail);
    }
    pub fn forbidden(&mut self, path: &Path, detail: impl Into<String>) {
        self.push(ErrorKind::Forbidden, path, Value::Null, detail);
    }
    pub fn duplicate(&mut self, path: &Path, value: impl Into<Value>) {
        self.push(ErrorKind::Duplicate, path, value.into(), "");
    }
    pub fn not_found(&mut self, path: &Path, value: impl Into<Value>) {
        self.push(ErrorKind::NotFound, path, value.into(), "");
    }
    /// Names the allowed values, sorted by the caller as upstream sorts them.
    pub fn not_supported(&mut self, path: &Path, value: impl Into<Value>, allowed: &[&str]) {
        let quoted: Vec<String> = allowed.iter().map(|a| format!("{a:?}")).collect();
        self.push(ErrorKind::NotSupported, path, value.into(), format!("supported values: {}", quoted.join(", ")));
    }
    pub fn too_long(&mut self, path: &Path, max_bytes: usize) {
        self.push(ErrorKind::TooLong, path, Value::Null, format!("may not be more than {max_bytes} bytes"));
    }
    pub fn immutable(&mut self, path: &Path, value: impl Into<Value>) {
        self.invalid(path, value, "field is immutable");
    }
    /// `utilerrors.Aggregate`: one error bare, several in brackets, repetitions once.
    pub fn aggregate(&self) -> String {
        let mut seen: Vec<String> = Vec::new();
        for text in self.0.iter().map(ToString::to_string) {
            if !seen.contains(&text) {
                seen.push(text);
            }
        }
        if seen.len() == 1 { seen.remove(0) } else { format!("[{}]", seen.join(", ")) }
    }
    pub fn causes(&self) -> Value {
        self.0.iter().map(|e| json!({ "reason": e.kind.reason(), "message": e.body(), "field": e.path.as_str() })).collect()
    }
}
