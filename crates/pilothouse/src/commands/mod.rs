//! One file per command.

mod configure;
mod down;
mod env;
mod image;
mod node;
mod status;
mod up;

use crate::cli::{Cli, Command};
use clap::CommandFactory;
use cluster::{Credentials, ServiceInfo, StateDir};
use std::path::Path;

/// What the user reads when a command fails: one line that says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Service(#[from] cluster::ServiceError),
    #[error("{context}: {source}")]
    Io { context: String, source: std::io::Error },
    #[error("no service has been started in state directory {0}; start one with `pilothouse up --state-dir {0}`")]
    NoService(String),
    #[error("no service runs in state directory {0}; start one with `pilothouse up --state-dir {0}`")]
    NotRunning(String),
    #[error(
        "the access key of the first start is not in state directory {0}; start over with `pilothouse down --purge --state-dir {0}`"
    )]
    NoCredentials(String),
    #[error("{0}")]
    Other(String),
}

fn io(context: impl Into<String>) -> impl FnOnce(std::io::Error) -> Failure {
    let context = context.into();
    move |source| Failure::Io { context, source }
}

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Up(options) if options.detach => up::detach(&options),
        Command::Up(options) => runtime()?.block_on(up::run(&options)),
        Command::Down(options) => runtime()?.block_on(down::run(&options)),
        Command::Env(options) => env::run(&options),
        Command::Configure(options) => configure::run(&options),
        Command::Image(options) => runtime()?.block_on(image::run(&options)),
        Command::Node(options) => node::run(&options),
        Command::Status(options) => runtime()?.block_on(status::run(&options)),
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "pilothouse", &mut std::io::stdout());
            Ok(())
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(io("cannot start worker threads"))
}

/// What the service wrote about itself and its administrator.
fn known(state_dir: &Path) -> Result<(StateDir, ServiceInfo, Credentials), Failure> {
    let (state, shown) = (StateDir::new(state_dir), state_dir.display().to_string());
    let info =
        state.read_info().map_err(io("cannot read the state directory"))?.ok_or_else(|| Failure::NoService(shown.clone()))?;
    let credentials = state.read_credentials().map_err(io("cannot read the state directory"))?;
    Ok((state, info, credentials.ok_or(Failure::NoCredentials(shown))?))
}
