//! Answers one instance. Its records are read anew for each request: addresses and interfaces come and go.

use super::credentials::{CredentialCache, InstanceCredentials};
use super::metadata::Metadata;
use super::token::Tokens;
use super::tree::Found;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use meta::time::SharedClock;
use serde_json::json;
use serve::{Body, Handler, Peer, RequestBody, full};
use std::sync::Arc;

const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";
const TTL_HEADER: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
/// A proxy that does not know what it forwards adds this: such a request is not the instance's own.
const FORWARDED_HEADER: &str = "x-forwarded-for";
const MAX_PATH_BYTES: usize = 1024;

/// What the instance is right now. None: it is gone.
pub type MetadataSource = Arc<dyn Fn() -> Option<Metadata> + Send + Sync>;

pub(crate) struct Imds {
    source: MetadataSource,
    credentials: CredentialCache,
    tokens: Tokens,
    clock: SharedClock,
}

/// A status and, if it is a success, what the body is.
enum Answer {
    Text(Vec<u8>),
    Json(serde_json::Value),
    Token { token: String, ttl: i64 },
    Failure(u16),
}

impl Imds {
    pub fn new(source: MetadataSource, issuer: Arc<dyn InstanceCredentials>, clock: SharedClock) -> Result<Self, String> {
        Ok(Self { source, credentials: CredentialCache::new(issuer), tokens: Tokens::new()?, clock })
    }

    async fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Answer {
        if path.len() > MAX_PATH_BYTES {
            return Answer::Failure(414);
        }
        // `/latest/...` and every published version answer alike.
        let (version, path) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        match *method {
            Method::PUT if path == "api/token" => self.token(headers),
            Method::GET | Method::HEAD => {
                let token = headers.get(TOKEN_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
                if !self.tokens.is_valid(token, self.clock.now()) {
                    return Answer::Failure(401);
                }
                self.read(version, path).await
            }
            _ => Answer::Failure(405),
        }
    }

    fn token(&self, headers: &HeaderMap) -> Answer {
        if headers.contains_key(FORWARDED_HEADER) {
            return Answer::Failure(403);
        }
        let ttl = headers.get(&TTL_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match self.tokens.issue(ttl, self.clock.now()) {
            Some((token, ttl)) => Answer::Token { token, ttl },
            None => Answer::Failure(400),
        }
    }

    async fn read(&self, version: &str, path: &str) -> Answer {
        let known = version == "latest" || version.starts_with(|c: char| c.is_ascii_digit());
        let Some(metadata) = (self.source)() else { return Answer::Failure(503) };
        let text = |text: &str| Answer::Text(text.as_bytes().to_vec());
        match path.trim_end_matches('/') {
            _ if version.is_empty() => text("latest"),
            _ if !known => Answer::Failure(404),
            "" => text(if metadata.user_data.is_empty() { "dynamic\nmeta-data" } else { "dynamic\nmeta-data\nuser-data" }),
            "user-data" if !metadata.user_data.is_empty() => Answer::Text(metadata.user_data),
            "dynamic" => text("instance-identity/"),
            "dynamic/instance-identity" => text("document"),
            "dynamic/instance-identity/document" => Answer::Json(metadata.identity_document()),
            "meta-data" => self.meta_data(&metadata, "").await,
            path => match path.strip_prefix("meta-data/") {
                Some(path) => self.meta_data(&metadata, path).await,
                None => Answer::Failure(404),
            },
        }
    }

    async fn meta_data(&self, metadata: &Metadata, path: &str) -> Answer {
        let role = metadata.role_name();
        match path.strip_prefix("iam") {
            Some("" | "/") if !role.is_empty() => Answer::Text(b"info\nsecurity-credentials/".to_vec()),
            Some("/info") => match metadata.iam_info(&self.clock.now().to_string()) {
                Some(info) => Answer::Json(info),
                None => Answer::Failure(404),
            },
            Some("/security-credentials") if !role.is_empty() => Answer::Text(role.as_bytes().to_vec()),
            Some(rest) => match rest.strip_prefix("/security-credentials/") {
                Some(name) if name == role && !role.is_empty() => self.role_credentials(metadata).await,
                _ => Answer::Failure(404),
            },
            None => {
                let mut tree = metadata.tree();
                if !role.is_empty() {
                    tree.add("iam/info", ""); // for the listing at the top
                }
                match tree.find(path) {
                    Some(Found::Value(text) | Found::Listing(text)) => Answer::Text(text.into_bytes()),
                    None => Answer::Failure(404),
                }
            }
        }
    }

    async fn role_credentials(&self, metadata: &Metadata) -> Answer {
        match self.credentials.get(&metadata.role_arn, &metadata.instance_id, self.clock.now()).await {
            Ok(issued) => Answer::Json(json!({
                "Code": "Success", "LastUpdated": issued.at.to_string(), "Type": "AWS-HMAC",
                "AccessKeyId": issued.credentials.access_key_id, "SecretAccessKey": issued.credentials.secret_access_key,
                "Token": issued.credentials.session_token, "Expiration": issued.credentials.expiration.to_string(),
            })),
            Err(why) => {
                tracing::warn!(instance = metadata.instance_id, %why, "no credentials for an instance's role");
                Answer::Json(json!({
                    "Code": "AssumeRoleUnauthorizedAccess", "LastUpdated": self.clock.now().to_string(),
                    "Message": "EC2 cannot assume the role of this instance. Verify its trust relationship.",
                }))
            }
        }
    }
}

#[async_trait::async_trait]
impl Handler for Imds {
    async fn handle(&self, _: &Peer, request: Request<RequestBody>) -> Response<Body> {
        let answer = self.answer(request.method(), request.uri().path(), request.headers()).await;
        let mut response = respond(answer);
        if request.method() == Method::HEAD {
            response = response.map(|_| full(Vec::new()));
        }
        response
    }
}

fn respond(answer: Answer) -> Response<Body> {
    let (code, content_type, body) = match &answer {
        Answer::Text(bytes) => (200, "text/plain", bytes.clone()),
        Answer::Json(doc) => (200, "text/plain", format!("{doc:#}").into_bytes()),
        Answer::Token { token, .. } => (200, "text/plain", token.clone().into_bytes()),
        Answer::Failure(code) => (*code, "text/html", failure_page(*code).into_bytes()),
    };
    let mut response = Response::new(full(body));
    // Codes are constants of this file: always valid.
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Answer::Token { ttl, .. } = answer {
        response.headers_mut().insert(TTL_HEADER, HeaderValue::from(ttl));
    }
    response
}

fn failure_page(code: u16) -> String {
    let title = http::StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason()).unwrap_or_default();
    format!("<html><head><title>{code} - {title}</title></head><body><h1>{code} - {title}</h1></body></html>\n")
}

#[cfg(test)]
mod tests;
