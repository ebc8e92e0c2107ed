//! One attempt of a probe, by its kind of handler.

use super::{Attempts, grpc, http, tcp};
use crate::parts::ProbeTarget;
use crate::pod::{ContainerView, items};
use meta::Doc;
use runtime::cri::ExecConfig;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// What of a program's output goes into an event: upstream's maxReadLength.
const MAX_OUTPUT: u64 = 10 << 10;

#[derive(Clone, Debug, PartialEq)]
pub enum Attempt {
    Exec(Vec<String>),
    Http(http::Get),
    Tcp { host: Option<String>, port: u16 },
    Grpc { port: u16, service: String },
    /// It names a port that the container does not have, or no handler that is known.
    Impossible(String),
}

impl Attempt {
    pub fn of(probe: &Doc, target: &ProbeTarget, container: ContainerView<'_>) -> Self {
        let text = |doc: &Doc| doc.as_str().map(str::to_owned).filter(|text| !text.is_empty());
        if probe["exec"].is_object() {
            return Self::Exec(items(&probe["exec"]["command"]).iter().filter_map(&text).collect());
        }
        let made = if probe["httpGet"].is_object() {
            let get = &probe["httpGet"];
            port(&get["port"], container).map(|port| Self::Http(http::Get::of(get, port, target.pod_ip)))
        } else if probe["tcpSocket"].is_object() {
            let socket = &probe["tcpSocket"];
            port(&socket["port"], container).map(|port| Self::Tcp { host: text(&socket["host"]), port })
        } else if probe["grpc"].is_object() {
            let grpc = &probe["grpc"];
            port(&grpc["port"], container).map(|port| Self::Grpc { port, service: text(&grpc["service"]).unwrap_or_default() })
        } else {
            Err(format!("missing probe handler for {}:{}", target.pod.namespace(), target.pod.name()))
        };
        made.unwrap_or_else(Self::Impossible)
    }

    /// The error is what the event says.
    pub async fn make(&self, attempts: &Attempts, target: &ProbeTarget, timeout: Duration) -> Result<(), String> {
        match self {
            Self::Exec(command) => exec(attempts, target, command, timeout).await,
            Self::Http(get) => http::attempt(&attempts.network, get, timeout).await,
            Self::Tcp { host, port } => {
                let host = host.clone().or_else(|| target.pod_ip.map(|ip| ip.to_string())).unwrap_or_default();
                tcp::attempt(&attempts.network, &host, *port, timeout).await
            }
            Self::Grpc { port, service } => match target.pod_ip {
                Some(ip) => grpc::attempt(&attempts.network, SocketAddr::new(ip, *port), service, timeout).await,
                None => Err("the pod has no address".into()),
            },
            Self::Impossible(why) => Err(why.clone()),
        }
    }
}

/// A number, or the name of one of the container's ports.
fn port(doc: &Doc, container: ContainerView<'_>) -> Result<u16, String> {
    let number = doc.as_u64().or_else(|| doc.as_str()?.parse().ok());
    let named = || {
        let ports = items(&container.doc()["ports"]).iter();
        ports.filter(|port| doc.is_string() && port["name"] == *doc).find_map(|port| port["containerPort"].as_u64())
    };
    let found = number.or_else(named).ok_or_else(|| format!("couldn't find port: {doc} in container"))?;
    u16::try_from(found).ok().filter(|port| *port > 0).ok_or_else(|| format!("invalid port number: {found}"))
}

async fn exec(attempts: &Attempts, target: &ProbeTarget, command: &[String], timeout: Duration) -> Result<(), String> {
    let config = ExecConfig { command: command.to_vec(), stdout: true, stderr: true, ..ExecConfig::default() };
    let mut output = String::new();
    let run = async {
        let streams = attempts.runtime.exec(&target.container_id, &config).await.map_err(|error| error.to_string())?;
        for reader in [streams.stdout, streams.stderr].into_iter().flatten() {
            let mut bytes = Vec::new();
            // A stream that breaks has said what it had to say.
            drop(reader.take(MAX_OUTPUT).read_to_end(&mut bytes).await);
            output.push_str(&String::from_utf8_lossy(&bytes));
        }
        match streams.exit.await {
            Ok(Ok(code)) => Ok(code),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the program's end was not told".to_owned()),
        }
    };
    match tokio::time::timeout(timeout, run).await {
        Ok(Ok(0)) => Ok(()),
        Ok(Ok(_)) => Err(output),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(format!("command timed out: {:?} timed out after {timeout:?}", command.join(" "))),
    }
}

/// As Go's `net.Dial` writes it.
pub fn dial_error(address: &dyn std::fmt::Display, error: &std::io::Error) -> String {
    let why = match error.raw_os_error() {
        Some(111) => "connection refused".to_owned(),
        Some(113) => "no route to host".to_owned(),
        Some(101) => "network is unreachable".to_owned(),
        _ => error.to_string(),
    };
    format!("dial tcp {address}: connect: {why}")
}

/// Names are not looked up from a node: a probe goes to the pod, or to an address.
pub fn address(host: &str, port: u16) -> Result<SocketAddr, String> {
    let ip: IpAddr = host.parse().map_err(|_| format!("dial tcp: lookup {host}: no such host"))?;
    Ok(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::{ContainerKind, PodView};
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn handlers_are_read_from_the_document() {
        let container = json!({"name": "web", "ports": [{"name": "http", "containerPort": 8080}]});
        let view = ContainerView::new(ContainerKind::App, &container);
        let target = ProbeTarget {
            pod: Arc::new(PodView::new(json!({"metadata": {"namespace": "n", "name": "p"}}))),
            container: "web".into(),
            container_id: "c".into(),
            started_at_ns: 0,
            started: true,
            pod_ip: Some([10, 0, 0, 7].into()),
            sandbox: runtime::cri::SandboxStatus {
                config: runtime::cri::SandboxConfig::default(),
                state: runtime::cri::SandboxState::Ready,
                created_at_ns: 0,
                pid: 1,
            },
        };
        for (probe, expected) in [
            (json!({"exec": {"command": ["a", "b"]}}), Attempt::Exec(vec!["a".into(), "b".into()])),
            (json!({"tcpSocket": {"port": "http"}}), Attempt::Tcp { host: None, port: 8080 }),
            (json!({"tcpSocket": {"port": 1, "host": "10.1.1.1"}}), Attempt::Tcp { host: Some("10.1.1.1".into()), port: 1 }),
            (json!({"grpc": {"port": 9, "service": "s"}}), Attempt::Grpc { port: 9, service: "s".into() }),
            (json!({"tcpSocket": {"port": "none"}}), Attempt::Impossible("couldn't find port: \"none\" in container".into())),
            (json!({"tcpSocket": {"port": 70000}}), Attempt::Impossible("invalid port number: 70000".into())),
            (json!({}), Attempt::Impossible("missing probe handler for n:p".into())),
        ] {
            assert_eq!(Attempt::of(&probe, &target, view), expected, "{probe}");
        }
    }
}
