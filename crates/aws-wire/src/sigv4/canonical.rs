//! The canonical request: what both sides hash.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};

use crate::http::HttpRequest;

pub(super) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

pub(super) struct Canonical<'a> {
    pub request: &'a HttpRequest,
    pub service: &'a str,
    pub signed_headers: &'a [String],
    /// In place of the `host` header.
    pub host: Option<&'a str>,
    pub payload_hash: &'a str,
}

impl Canonical<'_> {
    pub fn text(&self) -> String {
        let headers: String = self.signed_headers.iter().map(|name| format!("{name}:{}\n", self.header(name))).collect();
        let names = self.signed_headers.join(";");
        let (path, query) = (path(&self.request.path, self.service), query(&self.request.query));
        format!("{}\n{path}\n{query}\n{headers}\n{names}\n{}", self.request.method, self.payload_hash)
    }

    /// All values of a header, trimmed, inner spaces collapsed, joined by commas.
    fn header(&self, name: &str) -> String {
        if let (Some(host), "host") = (self.host, name) {
            return host.to_owned();
        }
        let values = self.request.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        values.map(|value| collapse(&value)).collect::<Vec<_>>().join(",")
    }
}

fn collapse(value: &str) -> String {
    value.split(' ').map(str::trim).filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(" ")
}

/// S3 signs the path once encoded and as it stands; every other service signs it normalized and encoded twice.
fn path(raw: &str, service: &str) -> String {
    if service == "s3" {
        let decoded = percent_decode_str(raw).collect::<Vec<u8>>();
        return percent_encode(&decoded, PATH).to_string();
    }
    utf8_percent_encode(&normalize(raw), PATH).to_string()
}

/// Without empty, `.` and `..` segments (RFC 3986 section 6.2.2.3, plus merged slashes).
fn normalize(raw: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let tail = if raw.ends_with('/') || raw.ends_with("/.") || raw.ends_with("/..") { "/" } else { "" };
    if kept.is_empty() { "/".to_owned() } else { format!("/{}{tail}", kept.join("/")) }
}

/// Decoded, encoded again in the one way there is, sorted; without the signature itself.
fn query(raw: &str) -> String {
    let encode = |text: &str| {
        let text = text.replace('+', " ");
        let decoded: Cow<'_, [u8]> = percent_decode_str(&text).into();
        percent_encode(&decoded, UNRESERVED).to_string()
    };
    let pairs = raw.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut encoded: Vec<(String, String)> = pairs.map(|(key, value)| (encode(key), encode(value))).collect();
    encoded.retain(|(key, _)| key != "X-Amz-Signature");
    encoded.sort();
    encoded.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
