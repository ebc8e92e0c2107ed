//! Runs a test again inside namespaces of its own, where it may make links and names as it likes.

use std::process::{Command, Stdio};

const INSIDE: &str = "PILOTHOUSE_TEST_SANDBOX";
/// Names of network namespaces stay inside, and the loopback works.
const PREPARE: &str = "mount -t tmpfs tmpfs /run && ip link set lo up && exec \"$0\" \"$@\"";

/// True inside. Outside it runs the test of this name inside, and fails as that does.
pub fn inside(test: &str) -> bool {
    if is_inside() {
        return true;
    }
    if !can_unshare() {
        println!("skipped: namespaces cannot be made here");
        return false;
    }
    run_inside(test);
    false
}

/// As [`inside`], and also true where namespaces cannot be made: nothing that the test starts makes any there either.
#[allow(dead_code, reason = "not every test binary has tests that need no privileges")]
pub fn contained(test: &str) -> bool {
    if is_inside() || !can_unshare() {
        return true;
    }
    run_inside(test);
    false
}

fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command
}

fn can_unshare() -> bool {
    unshare().arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn run_inside(test: &str) {
    let program = std::env::current_exe().expect("a test runs from a file");
    let mut command = unshare();
    command.args(["sh", "-c", PREPARE]).arg(program).args([test, "--exact", "--nocapture"]).env(INSIDE, "1");
    assert!(command.status().expect("unshare has just been run").success(), "{test} failed inside the sandbox");
}
