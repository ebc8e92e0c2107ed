//! `k8s-aws-v1.` tokens: a presigned GetCallerIdentity, in base64. The checks are aws-iam-authenticator's (pkg/token/token.go).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use form_urlencoded::parse as pairs;
use http::Method;
use jiff::Timestamp;

use crate::http::HttpRequest;
use crate::sigv4::{Credentials, Scope, parse_time, presign};

pub const PREFIX: &str = "k8s-aws-v1.";
/// The header that binds a token to a cluster.
pub const CLUSTER_HEADER: &str = "x-k8s-aws-id";
const MAX_BYTES: usize = 4096;
const MAX_EXPIRES: i64 = 900;
const MAX_AGE_SECONDS: i64 = 15 * 60;
const PARAMETERS: [&str; 9] = [
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Which STS hosts a token may name.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// `sts.amazonaws.com` and `sts.<region>.amazonaws.com`.
    pub region: String,
    /// The service's own endpoints, with their port where it is not 443.
    pub extra: Vec<String>,
}

impl Hosts {
    fn allow(&self, host: &str) -> bool {
        let regional = host.strip_prefix("sts.").and_then(|rest| rest.strip_suffix(".amazonaws.com"));
        host == "sts.amazonaws.com"
            || regional.is_some_and(|region| !region.is_empty() && region == self.region)
            || self.extra.iter().any(|extra| extra.eq_ignore_ascii_case(host))
    }
}

/// A token that may be taken to STS. What it proves is STS's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The host that the client signed.
    pub host: String,
    /// With `host`, the cluster header and `accept: application/json` set.
    pub request: HttpRequest,
    pub access_key_id: String,
    pub time: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("input token was not properly formatted: {0}")]
pub struct FormatError(String);

fn refuse<T>(reason: impl Into<String>) -> Result<T, FormatError> {
    Err(FormatError(reason.into()))
}

/// The request to hand to STS in the name of `cluster`.
pub fn inspect(token: &str, cluster: &str, hosts: &Hosts, now: Timestamp) -> Result<Token, FormatError> {
    if token.len() > MAX_BYTES {
        return refuse("token is too large");
    }
    let Some(encoded) = token.strip_prefix(PREFIX) else {
        return refuse(format!("token is missing expected \"{PREFIX}\" prefix"));
    };
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|e| FormatError(e.to_string()))?;
    let Some(url) = String::from_utf8(bytes).ok().filter(|url| url.bytes().all(|byte| byte.is_ascii_graphic())) else {
        return refuse("pre-signed URL is not a URL");
    };
    let (host, query) = split(&url, hosts)?;
    let parameters = parameters(query)?;
    let (access_key_id, time) = parameters.check(now)?;
    let mut request = HttpRequest::new(Method::GET, "/");
    request.query = query.to_owned();
    request.set_header("host", host);
    request.set_header("accept", "application/json");
    request.set_header(CLUSTER_HEADER, cluster);
    Ok(Token { host: host.to_owned(), request, access_key_id, time })
}

/// Host and query of `https://<host>/?<query>`; user names, other paths and fragments are refused.
fn split<'a>(url: &'a str, hosts: &Hosts) -> Result<(&'a str, &'a str), FormatError> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    if !scheme.eq_ignore_ascii_case("https") {
        return refuse(format!("unexpected scheme \"{scheme}\" in pre-signed URL"));
    }
    let (host, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if !hosts.allow(host) {
        return refuse(format!("unexpected hostname \"{host}\" in pre-signed URL"));
    }
    match tail.split_once('?') {
        Some(("/", query)) if !query.contains('#') => Ok((host, query)),
        _ => refuse("unexpected path in pre-signed URL"),
    }
}

/// How long the signature in a new token says it is good for. Clusters take a token for a quarter of an hour all the same.
const PRESIGNED_SECONDS: u32 = 60;

/// A token for `cluster`, as `aws eks get-token` makes it.
pub fn make(cluster: &str, region: &str, credentials: &Credentials, now: Timestamp) -> String {
    let host = format!("sts.{region}.amazonaws.com");
    let mut request = HttpRequest::new(Method::GET, "/");
    request.query = "Action=GetCallerIdentity&Version=2011-06-15".to_owned();
    request.set_header("host", &host);
    request.set_header(CLUSTER_HEADER, cluster);
    presign(&mut request, credentials, Scope { region, service: "sts", time: now }, PRESIGNED_SECONDS);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(format!("https://{host}/?{}", request.query)))
}

struct Parameters(Vec<(String, String)>);

fn parameters(query: &str) -> Result<Parameters, FormatError> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (key, value) in pairs(query.as_bytes()) {
        let lower = key.to_ascii_lowercase();
        if !PARAMETERS.contains(&lower.as_str()) {
            return refuse(format!("non-whitelisted query parameter \"{key}\""));
        }
        if found.iter().any(|(known, _)| *known == lower) {
            return refuse("query parameter with multiple values not supported");
        }
        found.push((lower, value.into_owned()));
    }
    Ok(Parameters(found))
}

impl Parameters {
    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn check(&self, now: Timestamp) -> Result<(String, Timestamp), FormatError> {
        if self.get("action") != "GetCallerIdentity" {
            return refuse("unexpected action parameter in pre-signed URL");
        }
        if !self.get("x-amz-signedheaders").split(';').any(|name| name.eq_ignore_ascii_case(CLUSTER_HEADER)) {
            return refuse(format!("client did not sign the {CLUSTER_HEADER} header in the pre-signed URL"));
        }
        let expires = self.get("x-amz-expires");
        if !expires.parse().is_ok_and(|seconds: i64| (0..=MAX_EXPIRES).contains(&seconds)) {
            return refuse(format!("invalid X-Amz-Expires parameter in pre-signed URL: {expires}"));
        }
        let date = self.get("x-amz-date");
        if date.is_empty() {
            return refuse("X-Amz-Date parameter must be present in pre-signed URL");
        }
        let Some(time) = parse_time(date) else {
            return refuse(format!("error parsing X-Amz-Date parameter {date}"));
        };
        if now.as_second() > time.as_second() + MAX_AGE_SECONDS {
            return refuse(format!("X-Amz-Date parameter is expired (15 minute expiration) {date}"));
        }
        let access_key_id = self.get("x-amz-credential").split('/').next().unwrap_or_default();
        Ok((access_key_id.to_owned(), time))
    }
}

#[cfg(test)]
mod tests;
