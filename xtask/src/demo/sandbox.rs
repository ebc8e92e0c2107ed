//! Namespaces of its own for `--once`: no uplink exists in them, and links and mounts vanish with them.

use crate::process::{Failure, Result};
use std::process::{Command, Stdio};

const NAMESPACES: &[&str] = &["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
/// The shell stays process 1 of the sandbox, so that it reaps what the service leaves and Ctrl-C reaches the demo itself.
/// Named network namespaces are files: those of the sandbox lie in memory of its own. So does its /etc/hosts.
const INIT: &str = "ip link set lo up && mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns \
    && hosts=$(mktemp) && cp /etc/hosts $hosts && mount --bind $hosts /etc/hosts && rm $hosts && \"$0\" \"$@\"; exit $?";

/// Runs this very program again inside a sandbox. `false`: none can be made here, so the caller goes on without.
pub fn run(arguments: &[String]) -> Result<bool> {
    let Some(user) = [&[][..], &["--user", "--map-root-user"]].into_iter().find(|user| possible(user)) else {
        println!("== sandbox: not available to this user; running on the machine's own loopback");
        return Ok(false);
    };
    println!("== sandbox: unshare {} {}", NAMESPACES.join(" "), user.join(" "));
    let own = own_path(&std::env::current_exe().map_err(|error| Failure::io("this program's path", &error))?);
    let mut command = Command::new("unshare");
    command.args(NAMESPACES).args(user).args(["sh", "-c", INIT]).arg(own).args(arguments).stdin(Stdio::null());
    let status = command.status().map_err(|error| Failure::io("unshare", &error))?;
    if status.success() { Ok(true) } else { Err("the demo in the sandbox failed".into()) }
}

fn possible(user: &[&str]) -> bool {
    let mut command = Command::new("unshare");
    command.args(NAMESPACES).args(user).args(["sh", "-c", "ip link set lo up"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The kernel marks the path of a program that was rebuilt while it ran; what now lies there will do.
fn own_path(running: &std::path::Path) -> std::path::PathBuf {
    let shown = running.to_string_lossy();
    shown.strip_suffix(" (deleted)").map_or_else(|| running.to_owned(), std::path::PathBuf::from)
}
