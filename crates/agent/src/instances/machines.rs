//! What instances are made of: the border behind which they are real or simulated.

use super::node_file::Machine;
use crate::imds::{Metadata, MetadataSource};
use std::io;

/// An instance that is to run.
pub struct Launch {
    pub id: String,
    pub machine: Machine,
    pub metadata: Metadata,
    /// What EC2 says of it later.
    pub source: MetadataSource,
}

#[async_trait::async_trait]
pub trait Machines: Send + Sync + 'static {
    /// The ids of the instances of which something is here.
    fn present(&self) -> io::Result<Vec<String>>;
    /// Makes it run, if it does not. The error says to its owner why it cannot.
    async fn start(&self, launch: Launch) -> Result<(), String>;
    /// Returns when nothing of it is left. Nothing to do is success.
    async fn destroy(&self, id: &str) -> io::Result<()>;
}
