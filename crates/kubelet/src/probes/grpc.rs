//! The gRPC health protocol (grpc.health.v1.Health/Check): one unary call over HTTP/2 without TLS, as upstream makes it.

use super::attempt::dial_error;
use super::http::driven;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use node_os::netns::NetNs;
use std::net::SocketAddr;
use std::time::Duration;

/// A health answer is a few bytes.
const MAX_ANSWER: usize = 4096;
/// grpc.health.v1.HealthCheckResponse.ServingStatus
const SERVING: u8 = 1;

pub async fn attempt(network: &NetNs, address: SocketAddr, service: &str, timeout: Duration) -> Result<(), String> {
    match tokio::time::timeout(timeout, exchange(network, address, service)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("timeout: failed to connect service {:?} within {timeout:?}", address.to_string())),
    }
}

async fn exchange(network: &NetNs, address: SocketAddr, service: &str) -> Result<(), String> {
    let stream = network.connect_tcp(address).await.map_err(|error| {
        format!("error: failed to connect service at {:?}: {}", address.to_string(), dial_error(&address, &error))
    })?;
    let broken = |error: &dyn std::fmt::Display| format!("error: health rpc probe failed: {error}");
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
    let request = Request::post(format!("http://{address}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "kube-probe/1.36")
        .body(Full::new(message(service)))
        .map_err(|e| broken(&e))?;
    let call = async {
        let answer = sender.send_request(request).await.map_err(|e| broken(&e))?;
        let status = |headers: &http::HeaderMap| headers.get("grpc-status").and_then(|v| v.to_str().ok()?.parse::<u32>().ok());
        // An error without a message comes in the headers alone.
        let early = status(answer.headers());
        let collected = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|e| broken(&e))?;
        let code = early.or_else(|| collected.trailers().and_then(status)).unwrap_or(2);
        Ok::<_, String>((code, collected.to_bytes()))
    };
    let (code, body) = driven(call, connection).await?;
    match code {
        0 if serving(&body) => Ok(()),
        0 => Err("service unhealthy (responded with \"NOT_SERVING\")".into()),
        12 => Err("error: this server does not implement the grpc health protocol (grpc.health.v1.Health)".into()),
        5 => Err(format!("error: health rpc probe failed: rpc error: code = NotFound desc = unknown service {service}")),
        code => Err(format!("error: health rpc probe failed: rpc error: code = Code({code})")),
    }
}

/// HealthCheckRequest{service = 1}, with gRPC's prefix: not compressed, and its length.
fn message(service: &str) -> Bytes {
    let mut body = Vec::new();
    if !service.is_empty() {
        body.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            body.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        body.push(length as u8);
        body.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend_from_slice(&(body.len() as u32).to_be_bytes());
    framed.extend_from_slice(&body);
    framed.into()
}

/// HealthCheckResponse{status = 1}: SERVING.
fn serving(framed: &[u8]) -> bool {
    framed.get(5..7) == Some(&[0x08, SERVING])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_protobuf() {
        assert_eq!(message("").as_ref(), [0, 0, 0, 0, 0]);
        assert_eq!(message("ab").as_ref(), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert_eq!(message(&"x".repeat(200))[..8], [0, 0, 0, 0, 203, 0x0a, 0xc8, 0x01]);
        assert!(serving(&[0, 0, 0, 0, 2, 8, 1]) && !serving(&[0, 0, 0, 0, 2, 8, 2]) && !serving(&[0, 0, 0, 0, 0]));
    }
}
