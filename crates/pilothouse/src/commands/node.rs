//! `pilothouse node`: the node of one instance. Its log goes to standard output, which the agent keeps.

use super::{Failure, runtime};
use crate::cli::Node;
use tracing_subscriber::EnvFilter;

pub fn run(options: &Node) -> Result<(), Failure> {
    let filter = EnvFilter::try_from_env("PILOTHOUSE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stdout).init();
    runtime()?.block_on(node::run(&options.dir)).map_err(|error| Failure::Other(error.to_string()))
}
