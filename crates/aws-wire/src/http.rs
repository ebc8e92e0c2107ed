//! A request and a reply, whole and in memory.

use ::http::{HeaderMap, HeaderName, HeaderValue, Method};
use bytes::Bytes;

/// A request as it came in: path and query still percent-encoded, headers in arrival order. An HTTP/2 server puts
/// `:authority` into `host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl HttpRequest {
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: String::new(), headers: HeaderMap::new(), body: Bytes::new() }
    }
    /// The header's first value, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
    pub fn set_header(&mut self, name: &'static str, value: &str) {
        put_header(&mut self.headers, name, value);
    }
    pub fn is_form(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.trim_start().starts_with("application/x-www-form-urlencoded"))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl HttpReply {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(::http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: body.into() }
    }
    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        put_header(&mut self.headers, name, value);
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A name or value that HTTP cannot carry (a line break in a header-bound member) is left out rather than split in two.
fn put_header(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
        headers.insert(name, value);
    }
}
