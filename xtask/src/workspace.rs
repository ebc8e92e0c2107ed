//! What cargo knows of this workspace: crates, their dependencies, where builds land.

use crate::process::{self, Failure, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The one platform that is built and shipped; dependencies of other platforms are not ours to judge.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

#[derive(Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
    pub workspace_members: Vec<String>,
    pub target_directory: PathBuf,
    pub resolve: Option<Resolve>,
}

#[derive(Deserialize)]
pub struct Package {
    pub id: String,
    pub name: String,
    pub version: String,
    pub license: Option<String>,
    pub dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
pub struct Dependency {
    pub name: String,
    pub kind: Option<String>,
}

#[derive(Deserialize)]
pub struct Resolve {
    pub nodes: Vec<Node>,
}

#[derive(Deserialize)]
pub struct Node {
    pub id: String,
    pub deps: Vec<NodeDependency>,
}

#[derive(Deserialize)]
pub struct NodeDependency {
    pub pkg: String,
    pub dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
pub struct DependencyKind {
    pub kind: Option<String>,
}

impl Metadata {
    pub fn read() -> Result<Self> {
        let text = process::output(
            "cargo",
            &["metadata", "--format-version", "1", "--locked", "--all-features", "--filter-platform", PLATFORM],
        )?;
        serde_json::from_str(&text).map_err(|error| Failure(format!("cargo metadata: {error}")))
    }

    /// The workspace's own crates.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Every package that ends up in something built here: tests and build scripts included.
    pub fn third_party(&self) -> impl Iterator<Item = &Package> {
        let nodes: BTreeSet<&str> = self.resolve.iter().flat_map(|resolve| &resolve.nodes).map(|node| node.id.as_str()).collect();
        self.packages
            .iter()
            .filter(move |package| nodes.contains(package.id.as_str()) && !self.workspace_members.contains(&package.id))
    }

    /// Names of everything that the crate `name` links, directly or not (dev and build dependencies aside).
    pub fn linked_by(&self, name: &str) -> BTreeSet<&str> {
        let nodes: BTreeMap<&str, &Node> =
            self.resolve.iter().flat_map(|resolve| &resolve.nodes).map(|node| (node.id.as_str(), node)).collect();
        let names: BTreeMap<&str, &str> =
            self.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
        let mut queue: Vec<&str> =
            self.members().filter(|package| package.name == name).map(|package| package.id.as_str()).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = queue.pop() {
            let normal = nodes
                .get(id)
                .into_iter()
                .flat_map(|node| &node.deps)
                .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            for dependency in normal {
                if seen.insert(dependency.pkg.as_str()) {
                    queue.push(&dependency.pkg);
                }
            }
        }
        seen.into_iter().filter_map(|id| names.get(id).copied()).collect()
    }
}
