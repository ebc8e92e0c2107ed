//! What cargo knows of this workspace: crates, their dependencies, where builds land.

use crate::process::{self, Failure, Result};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The one platform that is built and shipped; dependencies of other platforms are not ours to judge.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

#[derive(Deserialize)]
pub struct Metadata {
    /// The workspace's own crates.
    pub packages: Vec<Package>,
    pub target_directory: PathBuf,
}

#[derive(Deserialize)]
pub struct Package {
    pub name: String,
    pub dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
pub struct Dependency {
    pub name: String,
    pub kind: Option<String>,
}

impl Metadata {
    pub fn read() -> Result<Self> {
        let text = process::output("cargo", &["metadata", "--format-version", "1", "--locked", "--no-deps"])?;
        serde_json::from_str(&text).map_err(|error| Failure(format!("cargo metadata: {error}")))
    }
}

/// A package that ends up in something built here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Built {
    pub name: String,
    pub version: String,
    pub licence: String,
}

/// Everything that this workspace compiles: tests and build scripts included.
pub fn everything_built() -> Result<BTreeSet<Built>> {
    tree(&["--workspace", "--all-features"])
}

/// What the crate `name` links, itself included (dev and build dependencies aside).
pub fn linked_by(name: &str) -> Result<BTreeSet<Built>> {
    tree(&["--package", name, "--edges", "normal"])
}

/// What depends on the crate `name` directly, in any way.
pub fn parents(name: &str) -> Result<BTreeSet<String>> {
    let found = tree(&["--workspace", "--all-features", "--invert", name, "--depth", "1"])?;
    Ok(found.into_iter().map(|package| package.name).filter(|parent| parent != name).collect())
}

/// `cargo tree` rather than the graph of `cargo metadata`, which also holds optional dependencies that nothing turns on.
fn tree(arguments: &[&str]) -> Result<BTreeSet<Built>> {
    let always = ["tree", "--locked", "--target", PLATFORM, "--prefix", "none", "--no-dedupe", "--format", "{p}|{l}"];
    let text = process::output("cargo", &[always.as_slice(), arguments].concat())?;
    text.lines().filter(|line| !line.is_empty()).map(parse).collect()
}

/// `name v1.2.3 (proc-macro)|MIT OR Apache-2.0`
fn parse(line: &str) -> Result<Built> {
    let strange = || Failure(format!("cargo tree: {line}"));
    let (package, licence) = line.rsplit_once('|').ok_or_else(strange)?;
    let mut words = package.split_whitespace();
    let (Some(name), Some(version)) = (words.next(), words.next()) else { return Err(strange()) };
    Ok(Built { name: name.into(), version: version.trim_start_matches('v').into(), licence: licence.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_cargo_tree_are_read() {
        let built = parse("serde_derive v1.0.1 (proc-macro)|MIT OR Apache-2.0").expect("a package");
        let expected = Built { name: "serde_derive".into(), version: "1.0.1".into(), licence: "MIT OR Apache-2.0".into() };
        assert_eq!(built, expected);
        assert!(parse("nonsense").is_err());
    }
}
