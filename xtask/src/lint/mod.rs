//! Everything that can be judged without running the product.

mod edges;
mod files;
mod licences;

use crate::process::{self, Result};
use crate::workspace::Metadata;
use clap::Args;

#[derive(Args, Default)]
pub struct Options {
    /// Only the checks that compile nothing: formatting, edges, licences, files
    #[arg(long)]
    quick: bool,
}

/// Runs every check, also after one has failed: a person wants the whole list.
pub fn run(options: &Options) -> Result<()> {
    let metadata = Metadata::read()?;
    let own = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut outcomes = vec![
        process::timed("rustfmt", || process::cargo(&["fmt", "--all", "--check"])),
        verdict("crate edges", edges::check(&metadata)),
        verdict("dependencies and licences", licences::check(&own)),
        verdict("files", files::check()),
    ];
    if !options.quick {
        outcomes.push(process::timed("clippy", clippy));
    }
    let failures: Vec<String> = outcomes.into_iter().filter_map(|outcome| outcome.err()).map(|failure| failure.0).collect();
    if failures.is_empty() { Ok(()) } else { Err(format!("lint:\n{}", failures.join("\n")).into()) }
}

fn clippy() -> Result<()> {
    let strict = ["--", "-D", "warnings"];
    let scope = ["clippy", "--locked", "--workspace", "--all-targets", "--all-features", "--profile", "ci", "--no-deps"];
    process::cargo(&[scope.as_slice(), strict.as_slice()].concat())
}

fn verdict(check: &str, complaints: Result<Vec<String>>) -> Result<()> {
    let complaints = complaints?;
    if complaints.is_empty() {
        println!("== {check}: ok");
        return Ok(());
    }
    Err(format!("{check}: {} complaint(s)\n  {}", complaints.len(), complaints.join("\n  ")).into())
}
