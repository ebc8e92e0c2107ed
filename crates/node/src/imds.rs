//! A client of the instance metadata service.

use bytes::Bytes;
use client_http::Connect;
use http::{Method, Request};
use http_body_util::Full;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::sync::Mutex;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const HOST: &str = "169.254.169.254";
const TOKEN_TTL_SECONDS: &str = "21600";
const MAX_REPLY_BYTES: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum ImdsError {
    #[error("the instance metadata service does not answer: {0}")]
    Unreachable(#[from] std::io::Error),
    #[error("the instance metadata service answered {code} for {path}")]
    Refused { path: String, code: u16 },
}

/// Version 2: a session token is taken out once and renewed when it is no longer accepted.
pub struct Imds {
    connect: Connect,
    token: Mutex<Option<String>>,
}

impl Imds {
    /// The instance's own, from within its network namespace.
    pub fn of_instance() -> Self {
        Self::at(SocketAddr::from((ADDRESS, 80)))
    }

    pub fn at(address: SocketAddr) -> Self {
        Self { connect: client_http::connect_to(address), token: Mutex::default() }
    }

    /// `instance-id` and the like, below `meta-data/`.
    pub async fn meta_data(&self, path: &str) -> Result<String, ImdsError> {
        self.text(&format!("/latest/meta-data/{path}")).await
    }

    pub async fn user_data(&self) -> Result<String, ImdsError> {
        self.text("/latest/user-data").await
    }

    async fn text(&self, path: &str) -> Result<String, ImdsError> {
        let body = match self.get(path, &self.token(None).await?).await {
            // Its token ended, or the service was started anew.
            Err(ImdsError::Refused { code: 401, .. }) => {
                let old = self.token.lock().await.clone();
                self.get(path, &self.token(old).await?).await?
            }
            other => other?,
        };
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// One that is not `refused`.
    async fn token(&self, refused: Option<String>) -> Result<String, ImdsError> {
        let mut token = self.token.lock().await;
        if let Some(known) = token.clone().filter(|known| Some(known) != refused.as_ref()) {
            return Ok(known);
        }
        let headers = [("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL_SECONDS)];
        let new = self.ask(Method::PUT, "/latest/api/token", headers).await?;
        let new = String::from_utf8_lossy(&new).into_owned();
        *token = Some(new.clone());
        Ok(new)
    }

    async fn get(&self, path: &str, token: &str) -> Result<Bytes, ImdsError> {
        self.ask(Method::GET, path, [("x-aws-ec2-metadata-token", token)]).await
    }

    async fn ask(&self, method: Method, path: &str, headers: [(&str, &str); 1]) -> Result<Bytes, ImdsError> {
        let mut request = Request::builder().method(method).uri(path).header(http::header::HOST, HOST);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::default()).map_err(std::io::Error::other)?;
        let stream = tokio::time::timeout(PATIENCE, (self.connect)()).await.map_err(|_| std::io::ErrorKind::TimedOut);
        let stream = stream.map_err(std::io::Error::from)??;
        let reply = client_http::exchange(stream, request, MAX_REPLY_BYTES, PATIENCE).await?;
        match reply.status().as_u16() {
            200 => Ok(reply.into_body()),
            code => Err(ImdsError::Refused { path: path.to_owned(), code }),
        }
    }
}
