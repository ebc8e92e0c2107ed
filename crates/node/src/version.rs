//! The Kubernetes version of this node: its cluster's when it first joined, as an AMI of that version would have it.

use client_http::Connect;
use http::Request;
use http_body_util::Full;
use meta::Doc;
use rustls::pki_types::ServerName;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const MAX_REPLY_BYTES: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(10);

/// Asked for once, then read from `file`.
pub async fn of_node(
    file: &Path,
    authority: &str,
    connect: &Connect,
    tls: &Arc<rustls::ClientConfig>,
) -> Result<String, io::Error> {
    match std::fs::read_to_string(file) {
        Ok(version) if is_version(&version) => return Ok(version),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let host: http::uri::Authority = authority.parse().map_err(io::Error::other)?;
    let name = ServerName::try_from(host.host().to_owned()).map_err(io::Error::other)?;
    let request =
        Request::get("/version").header(http::header::HOST, authority).body(Full::default()).map_err(io::Error::other)?;
    let reply = client_http::exchange_tls(connect, tls, &name, request, MAX_REPLY_BYTES, PATIENCE).await?;
    let doc: Doc = serde_json::from_slice(reply.body())?;
    let version = doc["gitVersion"].as_str().filter(|version| is_version(version));
    let version = version.ok_or_else(|| io::Error::other(format!("the cluster does not say its version: {}", reply.status())))?;
    let next = file.with_extension("new");
    std::fs::write(&next, version)?;
    std::fs::rename(&next, file)?;
    Ok(version.to_owned())
}

fn is_version(text: &str) -> bool {
    text.starts_with("v1.") && text.len() < 100 && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c))
}
