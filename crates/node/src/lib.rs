//! Composition of a node process: who this node is, by the instance metadata service and its role; then the kubelet,
//! what it stands on, the cluster's names and its Services.
//!
//! **Invariant**: the agent tells this process where it is and what hardware it has. Everything about its cluster comes
//! from user data, everything it may do from its instance role.

mod addresses;
mod assembly;
mod aws;
mod credentials;
mod imds;
mod names;
mod network;
mod services;
mod serving;
mod settings;
mod start;
mod token;
mod user_data;
mod version;

pub use assembly::{Node, NodeError};
pub use settings::{Identity, settings};
pub use user_data::{NodeConfig, UserDataError};

use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

/// Is the node of the instance whose directory this is, until it is told to end. Containers go on then.
pub async fn run(directory: &Path) -> Result<(), NodeError> {
    let failed = |source| NodeError::Io { path: "signals".into(), source };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let node = Node::assemble(directory).await?;
    tracing::info!(node = node.config.node_name, instance = node.identity.instance_id, "the node starts");
    node.start().await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    node.runtime.shutdown().await;
    Ok(())
}
