//! One health check of one target, over the network.

use super::health::{Failure, Outcome};
use super::records::{CheckProtocol, HealthCheck};
use bytes::Bytes;
use client_http::{Connect, connect_tls, status_of, unverified_tls_config};
use http::Request;
use http_body_util::Full;
use node_os::netns::NetNs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpStream;

/// What ELB calls itself in its checks.
const USER_AGENT: &str = "ELB-HealthChecker/2.0";

/// Where checks go out, as whom, and to whom.
#[derive(Clone, Debug)]
pub struct Route {
    pub router: NetNs,
    /// An address of the load balancer.
    pub from: Ipv4Addr,
    pub to: SocketAddr,
}

pub async fn attempt(route: &Route, check: &HealthCheck) -> Outcome {
    match tokio::time::timeout(check.timeout, ask(route, &check.protocol)).await {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(failure)) => Outcome::Failed(failure),
        Err(_) => Outcome::Failed(Failure::Timeout),
    }
}

async fn ask(route: &Route, protocol: &CheckProtocol) -> Result<(), Failure> {
    match protocol {
        CheckProtocol::Tcp => connect(route).await.map(drop).map_err(failure),
        CheckProtocol::Http { tls, path, codes } => {
            let status = status(route, *tls, path).await.map_err(failure)?;
            let fits = codes.iter().any(|range| range.contains(&status));
            fits.then_some(()).ok_or(Failure::ResponseCodeMismatch(status))
        }
    }
}

fn failure(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::TimedOut => Failure::Timeout,
        _ => Failure::FailedHealthChecks,
    }
}

async fn connect(route: &Route) -> io::Result<TcpStream> {
    route.router.connect_tcp_from(route.from.into(), route.to).await
}

async fn status(route: &Route, tls: bool, path: &str) -> io::Result<u16> {
    let request = Request::get(path)
        .header("host", route.to.to_string())
        .header("user-agent", USER_AGENT)
        .header("connection", "close")
        .body(Full::<Bytes>::default())
        .map_err(io::Error::other)?;
    if !tls {
        return status_of(connect(route).await?, request).await;
    }
    // ELB checks no certificates of targets: it asks whether they are well, not who they are.
    let config = Arc::new(unverified_tls_config().map_err(io::Error::other)?);
    let dialled = route.clone();
    let dial: Connect = Arc::new(move || {
        let route = dialled.clone();
        Box::pin(async move { connect(&route).await })
    });
    let name = rustls::pki_types::ServerName::IpAddress(route.to.ip().into());
    status_of(connect_tls(&dial, &config, &name).await?, request).await
}
