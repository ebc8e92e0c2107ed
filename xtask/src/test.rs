//! What CI runs, in the order in which a person would want to hear bad news.

use crate::process::{self, Result};
use crate::{demo, lint};
use clap::Args;

#[derive(Args)]
pub struct Options {
    /// Leave the end-to-end run out
    #[arg(long)]
    no_demo: bool,
}

/// Tests as cargo's runners counted them.
#[derive(Default, Debug, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    /// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; ...`; any other line counts nothing.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else { return };
        for part in counts.split("; ") {
            let Some((number, what)) = part.split_once(' ') else { continue };
            let number = number.parse().unwrap_or(0); // "finished in 0.1s" is no count
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

pub fn run(options: &Options) -> Result<()> {
    process::timed("lint", || lint::run(&lint::Options::default()))?;
    process::timed("build", || process::cargo(&["build", "--locked", "--workspace", "--profile", "ci"]))?;
    let mut tally = Tally::default();
    let tests = process::timed("tests", || run_tests(&mut tally));
    let story = match (&tests, options.no_demo) {
        (Ok(()), false) => run_demo(&mut tally),
        _ => Ok(()),
    };
    println!("\n{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
    tests.and(story)
}

fn run_tests(tally: &mut Tally) -> Result<()> {
    let arguments = ["test", "--locked", "--workspace", "--profile", "ci", "--no-fail-fast"];
    let all_passed = process::stream("cargo", &arguments, |line| {
        tally.add(line);
        println!("{line}");
    })?;
    // A test binary that could not run at all (or be compiled) fails without a count of its own.
    if !all_passed && tally.failed == 0 {
        tally.failed = 1;
    }
    if all_passed { Ok(()) } else { Err("some tests failed".into()) }
}

fn run_demo(tally: &mut Tally) -> Result<()> {
    let outcome = process::timed("end to end", || demo::run(&demo::Options::for_tests()));
    match outcome {
        Ok(()) => tally.passed += 1,
        Err(_) => tally.failed += 1,
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_test_runners_are_counted() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            "test result: nonsense",
        ] {
            tally.add(line);
        }
        assert_eq!(tally, Tally { passed: 10, failed: 2, skipped: 1 });
    }
}
