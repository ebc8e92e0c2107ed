//! A page that answers with a status from 200 to 399. Follows kubernetes pkg/probe/http.

use super::attempt::{address, dial_error};
use crate::pod::items;
use bytes::Bytes;
use client_http::unverified_tls_config;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Empty;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use meta::Doc;
use node_os::netns::NetNs;
use rustls::pki_types::ServerName;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

#[derive(Clone, Debug, PartialEq)]
pub struct Get {
    pub tls: bool,
    pub host: String,
    pub port: u16,
    pub path: String,
    pub headers: Vec<(String, String)>,
}

impl Get {
    pub fn of(get: &Doc, port: u16, pod_ip: Option<IpAddr>) -> Self {
        let text = |field: &str| get[field].as_str().unwrap_or_default().to_owned();
        let host = Some(text("host")).filter(|host| !host.is_empty());
        let path = text("path");
        let header = |doc: &Doc| Some((doc["name"].as_str()?.to_owned(), doc["value"].as_str().unwrap_or_default().to_owned()));
        Self {
            tls: text("scheme").eq_ignore_ascii_case("https"),
            host: host.or_else(|| pod_ip.map(|ip| ip.to_string())).unwrap_or_default(),
            port,
            path: if path.starts_with('/') { path } else { format!("/{path}") },
            headers: items(&get["httpHeaders"]).iter().filter_map(header).collect(),
        }
    }

    fn url(&self) -> String {
        format!("{}://{}:{}{}", if self.tls { "https" } else { "http" }, self.host, self.port, self.path)
    }
}

pub async fn attempt(network: &NetNs, get: &Get, timeout: Duration) -> Result<(), String> {
    let failed = |why: String| format!("Get {:?}: {why}", get.url());
    match tokio::time::timeout(timeout, exchange(network, get)).await {
        Ok(Ok(status)) if (200..400).contains(&status) => Ok(()),
        Ok(Ok(status)) => Err(format!("HTTP probe failed with statuscode: {status}")),
        Ok(Err(why)) => Err(failed(why)),
        Err(_) => Err(failed("context deadline exceeded (Client.Timeout exceeded while awaiting headers)".into())),
    }
}

async fn exchange(network: &NetNs, get: &Get) -> Result<u16, String> {
    let address = address(&get.host, get.port)?;
    let stream = network.connect_tcp(address).await.map_err(|error| dial_error(&address, &error))?;
    if !get.tls {
        return ask(stream, get).await;
    }
    let name = ServerName::IpAddress(address.ip().into());
    // Upstream's probes verify nothing: they ask whether something answers, not who.
    let connector = TlsConnector::from(Arc::new(unverified_tls_config()?));
    let tls = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
    ask(tls, get).await
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, get: &Get) -> Result<u16, String> {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let request = request(get)?;
    let exchange = sender.send_request(request);
    let answer = driven(exchange, connection).await;
    answer.map(|answer| answer.status().as_u16()).map_err(|error| error.to_string())
}

/// Drives a connection on this very task for as long as an exchange over it takes: it ends with the attempt. A connection
/// may end before its last answer is taken.
pub async fn driven<T, C>(exchange: impl Future<Output = T>, connection: impl Future<Output = C>) -> T {
    let (mut exchange, mut connection) = (std::pin::pin!(exchange), std::pin::pin!(connection));
    tokio::select! {
        answer = exchange.as_mut() => answer,
        _ended = connection.as_mut() => exchange.await,
    }
}

fn request(get: &Get) -> Result<Request<Empty<Bytes>>, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &get.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("invalid header name {name:?}"))?;
        headers.append(name, HeaderValue::from_str(value).map_err(|_| format!("invalid header value {value:?}"))?);
    }
    let default = [("user-agent", "kube-probe/1.36"), ("accept", "*/*"), ("connection", "close")];
    for (name, value) in default {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    let host = format!("{}:{}", get.host, get.port);
    headers.entry("host").or_insert(HeaderValue::from_str(&host).map_err(|_| format!("invalid host {host:?}"))?);
    let mut request = Request::get(&get.path).body(Empty::new()).map_err(|error| error.to_string())?;
    *request.headers_mut() = headers;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn statuses_decide() {
        let network = NetNs::current().expect("a namespace");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let answering = async {
            for status in ["200 OK", "302 Found", "500 Oops"] {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut asked = vec![0; 1024];
                let length = stream.read(&mut asked).await.expect("a request");
                let asked = String::from_utf8_lossy(&asked[..length]).to_lowercase();
                assert!(asked.starts_with("get /healthz?x=1 ") && asked.contains("x-own: yes"), "{asked}");
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.expect("an answer");
            }
            // Taken, and never answered.
            let _silent = listener.accept().await.expect("a connection");
            std::future::pending::<()>().await;
        };
        let doc = json!({"path": "healthz?x=1", "httpHeaders": [{"name": "X-Own", "value": "yes"}]});
        let get = Get::of(&doc, port, Some([127, 0, 0, 1].into()));
        let asking = async {
            let long = Duration::from_secs(5);
            assert_eq!(attempt(&network, &get, long).await, Ok(()));
            assert_eq!(attempt(&network, &get, long).await, Ok(()));
            assert_eq!(attempt(&network, &get, long).await, Err("HTTP probe failed with statuscode: 500".into()));
            let url = format!("Get \"http://127.0.0.1:{port}/healthz?x=1\": ");
            let late = attempt(&network, &get, Duration::from_millis(100)).await.expect_err("too late");
            assert_eq!(late, format!("{url}context deadline exceeded (Client.Timeout exceeded while awaiting headers)"));
        };
        tokio::select! { () = answering => {}, () = asking => {} }
        drop(listener);
        let refused = attempt(&network, &get, Duration::from_secs(5)).await.expect_err("nobody listens");
        assert_eq!(
            refused,
            format!("Get \"http://127.0.0.1:{port}/healthz?x=1\": dial tcp 127.0.0.1:{port}: connect: connection refused")
        );
    }
}
