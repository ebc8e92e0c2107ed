//! The terminal in which the story is told: a shell with a private HOME, one command at a time.

use super::outcome::Outcome;
use crate::process::{Failure, Result, root};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Lines of a command's output that are shown; the rest is counted.
const SHOWN_LINES: usize = 8;

/// A command that hangs must not hang CI; `aws eks wait` is the slowest that is right, asking every 30 seconds.
const LONGEST_COMMAND_SECONDS: &str = "180";

/// State of one run: where its files are, what its shell has exported, what earlier steps learnt.
pub struct World {
    pub directory: PathBuf,
    pub binary: PathBuf,
    pub port: u16,
    pub commands: usize,
    environment: BTreeMap<String, String>,
    facts: BTreeMap<&'static str, String>,
}

impl World {
    pub fn new(directory: PathBuf, binary: PathBuf, port: u16) -> Result<Self> {
        let home = directory.join("home");
        fs::create_dir_all(&home).map_err(|error| Failure::io(home.display(), &error))?;
        let tools = binary.parent().map(Path::display).map(|path| path.to_string()).unwrap_or_default(); // a file has a parent
        let installed = [".x/bin", ".x/venv/bin"].map(|path| root().join(path).display().to_string()).join(":");
        let inherited = std::env::var("PATH").unwrap_or_default(); // no PATH: only our own tools
        let environment = [
            ("PATH", format!("{tools}:{installed}:{inherited}")),
            ("HOME", home.display().to_string()),
            ("KUBECONFIG", directory.join("kubeconfig").display().to_string()),
            ("STATE", directory.join("state").display().to_string()),
            ("PORT", port.to_string()),
            ("TMPDIR", std::env::temp_dir().display().to_string()),
            ("LANG", "C.UTF-8".into()),
            ("AWS_PAGER", String::new()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("PYTHONDONTWRITEBYTECODE", "1".into()),
        ];
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Self { directory, binary, port, commands: 0, environment, facts: BTreeMap::new() })
    }

    pub fn state_directory(&self) -> PathBuf {
        self.directory.join("state")
    }

    /// Keeps something that a later step needs, and offers it to the shell under the same name.
    pub fn learn(&mut self, name: &'static str, value: &str) {
        self.facts.insert(name, value.to_owned());
        self.export(name, value);
    }

    pub fn fact(&self, name: &'static str) -> Result<&str> {
        self.facts.get(name).map(String::as_str).ok_or_else(|| Failure(format!("no step has learnt {name} yet")))
    }

    pub fn export(&mut self, name: &str, value: &str) {
        self.environment.insert(name.into(), value.into());
    }

    /// What a person does with `eval "$(...)"`: takes over the variables that a command prints as exports.
    pub fn eval(&mut self, line: &str) -> Result<()> {
        let after = self.shell(&format!("eval \"$({line})\" && env")).quiet().run()?.succeeded()?;
        for (name, value) in after.stdout.lines().filter_map(|line| line.split_once('=')) {
            if name.starts_with("AWS_") {
                self.export(name, value);
            }
        }
        Ok(())
    }

    /// Runs a shell line that must succeed.
    pub fn ok(&mut self, line: &str) -> Result<Outcome> {
        self.shell(line).run()?.succeeded()
    }

    /// Runs a shell line that must fail.
    pub fn fails(&mut self, line: &str) -> Result<Outcome> {
        self.shell(line).run()?.refused()
    }

    pub fn shell<'world>(&'world mut self, line: &str) -> Shell<'world> {
        Shell { world: self, line: line.to_owned(), input: None, exports: Vec::new(), quiet: false }
    }

    /// The same shell line, not waited for: a watch, a foreground service.
    pub fn start(&mut self, line: &str) -> Result<Child> {
        println!("   $ {line} &");
        self.commands += 1;
        // `exec`, so that the process id is the program's own and not a shell's.
        let mut command = self.command(Command::new("bash"), &format!("exec {line}"));
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(|error| Failure::io(line, &error))
    }

    fn command(&self, mut command: Command, line: &str) -> Command {
        command.args(["-c", line]).env_clear().envs(&self.environment).current_dir(&self.directory).stdin(Stdio::null());
        command
    }

    pub fn remove_files(&self) -> Result<()> {
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::io(self.directory.display(), &error)),
            _ => Ok(()),
        }
    }
}

/// One shell line that is about to run.
pub struct Shell<'world> {
    world: &'world mut World,
    line: String,
    input: Option<String>,
    exports: Vec<(String, String)>,
    quiet: bool,
}

impl Shell<'_> {
    /// Standard input, as `<<EOF` would give it.
    pub fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// A variable for this line only.
    pub fn export(mut self, name: &str, value: &str) -> Self {
        self.exports.push((name.into(), value.into()));
        self
    }

    /// Output too long to be worth a look.
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    pub fn run(self) -> Result<Outcome> {
        let mut limited = Command::new("timeout");
        limited.args([LONGEST_COMMAND_SECONDS, "bash"]);
        let mut command = self.world.command(limited, &self.line);
        command.envs(self.exports.iter().map(|(name, value)| (name, value)));
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        let broken = |error: std::io::Error| Failure::io(&self.line, &error);
        self.world.commands += 1;
        let started = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(broken)?;
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), &self.input) {
            // A program that refuses before it has read everything closes the pipe: its own words say why.
            pipe.write_all(input.as_bytes()).ok();
        }
        let output = child.wait_with_output().map_err(broken)?;
        let note = if self.input.is_some() { "  <<EOF ..." } else { "" };
        println!("   $ {}{note}   [{:.2} s]", self.line, started.elapsed().as_secs_f64());
        let outcome = Outcome {
            line: self.line,
            code: output.status.code().unwrap_or(-1), // ended by a signal
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        if !self.quiet {
            show(&outcome.stdout);
            show(&outcome.stderr);
        }
        Ok(outcome)
    }
}

fn show(text: &str) {
    const WIDTH: usize = 160;
    let lines: Vec<&str> = text.lines().collect();
    for line in lines.iter().take(SHOWN_LINES) {
        println!("     {}", line.chars().take(WIDTH).collect::<String>());
    }
    if lines.len() > SHOWN_LINES {
        println!("     ... {} more lines", lines.len() - SHOWN_LINES);
    }
}
