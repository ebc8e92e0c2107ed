//! The logic behind `./x`: one module per recipe.
#![allow(
    clippy::disallowed_methods,
    reason = "a build tool: it waits for processes, measures wall time and dials what it tests; the bans are for the product"
)]

#[cfg(feature = "bench")]
mod bench;
mod codegen;
mod demo;
mod dist;
mod fuzz;
mod lint;
mod process;
mod procfs;
mod test;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "./x", about = "Pilothouse's one command surface", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    recipe: Recipe,
}

#[derive(Subcommand)]
enum Recipe {
    /// The whole story with the stock aws and kubectl: from `pilothouse up` to an application
    Demo(demo::Options),
    /// What CI runs: lint, build, every test, then the demo once in a sandbox
    Test(test::Options),
    /// rustfmt, clippy, crate edges, licences, file sizes
    Lint(lint::Options),
    /// The numbers of SPECIFICATION.md, measured here, beside Debian's etcd
    #[cfg(feature = "bench")]
    Bench(bench::Options),
    /// The numbers of SPECIFICATION.md, measured here, beside Debian's etcd
    #[cfg(not(feature = "bench"))]
    Bench,
    /// Broken requests against a running service: it must stay up and never answer 500
    Fuzz(fuzz::Options),
    /// Regenerates the committed tables: `kubernetes`, `aws`, or both
    Codegen { which: Option<String> },
    /// A static binary with its checksum, in dist/
    Dist,
    /// This list
    Help,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().recipe {
        Recipe::Demo(options) => demo::run(&options),
        Recipe::Test(options) => test::run(&options),
        Recipe::Lint(options) => lint::run(&options),
        #[cfg(feature = "bench")]
        Recipe::Bench(options) => bench::run(&options),
        #[cfg(not(feature = "bench"))]
        Recipe::Bench => Err("the load generator is not in this build: run `./x bench`".into()),
        Recipe::Fuzz(options) => fuzz::run(&options),
        Recipe::Codegen { which } => codegen::run(which.as_deref()).map_err(process::Failure),
        Recipe::Dist => dist::run(),
        Recipe::Help => help(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}

fn help() -> process::Result<()> {
    <Cli as clap::CommandFactory>::command().print_help().map_err(|error| process::Failure::io("the help text", &error))
}
