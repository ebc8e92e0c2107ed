//! Starting, finding and stopping the service under test.

use super::world::World;
use crate::process::{Failure, Result};
use crate::procfs;
use crate::workspace::Metadata;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// The `pilothouse` in cargo's output directory `output`: `ci`, or `release` for the bench profile.
pub fn binary(output: &str) -> Result<PathBuf> {
    let built = Metadata::read()?.target_directory.join(output).join("pilothouse");
    // The kernel names a process's program by its real path.
    built.canonicalize().map_err(|error| Failure::io(built.display(), &error))
}

pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| Failure::io("a free port", &error))?;
    Ok(listener.local_addr().map_err(|error| Failure::io("a free port", &error))?.port())
}

pub fn up(world: &mut World) -> Result<()> {
    world.ok("pilothouse up --state-dir $STATE --port $PORT --detach")?;
    world.ok("pilothouse status --state-dir $STATE")?;
    world.ok("pilothouse status --state-dir $STATE -o json")?.json()?;
    world.eval("pilothouse env --state-dir $STATE")?;
    secrets_are_private(world)
}

/// The state directory holds the secret of the one IAM user: nobody else on the machine may look into it.
fn secrets_are_private(world: &World) -> Result<()> {
    let state = world.state_directory();
    let mode = fs::metadata(&state).map_err(|error| Failure::io(state.display(), &error))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!("{} is open to others (mode {:o}), and it holds secrets", state.display(), mode & 0o777).into())
}

/// Process ids of this world's service.
pub fn pids(world: &World) -> Vec<u32> {
    procfs::processes(&world.binary, &world.state_directory().display().to_string())
}

pub fn only_pid(world: &World) -> Result<u32> {
    match pids(world).as_slice() {
        [pid] => Ok(*pid),
        several => Err(format!("one service process was expected, found {several:?}").into()),
    }
}

pub fn down(world: &mut World) -> Result<()> {
    purge(world)?;
    let left = pids(world);
    if left.is_empty() { Ok(()) } else { Err(format!("still running after down: {left:?}").into()) }
}

pub fn purge(world: &mut World) -> Result<()> {
    world.ok("pilothouse down --purge --state-dir $STATE").map(drop)
}

/// A demo that stayed up owns the same directory and port: the next one starts over.
pub fn clear_earlier_run(world: &mut World) -> Result<()> {
    if !world.state_directory().exists() {
        return Ok(());
    }
    println!("\n== an earlier demo is still there: starting over");
    purge(world)?;
    world.remove_files()?;
    fs::create_dir_all(world.directory.join("home")).map_err(|error| Failure::io(world.directory.display(), &error))
}

pub fn tail_of_log(world: &World) -> String {
    const LINES: usize = 30;
    let text = ["pilothouse.log", "log"].iter().find_map(|name| fs::read_to_string(world.state_directory().join(name)).ok());
    let text = text.unwrap_or_default(); // the service never came up: nothing to show
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

pub fn say_how_to_go_on(world: &World) {
    let (binary, state) = (world.binary.display(), world.state_directory());
    println!(
        "
The service is up and keeps running. To go on yourself:

  eval \"$({binary} env --state-dir {state})\"
  export KUBECONFIG={kubeconfig} PATH=\"{tools}:$PATH\"
  aws eks list-clusters
  kubectl get all --all-namespaces

To stop it (what it stores stays), or to remove everything:

  {binary} down --state-dir {state}
  {binary} down --purge --state-dir {state}",
        state = state.display(),
        kubeconfig = world.directory.join("kubeconfig").display(),
        tools = crate::process::root().join(".x/venv/bin").display(),
    );
}
