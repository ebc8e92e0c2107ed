//! `pilothouse down`: ask the service to stop, wait until it has, and on request remove everything it made: instances with
//! all that runs in them, whether or not a service is there to be asked, then the state directory.

use super::{Failure, io};
use crate::cli::Down;
use cluster::StateDir;
use cluster::control_socket::{self, Ask};
use std::path::Path;

pub async fn run(options: &Down) -> Result<(), Failure> {
    let state = StateDir::new(&options.state.state_dir);
    let shown = options.state.state_dir.display();
    if options.purge && !state.exists() && state.path().exists() {
        return Err(Failure::Other(format!("{shown} is no state directory of pilothouse; nothing was removed")));
    }
    let answer = control_socket::ask(&state.control_socket(), Ask::Stop).await.map_err(io("cannot reach the service"))?;
    match answer {
        Some(service) => {
            wait_until_gone(&state, service.pid).await?;
            eprintln!("stopped the service in {shown}");
        }
        None => eprintln!("no service runs in {shown}"),
    }
    if let Some(info) = state.read_info().map_err(io("cannot read the state directory"))? {
        cluster::forget_names(&info).map_err(io("names of load balancers stay in the hosts file; run this as root"))?;
    }
    if options.purge && state.path().exists() {
        let made = state.clone();
        let purged = tokio::task::spawn_blocking(move || cluster::purge(&made)).await;
        purged
            .map_err(|e| Failure::Other(e.to_string()))?
            .map_err(io("cannot remove the service's instances; run this as the user who started it, or as root"))?;
        state.remove().map_err(io(format!("cannot remove {shown}")))?;
        eprintln!("removed {shown}");
    }
    Ok(())
}

/// The service has ended when its process has; a process file descriptor would say so, the process table does as well.
async fn wait_until_gone(state: &StateDir, pid: u32) -> Result<(), Failure> {
    let process = format!("/proc/{pid}");
    let lock = state.store();
    tokio::task::spawn_blocking(move || {
        cluster::wait_for_release(&lock, Path::new(&process));
    })
    .await
    .map_err(|e| Failure::Other(e.to_string()))
}
