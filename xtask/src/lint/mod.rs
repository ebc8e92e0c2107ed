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

pub fn run(options: &Options) -> Result<()> {
    process::timed("rustfmt", || process::cargo(&["fmt", "--all", "--check"]))?;
    let metadata = Metadata::read()?;
    verdict("crate edges", edges::check(&metadata)?)?;
    let own = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    verdict("dependencies and licences", licences::check(&own)?)?;
    verdict("files", files::check()?)?;
    if options.quick {
        return Ok(());
    }
    process::timed("clippy", || {
        let strict = ["--", "-D", "warnings"];
        let scope = ["clippy", "--locked", "--workspace", "--all-targets", "--all-features", "--profile", "ci", "--no-deps"];
        process::cargo(&[scope.as_slice(), strict.as_slice()].concat())
    })
}

fn verdict(check: &str, complaints: Vec<String>) -> Result<()> {
    if complaints.is_empty() {
        println!("== {check}: ok");
        return Ok(());
    }
    Err(format!("{check}: {} complaint(s)\n  {}", complaints.len(), complaints.join("\n  ")).into())
}
