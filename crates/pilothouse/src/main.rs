//! `pilothouse`: flags in, exit code out.

mod cli;
mod commands;

use clap::Parser;
use std::ffi::OsStr;
use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The word that makes this program the shim of a pod, followed by its directory.
const SHIM: &str = "shim";

fn main() -> ExitCode {
    // Before anything else: a shim must be the only thread of its process.
    let mut arguments = std::env::args_os().skip(1);
    if let (Some(SHIM), Some(directory)) = (arguments.next().as_deref().and_then(OsStr::to_str), arguments.next()) {
        return ended(runtime::shim::main(Path::new(&directory)));
    }
    let cli = cli::Cli::parse();
    ended(commands::run(cli.command))
}

fn ended(outcome: Result<(), impl Display>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("pilothouse: {failure}");
            ExitCode::FAILURE
        }
    }
}
