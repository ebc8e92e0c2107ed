//! Calls of EC2 with the instance role's credentials, at the VPC's own AWS endpoint.

use crate::credentials::RoleCredentials;
use aws_wire::HttpRequest;
use aws_wire::client::{Element, parse_xml};
use aws_wire::sigv4::{Scope, sign};
use client_http::Connect;
use http::{Method, Request};
use http_body_util::Full;
use meta::time::SharedClock;
use rustls::pki_types::ServerName;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const VERSION: &str = "2016-11-15";
const MAX_REPLY_BYTES: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(30);
/// The endpoint's place in every VPC: this far behind its first address.
const ENDPOINT_OFFSET: u32 = 3;

#[derive(Debug, thiserror::Error)]
pub enum Ec2Error {
    #[error("EC2 does not answer: {0}")]
    Unreachable(String),
    #[error("{code}: {message}")]
    Refused { code: String, message: String },
}

pub struct Ec2 {
    connect: Connect,
    tls: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
    host: String,
    region: String,
    credentials: Arc<RoleCredentials>,
    clock: SharedClock,
}

impl Ec2 {
    /// `vpc` is the first address of the VPC.
    pub fn new(
        vpc: Ipv4Addr,
        region: &str,
        authority_pem: &str,
        credentials: Arc<RoleCredentials>,
        clock: SharedClock,
    ) -> Result<Self, String> {
        let host = format!("ec2.{region}.amazonaws.com");
        let endpoint = Ipv4Addr::from(u32::from(vpc).wrapping_add(ENDPOINT_OFFSET));
        Ok(Self {
            connect: client_http::connect_to(SocketAddr::from((endpoint, 443))),
            tls: Arc::new(client_http::tls_config(authority_pem)?),
            name: ServerName::try_from(host.clone()).map_err(|e| e.to_string())?,
            host,
            region: region.to_owned(),
            credentials,
            clock,
        })
    }

    /// The reply's document.
    pub async fn call(&self, action: &str, parameters: &[(&str, String)]) -> Result<Element, Ec2Error> {
        let unreachable = |why: &dyn std::fmt::Display| Ec2Error::Unreachable(why.to_string());
        let credentials = self.credentials.get().await.map_err(|e| unreachable(&e))?;
        let mut request = HttpRequest::new(Method::POST, "/");
        request.set_header("host", &self.host);
        request.set_header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        request.body = form(action, parameters).into();
        sign(&mut request, &credentials, Scope { region: &self.region, service: "ec2", time: self.clock.now().0 });
        let mut http = Request::new(Full::new(request.body));
        *http.method_mut() = Method::POST;
        *http.headers_mut() = request.headers;
        let reply = client_http::exchange_tls(&self.connect, &self.tls, &self.name, http, MAX_REPLY_BYTES, PATIENCE).await;
        let reply = reply.map_err(|e| unreachable(&e))?;
        let code = reply.status().as_u16();
        let document = parse_xml(&String::from_utf8_lossy(reply.body()));
        match (code, document) {
            (200, Some(document)) => Ok(document),
            (_, document) => Err(self.refusal(code, document).await),
        }
    }

    async fn refusal(&self, code: u16, document: Option<Element>) -> Ec2Error {
        let error = document.as_ref().and_then(|d| d.child("Errors")?.child("Error"));
        let text = |name: &str| error.and_then(|e| e.child(name)).map(|child| child.text.clone()).unwrap_or_default();
        let refused = Ec2Error::Refused { code: text("Code"), message: text("Message") };
        match &refused {
            Ec2Error::Refused { code: name, .. } if name.is_empty() => Ec2Error::Unreachable(format!("it answered {code}")),
            Ec2Error::Refused { code: name, .. } if name == "AuthFailure" || name == "RequestExpired" => {
                self.credentials.forget().await;
                refused
            }
            _ => refused,
        }
    }
}

fn form(action: &str, parameters: &[(&str, String)]) -> String {
    let mut body = format!("Action={action}&Version={VERSION}");
    for (name, value) in parameters {
        body.push_str(&format!("&{name}={}", encode(value)));
    }
    body
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_as_ec2_reads_them() {
        let parameters = [("NetworkInterfaceId", "eni-1".to_owned()), ("Description", "a b/ü".into())];
        let expected = "Action=X&Version=2016-11-15&NetworkInterfaceId=eni-1&Description=a%20b%2F%C3%BC";
        assert_eq!(form("X", &parameters), expected);
    }
}
