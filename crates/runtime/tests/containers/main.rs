//! Real containers, in namespaces of their own: this program is the test, and the shim that the runtime starts.

mod scenarios;
mod world;

use std::panic::AssertUnwindSafe;
use std::process::{Command, ExitCode};
use world::World;

const SANDBOX: &[&str] = &["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
const INSIDE: &str = "PILOTHOUSE_TEST_SANDBOX";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, directory] = arguments.as_slice()
        && role == "shim"
    {
        // Not standard error itself: in a forked child that is already the container's.
        let log = std::fs::OpenOptions::new().append(true).open("shim.log").expect("the shim's log");
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_ansi(false)
            .with_writer(std::sync::Mutex::new(log))
            .init();
        return match runtime::shim::main(directory.as_ref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    if std::env::var_os(INSIDE).is_some() {
        return inside(&arguments);
    }
    let possible = Command::new("unshare").args(SANDBOX).arg("true").status().is_ok_and(|status| status.success());
    if !possible || node_os::cgroup::permitted().is_err() {
        println!("skipped: namespaces or cgroups cannot be made here");
        println!("test result: ok. 0 passed; 0 failed; {} ignored", scenarios::ALL.len());
        return ExitCode::SUCCESS;
    }
    let own = std::env::current_exe().expect("this program");
    let status = Command::new("unshare").args(SANDBOX).arg(own).args(&arguments).env(INSIDE, "1").status().expect("unshare");
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn inside(arguments: &[String]) -> ExitCode {
    let wanted = |name: &str| arguments.iter().all(|a| a.starts_with("--") || name.contains(a.as_str()));
    let (mut passed, mut failed) = (0, 0);
    for (name, scenario) in scenarios::ALL.iter().filter(|(name, _)| wanted(name)) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let world = World::new(name);
        let told = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(scenario(&world))));
        drop(runtime);
        let left = world.end(told.is_err());
        if told.is_ok() && left.is_empty() {
            passed += 1;
            println!("test {name} ... ok");
        } else {
            failed += 1;
            println!("test {name} ... FAILED {left:?}");
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {verdict}. {passed} passed; {failed} failed; 0 ignored");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
