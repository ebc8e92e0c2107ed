//! Making signatures: the key ladder, headers, presigned URLs.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign as hmac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::canonical::{Canonical, UNSIGNED_PAYLOAD, hex, sha256_hex};
use super::{ALGORITHM, print_time};
use crate::http::HttpRequest;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[derive(Clone)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Where and when a signature holds.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    pub region: &'a str,
    /// The signing name.
    pub service: &'a str,
    pub time: Timestamp,
}

impl Scope<'_> {
    fn day(&self) -> String {
        self.time.strftime("%Y%m%d").to_string()
    }
    fn credential(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.day(), self.region, self.service)
    }
}

/// Adds `X-Amz-Date`, the session token and `Authorization`. The request must carry its `host` header; every header it has
/// is signed.
pub fn sign(request: &mut HttpRequest, credentials: &Credentials, scope: Scope<'_>) {
    request.set_header("x-amz-date", &print_time(scope.time));
    if let Some(token) = &credentials.session_token {
        request.set_header("x-amz-security-token", token);
    }
    let payload_hash = match request.header("x-amz-content-sha256") {
        Some(stated) => stated.to_owned(),
        None => sha256_hex(&request.body),
    };
    let signed_headers = sorted_headers(request);
    let canonical =
        Canonical { request, service: scope.service, signed_headers: &signed_headers, host: None, payload_hash: &payload_hash };
    let signature = signature(&credentials.secret_access_key, &print_time(scope.time), &scope.day(), scope, &canonical.text());
    let names = signed_headers.join(";");
    let credential = format!("{}/{}", credentials.access_key_id, scope.credential());
    let value = format!("{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}");
    request.set_header("authorization", &value);
}

/// Adds the signature to the query string, good for `expires` seconds.
pub fn presign(request: &mut HttpRequest, credentials: &Credentials, scope: Scope<'_>, expires: u32) {
    let signed_headers = sorted_headers(request);
    let credential = format!("{}/{}", credentials.access_key_id, scope.credential());
    let (time, expires, names) = (print_time(scope.time), expires.to_string(), signed_headers.join(";"));
    let mut added = vec![
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", &time),
        ("X-Amz-Expires", &expires),
        ("X-Amz-SignedHeaders", &names),
    ];
    added.extend(credentials.session_token.as_deref().map(|token| ("X-Amz-Security-Token", token)));
    added.iter().for_each(|(key, value)| push(&mut request.query, key, value));
    let payload_hash = if scope.service == "s3" { UNSIGNED_PAYLOAD.to_owned() } else { sha256_hex(&request.body) };
    let canonical =
        Canonical { request, service: scope.service, signed_headers: &signed_headers, host: None, payload_hash: &payload_hash };
    let signature = signature(&credentials.secret_access_key, &time, &scope.day(), scope, &canonical.text());
    push(&mut request.query, "X-Amz-Signature", &signature);
}

fn push(query: &mut String, key: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(&format!("{key}={}", utf8_percent_encode(value, UNRESERVED)));
}

fn sorted_headers(request: &HttpRequest) -> Vec<String> {
    let mut names: Vec<String> = request.headers.keys().map(|name| name.as_str().to_owned()).collect();
    names.retain(|name| name != "authorization");
    names.sort();
    names
}

/// `day` is the scope's own, which on the server comes from the client.
pub(super) fn signature(secret: &str, time: &str, day: &str, scope: Scope<'_>, canonical: &str) -> String {
    let step = |key: &[u8], data: &str| hmac(&Key::new(HMAC_SHA256, key), data.as_bytes());
    let by_day = step(format!("AWS4{secret}").as_bytes(), day);
    let by_region = step(by_day.as_ref(), scope.region);
    let by_service = step(by_region.as_ref(), scope.service);
    let key = step(by_service.as_ref(), "aws4_request");
    let credential = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!("{ALGORITHM}\n{time}\n{credential}\n{}", sha256_hex(canonical.as_bytes()));
    hex(step(key.as_ref(), &to_sign).as_ref())
}
