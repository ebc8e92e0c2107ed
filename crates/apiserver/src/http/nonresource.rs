//! Everything that is no resource: discovery, OpenAPI, version, health, keys.

use super::request::Asked;
use super::{HttpHandler, health, reply};
use ::http::header::{ACCEPT, IF_NONE_MATCH};
use ::http::{Method, Request, Response};
use auth::Attributes;
use meta::status::Result;
use meta::{Status, User};
use serde_json::json;
use serve::Body;
use wire::openapi::{V2_PROTOBUF, wants_protobuf};
use wire::{Endpoint, Shape};

impl HttpHandler {
    pub(super) fn other<B>(&self, user: &User, path: &str, request: &Request<B>, asked: &Asked) -> Result<Response<Body>> {
        let verb = request.method().as_str().to_ascii_lowercase();
        self.server.decide(&Attributes::path(user, &verb, path))?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Status::no_such_path());
        }
        let header = |name| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let known = header(IF_NONE_MATCH);
        let server = &self.server;
        match path.trim_end_matches('/') {
            "" => Ok(reply::json(&json!({ "paths": server.published.paths() }), asked)),
            "/version" => Ok(reply::json(&server.version(), asked)),
            "/healthz" | "/livez" | "/readyz" => Ok(health::answer(server, path, request.uri().query().unwrap_or_default())),
            check if health::is_check(check) => Ok(health::one(server, check)),
            "/metrics" => Ok(reply::text(200, server.metrics())),
            "/openapi/v2" => {
                let v2 = server.published.openapi.v2();
                let (document, content_type) =
                    if wants_protobuf(header(ACCEPT)) { (&v2.protobuf, V2_PROTOBUF) } else { (&v2.json, "application/json") };
                Ok(reply::prepared(document, content_type, known))
            }
            "/openapi/v3" => Ok(reply::prepared(server.published.openapi.index(), "application/json", known)),
            "/.well-known/openid-configuration" => Ok(reply::json(&server.openid_configuration(), asked)),
            "/openid/v1/jwks" => Ok(reply::json(&server.authenticators.issuer.jwks(), asked)),
            path => match path.strip_prefix("/openapi/v3/") {
                Some(version) => {
                    let (document, _) = server.published.openapi.v3(version).ok_or_else(Status::no_such_path)?;
                    Ok(reply::prepared(document, "application/json", known))
                }
                None => self.discovery(path, asked, known),
            },
        }
    }

    fn discovery(&self, path: &str, asked: &Asked, known: &str) -> Result<Response<Body>> {
        let aggregated = matches!(path, "/api" | "/apis");
        let encoding = asked.encoding(if aggregated { Endpoint::Discovery } else { Endpoint::Plain })?;
        let document = self.server.published.discovery.get(path, encoding.shape).ok_or_else(Status::no_such_path)?;
        if encoding.shape == Shape::Discovery || encoding.is_plain_json() {
            return Ok(reply::prepared(document, &encoding.content_type(), known));
        }
        let doc = serde_json::from_slice(&document.body).map_err(Status::internal)?;
        Ok(reply::json(&doc, asked))
    }
}
