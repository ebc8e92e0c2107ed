//! Connections out of the control plane: to kubelets over TLS with a certificate of ours, to pods plainly.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use meta::status::Result;
use meta::{Doc, Reason, Status};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The user that kubelets see; the policy of a cluster's start (`auth::bootstrap::eks_documents`) binds it to `system:kubelet-api-admin`.
pub const KUBELET_CLIENT: &str = "kube-apiserver-kubelet-client";
/// `ports.KubeletPort`
const KUBELET_PORT: u16 = 10250;
/// `net.Dialer` of upstream's kubelet transport.
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) type BackendBody = UnsyncBoxBody<Bytes, hyper::Error>;

/// Dials addresses of the cluster's network from where its control plane stands.
#[async_trait::async_trait]
pub trait KubeletDialer: Send + Sync + 'static {
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream>;
}

#[derive(Debug, thiserror::Error)]
pub enum KubeletTlsError {
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error("not a PEM key: {0}")]
    Key(#[from] rustls::pki_types::pem::Error),
}

/// How this server reaches its nodes.
#[derive(Clone)]
pub struct KubeletConnection {
    pub dialer: Arc<dyn KubeletDialer>,
    /// Verifies serving certificates by the cluster's authority and shows the client certificate of [`KUBELET_CLIENT`].
    pub tls: Arc<ClientConfig>,
}

impl KubeletConnection {
    /// `authority_der` signed the kubelets' serving certificates; `certificate_der` is [`KUBELET_CLIENT`]'s.
    pub fn new(
        dialer: Arc<dyn KubeletDialer>,
        authority_der: &[u8],
        certificate_der: &[u8],
        key_pem: &str,
    ) -> Result<Self, KubeletTlsError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from(authority_der.to_vec()))?;
        let chain = vec![CertificateDer::from(certificate_der.to_vec())];
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key_pem.as_bytes())?)?;
        Ok(Self { dialer, tls: Arc::new(tls) })
    }
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backend {
    pub address: SocketAddr,
    /// A kubelet, spoken to over TLS as [`KUBELET_CLIENT`]; else anything that speaks plain HTTP.
    pub kubelet: bool,
}

/// Of a Node, as `NodeConnectionInfoGetter` reads it.
pub(super) fn kubelet_of(node: &Doc) -> Result<SocketAddr> {
    let addresses = node["status"]["addresses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let internal = addresses.iter().find(|address| address["type"] == "InternalIP");
    let address = internal.and_then(|address| address["address"].as_str()?.parse::<IpAddr>().ok());
    let port = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64();
    let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0).unwrap_or(KUBELET_PORT);
    address.map(|address| SocketAddr::new(address, port)).ok_or_else(|| {
        let known: Vec<String> = addresses.iter().map(shown).collect();
        let name = node["metadata"]["name"].as_str().unwrap_or_default();
        Status::internal(format!("no preferred addresses found for node {name:?}; known addresses: [{}]", known.join(" ")))
    })
}

fn shown(address: &Doc) -> String {
    let text = |field: &str| address[field].as_str().unwrap_or_default().to_owned();
    format!("{{{} {}}}", text("type"), text("address"))
}

/// What went wrong on the way there, under the code that upstream's proxies answer with.
pub(super) fn unreachable(address: SocketAddr, error: &io::Error) -> Status {
    let why = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        io::ErrorKind::TimedOut => "i/o timeout".to_owned(),
        io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        _ => error.to_string(),
    };
    Status::new(Reason::InternalError, format!("error dialing backend: dial tcp {address}: {why}"))
}

/// Owns the connections' tasks.
pub(super) struct Tasks<'a> {
    pub tracker: &'a TaskTracker,
    pub stop: &'a CancellationToken,
}

impl KubeletConnection {
    /// A connection for one request. It can be upgraded.
    pub(super) async fn open(&self, backend: Backend, tasks: Tasks<'_>) -> Result<SendRequest<BackendBody>> {
        let opened = async {
            let stream = self.dialer.connect(backend.address).await?;
            if !backend.kubelet {
                return handshake(stream, &tasks).await;
            }
            let name = ServerName::IpAddress(backend.address.ip().into());
            handshake(TlsConnector::from(self.tls.clone()).connect(name, stream).await?, &tasks).await
        };
        let opened = tokio::time::timeout(DIAL_TIMEOUT, opened).await;
        opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(|error| unreachable(backend.address, &error))
    }
}

async fn handshake<S>(stream: S, tasks: &Tasks<'_>) -> io::Result<SendRequest<BackendBody>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let made = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = made.map_err(io::Error::other)?;
    let stop = tasks.stop.clone();
    tasks.tracker.spawn(async move {
        // A connection that breaks tells so in the answer or its body.
        drop(stop.run_until_cancelled(connection.with_upgrades()).await);
    });
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kubelet_is_where_its_node_says() {
        let addresses = json!([{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "10.0.0.7"}]);
        for (status, expected) in [
            (json!({"addresses": addresses}), "10.0.0.7:10250"),
            (json!({"addresses": addresses, "daemonEndpoints": {"kubeletEndpoint": {"Port": 10999}}}), "10.0.0.7:10999"),
            (
                json!({"addresses": [{"type": "Hostname", "address": "n1"}]}),
                "Internal error occurred: no preferred addresses found for node \"n\"; known addresses: [{Hostname n1}]",
            ),
            (json!({}), "Internal error occurred: no preferred addresses found for node \"n\"; known addresses: []"),
        ] {
            let node = json!({"metadata": {"name": "n"}, "status": status});
            let found = kubelet_of(&node).map_or_else(|status| status.message, |address| address.to_string());
            assert_eq!(found, expected);
        }
    }
}
