//! A Kubernetes client with a bearer token.

use super::http::{Outcome, host_of, send};
use aws_wire::HttpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use meta::Doc;

/// A cluster as DescribeCluster describes it, and who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kube {
    pub endpoint: String,
    pub authority: String,
    pub token: String,
}

impl Kube {
    pub fn of(cluster: &Doc, token: String) -> Self {
        let data = cluster["certificateAuthority"]["data"].as_str().expect("a described authority");
        let authority = STANDARD.decode(data).ok().and_then(|pem| String::from_utf8(pem).ok()).expect("PEM in base64");
        Self { endpoint: cluster["endpoint"].as_str().expect("a described endpoint").to_owned(), authority, token }
    }

    pub async fn get(&self, path: &str) -> (u16, Doc) {
        self.request(Method::GET, path, None).await.expect("the cluster answers")
    }

    pub async fn post(&self, path: &str, body: Doc) -> (u16, Doc) {
        self.request(Method::POST, path, Some(body)).await.expect("the cluster answers")
    }

    pub async fn request(&self, method: Method, path: &str, body: Option<Doc>) -> Outcome<(u16, Doc)> {
        let mut request = HttpRequest::new(method, path);
        request.set_header("host", host_of(&self.endpoint));
        request.set_header("authorization", &format!("Bearer {}", self.token));
        if let Some(body) = body {
            request.set_header("content-type", "application/json");
            request.body = body.to_string().into();
        }
        let reply = send(&self.endpoint, &self.authority, &request).await?;
        Ok((reply.status, serde_json::from_slice(&reply.body).unwrap_or(Doc::Null))) // /readyz answers plain text
    }
}
