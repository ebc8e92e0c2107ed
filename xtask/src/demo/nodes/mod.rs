//! Nodes that join by themselves and run real containers on a real virtual network.

mod failures;
mod group;
mod killed;
mod pods;
mod restarts;
mod streams;

use crate::demo::steps::Scene;
use crate::demo::world::World;
use crate::process::Result;

pub use group::{create, delete, ready};
pub use killed::in_the_middle;

pub const PODS: &[(&str, Scene)] = &[
    ("an image", pods::image),
    ("a pod on each node", pods::run),
    ("environment and volumes", pods::volumes),
    ("across nodes and zones", pods::network),
    ("more than one interface holds", pods::many),
];

pub const STREAMS: &[(&str, Scene)] = &[
    ("logs", streams::logs),
    ("exec", streams::exec),
    ("attach", streams::attach),
    ("cp", streams::copy),
    ("port-forward", streams::forward),
];

pub const FAILURES: &[(&str, Scene)] = &[
    ("images", failures::images),
    ("commands", failures::commands),
    ("memory", failures::memory),
    ("a full disk", failures::disk),
    ("probes", failures::probes),
    ("termination", failures::termination),
];

pub const RESTARTS: &[(&str, Scene)] = &[
    ("the service", restarts::service),
    ("a node", restarts::node),
    ("a shim", restarts::shim),
    ("everything at once", restarts::everything),
];

/// The pod of this manifest, run until it is Ready.
fn run_pod(world: &mut World, name: &str, manifest: &str) -> Result<()> {
    world.shell("kubectl apply -f -").input(manifest).run()?.succeeded()?;
    world.ok(&format!("kubectl wait -n site --for=condition=Ready pod/{name} --timeout=60s"))?;
    Ok(())
}

/// What `kubectl get pod -o jsonpath` says of it.
fn field(world: &mut World, pod: &str, path: &str) -> Result<String> {
    let line = format!("kubectl get pod {pod} -n site -o jsonpath='{{{path}}}'");
    Ok(world.shell(&line).quiet().run()?.succeeded()?.stdout.trim().to_owned())
}
