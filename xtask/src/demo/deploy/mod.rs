//! A Deployment behind a load balancer: rolled out, reached, updated, scaled, moved from a lost node, deleted.

mod balance;
mod change;
mod manifest;

use crate::demo::steps::Scene;
use crate::demo::world::World;
use crate::process::{Failure, Result};
use std::collections::BTreeSet;

pub use change::delete;

pub const DEPLOY: &[(&str, Scene)] =
    &[("a Deployment and a Service", balance::apply), ("spread over nodes and zones", balance::spread)];

pub const BALANCE: &[(&str, Scene)] = &[
    ("the load balancer", balance::provisioned),
    ("from the host", balance::from_the_host),
    ("the way of a packet", balance::way),
    ("names inside the cluster", balance::names),
];

pub const CHANGE: &[(&str, Scene)] = &[
    ("a rolling update", change::update),
    ("a roll back", change::undo),
    ("a scale to six", change::scale),
    ("a drain in the middle of a rolling update", change::drain),
    ("a node is lost", change::lose_node),
];

/// What `kubectl get pods` says of the application's pods that are not on their way out, by a JSONPath of each.
fn of_pods(world: &mut World, path: &str) -> Result<Vec<String>> {
    let line = format!(
        "kubectl get pods -n front -l app=page --field-selector status.phase=Running -o jsonpath='{{range .items[*]}}{{{path}}}{{\"\\n\"}}{{end}}'"
    );
    let told = world.shell(&line).quiet().run()?.succeeded()?.stdout;
    Ok(told.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// The different answers to this many requests through the load balancer, each of which must be answered.
fn answers(world: &mut World, requests: usize) -> Result<BTreeSet<String>> {
    let line = format!(
        "for i in $(seq {requests}); do curl --silent --show-error --fail --max-time 5 http://$HOSTNAME/ || exit 1; done"
    );
    let told = world.shell(&line).quiet().run()?.succeeded()?;
    let lines: Vec<&str> = told.stdout.lines().collect();
    if lines.len() != requests {
        return Err(Failure(format!("{requests} requests, {} answers", lines.len())));
    }
    Ok(lines.into_iter().map(str::to_owned).collect())
}
