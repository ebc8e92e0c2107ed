//! Clusters for the benchmark, and how long CreateCluster takes until ACTIVE.

use super::http::Target;
use super::report::Report;
use super::{percentile, sorted};
use crate::demo::cloud::role_trusting;
use crate::demo::world::World;
use crate::process::{Failure, Result};
use base64::Engine;
use std::fs;

const SCRIPT: &str = include_str!("clusters.py");

/// Learns the role and subnets that every cluster needs.
pub fn prepare(world: &mut World) -> Result<()> {
    let path = world.directory.join("clusters.py");
    fs::write(&path, SCRIPT).map_err(|error| Failure::io(path.display(), &error))?;
    let roles = world.shell("aws iam list-roles").quiet().run()?.succeeded()?.json()?;
    let roles = roles["Roles"].as_array().cloned().unwrap_or_default(); // none: the search below says so
    world.learn("CLUSTER_ROLE", &role_trusting(&roles, "/Principal/Service", "eks.amazonaws.com")?);
    world.learn("NODE_ROLE", &role_trusting(&roles, "/Principal/Service", "ec2.amazonaws.com")?);
    let subnets = world.ok("aws ec2 describe-subnets --query 'Subnets[].SubnetId' --output text")?.stdout;
    world.learn("SUBNETS", &subnets.split_whitespace().collect::<Vec<_>>().join(","));
    Ok(())
}

/// One after the other, by the stock client's library in one process: what is measured is the service, not a start of Python.
pub fn create_to_active(world: &mut World, count: usize, report: &mut Report) -> Result<()> {
    let printed = world.ok(&format!("python3 clusters.py time {count}"))?;
    let samples: Vec<f64> = serde_json::from_value(printed.json()?).map_err(|error| Failure(error.to_string()))?;
    let samples = sorted(samples);
    let (median, worst) = (percentile(&samples, 0.5), percentile(&samples, 0.99));
    report.add(
        format!("CreateCluster to ACTIVE, {count} clusters, seen by a client"),
        "p50 <= 100 ms (first part: <= 500 ms)",
        format!("p50 {median:.0} ms, p99 {worst:.0} ms"),
    );
    Ok(())
}

pub fn create(world: &mut World, name: &str) -> Result<()> {
    world.ok(&format!("python3 clusters.py create {name}")).map(drop)
}

pub fn delete(world: &mut World, name: &str) -> Result<()> {
    world.ok(&format!("python3 clusters.py delete {name}")).map(drop)
}

pub fn delete_group(world: &mut World, cluster: &str) -> Result<()> {
    world.ok(&format!("python3 clusters.py delete-nodegroup {cluster}")).map(drop)
}

pub fn target(world: &mut World, name: &str) -> Result<Target> {
    let cluster = world.shell(&format!("aws eks describe-cluster --name {name}")).quiet().run()?.succeeded()?;
    let encoded = cluster.text_at("/cluster/certificateAuthority/data")?;
    let certificate = base64::engine::general_purpose::STANDARD.decode(encoded).map_err(|error| Failure(error.to_string()))?;
    Target::new(&cluster.text_at("/cluster/endpoint")?, &certificate, token(world, name)?)
}

/// Tokens of `aws eks get-token` live for 15 minutes.
pub fn renew_token(world: &mut World, target: Target) -> Result<Target> {
    Ok(target.with_token(token(world, "bench")?))
}

fn token(world: &mut World, name: &str) -> Result<String> {
    let line = format!("aws eks get-token --cluster-name {name}");
    world.shell(&line).quiet().run()?.succeeded()?.text_at("/status/token")
}
