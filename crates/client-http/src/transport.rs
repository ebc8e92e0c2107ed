//! The transport: who calls, over which connections, and for how long.

use crate::connection::{Connect, Connections};
use crate::{reply, request, watch};
use bytes::Bytes;
use client::{Call, Reply, Transport, WatchStream};
use http::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use meta::status::Result;
use meta::{Reason, Status};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;

/// As kube-apiserver's `--request-timeout`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest reply: a list of everything in a large cluster.
const MAX_REPLY_BYTES: usize = 512 << 20;
const MAX_FAILURE_BYTES: usize = 1 << 20;

/// Where bearer tokens come from. Called for every request: it keeps what is still good.
#[async_trait::async_trait]
pub trait TokenSource: Send + Sync + 'static {
    async fn token(&self) -> Result<String, String>;
    /// The server did not accept this token; the next one should be new.
    fn refused(&self, _token: &str) {}
}

pub struct Config {
    /// `10.0.1.5` or `10.0.1.5:6443`: the name that the server's certificate must carry, and its port.
    pub authority: String,
    pub tls: Arc<rustls::ClientConfig>,
    pub connect: Connect,
    /// None: a client certificate in `tls`, or nobody.
    pub token: Option<Arc<dyn TokenSource>>,
}

pub struct HttpTransport {
    authority: String,
    connections: Connections,
    token: Option<Arc<dyn TokenSource>>,
}

impl HttpTransport {
    /// Connects when the first call is made. The error says what is wrong with the authority.
    pub fn new(config: Config) -> Result<Self, String> {
        let authority: http::uri::Authority = config.authority.parse().map_err(|e| format!("{:?}: {e}", config.authority))?;
        let name = ServerName::try_from(authority.host().to_owned()).map_err(|e| format!("{:?}: {e}", config.authority))?;
        let connections = Connections::new(config.connect, config.tls, name);
        Ok(Self { authority: config.authority, connections, token: config.token })
    }

    async fn send(&self, call: &Call) -> Result<Response<Incoming>> {
        let token = match &self.token {
            Some(source) => Some(source.token().await.map_err(unavailable)?),
            None => None,
        };
        let request = request::encode(&self.authority, call, token.as_deref())?;
        let response = self.connections.send(request).await.map_err(unavailable)?;
        if let (401, Some(source), Some(token)) = (response.status().as_u16(), &self.token, &token) {
            source.refused(token);
        }
        Ok(response)
    }
}

fn unavailable(error: impl std::fmt::Display) -> Status {
    Status::new(Reason::ServiceUnavailable, error.to_string())
}

async fn in_time<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let timed_out = || Status::new(Reason::Timeout, "the server did not answer in time");
    tokio::time::timeout(REQUEST_TIMEOUT, work).await.map_err(|_| timed_out())?
}

async fn whole(body: Incoming, limit: usize) -> Result<Bytes> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Status::internal("the server's reply is too long")),
        Err(error) => Err(unavailable(error)),
    }
}

#[async_trait::async_trait]
impl Transport for HttpTransport {
    async fn call(&self, call: Call) -> Result<Reply> {
        in_time(async {
            let (parts, body) = self.send(&call).await?.into_parts();
            reply::decode(parts.status.as_u16(), &parts.headers, &whole(body, MAX_REPLY_BYTES).await?)
        })
        .await
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        in_time(async {
            let (parts, body) = self.send(&call).await?.into_parts();
            match parts.status.as_u16() {
                200 => Ok(watch::stream(body)),
                code => Err(reply::failure(code, &whole(body, MAX_FAILURE_BYTES).await?)),
            }
        })
        .await
    }
}
