//! The table: printed, and put between the markers of SPECIFICATION.md.

use crate::process::{self, Failure, Result, root};
use std::fs;

const FILE: &str = "SPECIFICATION.md";
const BEGIN: &str = "<!-- bench: written by `./x bench --write` -->";
const END: &str = "<!-- bench: end -->";

pub struct Report {
    rows: Vec<Row>,
    conditions: String,
}

struct Row {
    what: String,
    goal: String,
    here: String,
}

impl Report {
    /// Before the first measurement: the load that is there already is others'.
    pub fn new() -> Result<Self> {
        Ok(Self { rows: Vec::new(), conditions: conditions()? })
    }

    pub fn add(&mut self, what: impl Into<String>, goal: impl Into<String>, here: impl Into<String>) {
        let row = Row { what: what.into(), goal: goal.into(), here: here.into() };
        println!("   >> {}: {} (goal: {})", row.what, row.here, row.goal);
        self.rows.push(row);
    }

    pub fn print(&self) {
        println!("\n{}\n\n{}", self.conditions, self.table());
    }

    fn table(&self) -> String {
        let rows = self.rows.iter().map(|row| format!("| {} | {} | {} |\n", row.what, row.goal, row.here));
        format!("| what | goal | measured |\n|---|---|---|\n{}", rows.collect::<String>())
    }

    pub fn write(&self) -> Result<()> {
        let path = root().join(FILE);
        let text = fs::read_to_string(&path).map_err(|error| Failure::io(FILE, &error))?;
        let table = format!("{}\n\n{}", self.conditions, self.table());
        let updated = replaced(&text, &table).ok_or_else(|| Failure(format!("{FILE} has lost its markers")))?;
        fs::write(&path, updated).map_err(|error| Failure::io(FILE, &error))
    }
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

/// What a number is worth depends on where it was measured.
fn conditions() -> Result<String> {
    let commit = process::output("git", &["describe", "--always", "--dirty"])?;
    let kernel = process::output("uname", &["-sr"])?;
    let load = fs::read_to_string("/proc/loadavg").map_err(|error| Failure::io("/proc/loadavg", &error))?;
    let load = load.split_whitespace().next().unwrap_or_default(); // the kernel always prints three
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    Ok(format!(
        "Commit {}, {}, {cores} cores shared by the service and its load generator (load average before: {load}), TLS everywhere, \
         every write synced to disk. CPU is the service's own.",
        commit.trim(),
        kernel.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let text = format!("# Promises\n{BEGIN}\nold\n{END}\nafter\n");
        let updated = replaced(&text, "new\n").expect("both markers");
        assert_eq!(updated, format!("# Promises\n{BEGIN}\nnew\n{END}\nafter\n"));
        assert_eq!(replaced(&updated, "new\n").as_deref(), Some(updated.as_str()));
        assert_eq!(replaced("no markers", "new"), None);
    }
}
