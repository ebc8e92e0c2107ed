//! Running other programs: shown, timed, and never silent about a failure.

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub type Result<T> = std::result::Result<T, Failure>;

/// What went wrong, in words for the person at the terminal.
#[derive(Debug)]
pub struct Failure(pub String);

impl Failure {
    pub fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        Self(format!("{what}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Failure {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// The repository's root: `./x` names it; a bare `cargo xtask` runs inside it.
pub fn root() -> PathBuf {
    std::env::var_os("PILOTHOUSE_ROOT").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf(),
        PathBuf::from,
    )
}

/// A duration as the recipes print it.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Runs a named piece of work and prints how long it took.
pub fn timed<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("== {title}");
    let started = Instant::now();
    let outcome = work();
    let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
    println!("== {title}: {verdict} ({})", seconds(started.elapsed()));
    outcome
}

/// Runs cargo with its output on the terminal.
pub fn cargo(arguments: &[&str]) -> Result<()> {
    println!("   $ cargo {}", arguments.join(" "));
    let status = command("cargo", arguments).status().map_err(|error| Failure::io("cargo", &error))?;
    if status.success() { Ok(()) } else { Err(format!("`cargo {}` failed ({status})", arguments.join(" ")).into()) }
}

/// Runs a program and returns its standard output, or its standard error as the failure.
pub fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = command(program, arguments).output().map_err(|error| Failure::io(program, &error))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{program} {}` failed ({})\n{errors}", arguments.join(" "), output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program, hands each line of its standard output to `on_line` as it comes, and tells whether it succeeded.
pub fn stream(program: &str, arguments: &[&str], mut on_line: impl FnMut(&str)) -> Result<bool> {
    println!("   $ {program} {}", arguments.join(" "));
    let mut child = command(program, arguments).stdout(Stdio::piped()).spawn().map_err(|error| Failure::io(program, &error))?;
    let lines = BufReader::new(child.stdout.take().expect("standard output is piped")).lines();
    for line in lines {
        on_line(&line.map_err(|error| Failure::io(program, &error))?);
    }
    Ok(child.wait().map_err(|error| Failure::io(program, &error))?.success())
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}
