//! Shapes and members: types, limits, and places on the wire.

use std::sync::OnceLock;

use regex::Regex;
use serde::Deserialize;
use serde_json::Number;

/// A shape's number in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ShapeId(u32);

impl ShapeId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShapeKind {
    Structure,
    List,
    Map,
    String,
    Blob,
    Boolean,
    Integer,
    Long,
    Float,
    Double,
    Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum TimestampFormat {
    #[serde(rename = "iso8601")]
    Iso8601,
    #[serde(rename = "rfc822")]
    Rfc822,
    #[serde(rename = "unixTimestamp")]
    UnixTimestamp,
}

/// Where a member travels when it is not in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Location {
    Uri,
    #[serde(rename = "querystring")]
    QueryString,
    Header,
    /// A map whose entries are headers that share a prefix.
    Headers,
    StatusCode,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    #[serde(default)]
    pub name: String,
    pub shape: ShapeId,
    pub location: Option<Location>,
    pub location_name: Option<String>,
    pub query_name: Option<String>,
    /// Prefix (if any) and URI.
    pub xml_namespace: Option<(Option<String>, String)>,
    pub timestamp_format: Option<TimestampFormat>,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub xml_attribute: bool,
    #[serde(default)]
    pub idempotency_token: bool,
    #[serde(default)]
    pub streaming: bool,
}

impl Member {
    /// The name on the wire, where the model gives none of its own.
    pub fn wire_name(&self) -> &str {
        self.location_name.as_deref().unwrap_or(&self.name)
    }
    /// The name of a list's item or of a map's key or value.
    pub(crate) fn item_name<'a>(&'a self, default: &'a str) -> &'a str {
        self.location_name.as_deref().unwrap_or(default)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ShapeKind,
    #[serde(default)]
    pub members: Vec<Member>,
    pub member: Option<Box<Member>>,
    pub key: Option<Box<Member>>,
    pub value: Option<Box<Member>>,
    /// The member that is the whole body.
    pub payload: Option<String>,
    #[serde(rename = "enum", default)]
    pub values: Vec<String>,
    pub pattern: Option<String>,
    pub min: Option<Number>,
    pub max: Option<Number>,
    pub timestamp_format: Option<TimestampFormat>,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(default)]
    pub exception: bool,
    #[serde(default)]
    pub union: bool,
    #[serde(default)]
    pub event_stream: bool,
    #[serde(default)]
    pub streaming: bool,
    error_code: Option<String>,
    pub error_status: Option<u16>,
    #[serde(default)]
    pub receiver_fault: bool,
    #[serde(skip)]
    regex: OnceLock<Option<Regex>>,
}

impl Shape {
    pub fn find(&self, member: &str) -> Option<&Member> {
        self.members.iter().find(|candidate| candidate.name == member)
    }
    /// The error's name on the wire.
    pub fn error_code(&self) -> &str {
        self.error_code.as_deref().unwrap_or(&self.name)
    }
    pub(super) fn references(&self) -> impl Iterator<Item = ShapeId> {
        let parts = [&self.member, &self.key, &self.value].into_iter().flatten().map(|part| part.shape);
        self.members.iter().map(|member| member.shape).chain(parts)
    }
    /// Whether the whole text fits the pattern. A pattern this engine cannot express (look-around) admits everything.
    pub(crate) fn fits_pattern(&self, text: &str) -> bool {
        self.compiled().is_none_or(|regex| regex.is_match(text))
    }
    pub(crate) fn compiled(&self) -> Option<&Regex> {
        let compile = || Regex::new(&format!("^(?:{})$", translate(self.pattern.as_deref()?))).ok();
        self.regex.get_or_init(compile).as_ref()
    }
}

/// Java's spellings in this engine's words: surrogate pairs (every character beyond the first plane), a hyphen after a class,
/// classes that are ASCII there, "not only blanks", and letters-blanks-digits, which widens a little to `\w\s`.
fn translate(pattern: &str) -> String {
    const SPELLINGS: [(&str, &str); 8] = [
        (r"\uD800\uDC00-\uDBFF\uDFFF", r"\x{10000}-\x{10FFFF}"),
        (r"\w-", r"\w\-"),
        (r"\w", r"[0-9A-Za-z_]"),
        (r"\d", r"[0-9]"),
        (r"\p{ASCII}", r"[\x00-\x7F]"),
        (r"(?!\s*$).+", r".*\S.*"),
        (r"\p{L}\p{Z}\p{N}", r"\w\s"),
        (r"\p{L}\p{N}\p{Z}", r"\w\s"),
    ];
    SPELLINGS.iter().fold(pattern.to_owned(), |text, (java, ours)| text.replace(java, ours))
}
