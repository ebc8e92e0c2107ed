//! Runs a test again inside namespaces of its own, where it may make links and names as it likes.

use std::process::Command;

const INSIDE: &str = "PILOTHOUSE_TEST_SANDBOX";
/// Names of network namespaces stay inside, and the loopback works.
const PREPARE: &str = "mount -t tmpfs tmpfs /run && ip link set lo up && exec \"$0\" \"$@\"";

/// True inside. Outside it runs the test of this name inside, and fails as that does.
pub fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command
    };
    if !unshare().arg("true").status().is_ok_and(|status| status.success()) {
        println!("skipped: namespaces cannot be made here");
        return false;
    }
    let program = std::env::current_exe().expect("a test runs from a file");
    let mut command = unshare();
    command.args(["sh", "-c", PREPARE]).arg(program).args([test, "--exact", "--nocapture"]).env(INSIDE, "1");
    assert!(command.status().expect("unshare has just been run").success(), "{test} failed inside the sandbox");
    false
}
