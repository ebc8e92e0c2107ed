//! A port that accepts connections.

use super::attempt::{address, dial_error};
use node_os::netns::NetNs;
use std::time::Duration;

pub async fn attempt(network: &NetNs, host: &str, port: u16, timeout: Duration) -> Result<(), String> {
    let address = address(host, port)?;
    match tokio::time::timeout(timeout, network.connect_tcp(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(dial_error(&address, &error)),
        Err(_) => Err(format!("dial tcp {address}: i/o timeout")),
    }
}
