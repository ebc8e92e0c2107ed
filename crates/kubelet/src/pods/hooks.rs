//! postStart and preStop (kubernetes pkg/kubelet/lifecycle/handlers.go).

use super::cx::Cx;
use crate::pod::{ContainerView, items};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use meta::Doc;
use node_os::netns::NetNs;
use runtime::cri::{ExecConfig, Reader, SandboxStatus};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Of what a hook prints, this much is kept for its event.
const KEPT_BYTES: u64 = 10 * 1024;

/// Where a hook's container runs.
pub struct Place<'a> {
    pub container: ContainerView<'a>,
    pub id: &'a str,
    pub sandbox: &'a SandboxStatus,
    pub pod_ip: Option<IpAddr>,
}

/// Runs it to its end. The error is the event's text.
pub async fn run(cx: &Cx, place: &Place<'_>, hook: &Doc) -> Result<(), String> {
    if hook["exec"].is_object() {
        exec(cx, place, &hook["exec"]).await
    } else if hook["httpGet"].is_object() {
        http_get(place, &hook["httpGet"]).await
    } else if let Some(seconds) = hook["sleep"]["seconds"].as_u64() {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(())
    } else {
        Err(format!("Cannot run handler: invalid handler: {hook}"))
    }
}

async fn exec(cx: &Cx, place: &Place<'_>, hook: &Doc) -> Result<(), String> {
    let command: Vec<String> = items(&hook["command"]).iter().filter_map(|part| part.as_str().map(str::to_owned)).collect();
    let config = ExecConfig { command: command.clone(), stdout: true, stderr: true, ..ExecConfig::default() };
    let streams = cx.runtime.exec(place.id, &config).await.map_err(|error| error.to_string())?;
    let (stdout, stderr) = tokio::join!(read(streams.stdout), read(streams.stderr));
    match streams.exit.await {
        Ok(Ok(0)) => Ok(()),
        Ok(Ok(code)) => Err(format!(
            "Exec lifecycle hook ({}) for Container {:?} failed - error: command exited with {code}, message: {:?}",
            go_list(&command),
            place.container.name(),
            format!("{stdout}{stderr}"),
        )),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the container ended".into()),
    }
}

fn go_list(parts: &[String]) -> String {
    format!("[{}]", parts.join(" "))
}

async fn read(stream: Option<Reader>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut kept = Vec::new();
    // What cannot be read is missing from an event's text only.
    drop((&mut stream).take(KEPT_BYTES).read_to_end(&mut kept).await);
    drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await); // as above
    String::from_utf8_lossy(&kept).into_owned()
}

/// A port by number, or by the name that the container gives it.
fn port(container: ContainerView<'_>, wanted: &Doc) -> Option<u16> {
    if let Some(number) = wanted.as_u64() {
        return u16::try_from(number).ok(); // validated by the API server
    }
    let named = items(&container.doc()["ports"]).iter().find(|port| port["name"] == *wanted);
    let number = named.and_then(|port| port["containerPort"].as_u64())?;
    u16::try_from(number).ok() // as above
}

async fn http_get(place: &Place<'_>, hook: &Doc) -> Result<(), String> {
    let host = hook["host"].as_str().filter(|host| !host.is_empty()).map(str::parse::<IpAddr>);
    let address = match host {
        Some(host) => Some(host.map_err(|error| format!("host of the hook: {error}"))?),
        None => place.pod_ip,
    };
    let (Some(address), Some(port)) = (address, port(place.container, &hook["port"])) else {
        return Err("the hook has no address to ask".into());
    };
    let path = hook["path"].as_str().filter(|path| !path.is_empty()).unwrap_or("/");
    let mut request = http::Request::builder().uri(path).header("host", format!("{address}:{port}"));
    for header in items(&hook["httpHeaders"]) {
        request = request.header(header["name"].as_str().unwrap_or(""), header["value"].as_str().unwrap_or(""));
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let status = ask(place.sandbox, SocketAddr::new(address, port), request).await?;
    if (200..400).contains(&status) { Ok(()) } else { Err(format!("HTTP lifecycle hook failed with status {status}")) }
}

async fn ask(sandbox: &SandboxStatus, address: SocketAddr, request: http::Request<Empty<Bytes>>) -> Result<u16, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let namespace = NetNs::open(sandbox.network_namespace()).map_err(|error| text(&error))?;
    let stream = namespace.connect_tcp(address).await.map_err(|error| text(&error))?;
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(|error| text(&error))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| text(&error))?;
        let status = response.status().as_u16();
        drop(response.into_body().collect().await); // only the status counts
        Ok(status)
    };
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        _ = connection => exchange.await,
    }
}
