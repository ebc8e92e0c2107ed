//! What a command answered, and the checks that a step makes on it.

use crate::process::{Failure, Result};
use serde_json::Value;

#[derive(Debug)]
pub struct Outcome {
    pub line: String,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn succeeded(self) -> Result<Self> {
        if self.code == 0 { Ok(self) } else { Err(self.wrong("it should have succeeded")) }
    }

    pub fn refused(self) -> Result<Self> {
        if self.code != 0 { Ok(self) } else { Err(self.wrong("it should have been refused")) }
    }

    /// Every text stands somewhere in what was printed, on either stream.
    pub fn says(self, texts: &[&str]) -> Result<Self> {
        match texts.iter().find(|text| !self.stdout.contains(**text) && !self.stderr.contains(**text)) {
            None => Ok(self),
            Some(missing) => Err(self.wrong(&format!("it should say: {missing}"))),
        }
    }

    /// None of the texts stands in what was printed.
    pub fn omits(self, texts: &[&str]) -> Result<Self> {
        match texts.iter().find(|text| self.stdout.contains(**text) || self.stderr.contains(**text)) {
            None => Ok(self),
            Some(found) => Err(self.wrong(&format!("it should not say: {found}"))),
        }
    }

    /// The trimmed standard output is exactly this.
    pub fn is(self, text: &str) -> Result<Self> {
        if self.stdout.trim() == text { Ok(self) } else { Err(self.wrong(&format!("it should print exactly: {text}"))) }
    }

    /// One line of the table has these cells at its beginning.
    pub fn row(self, cells: &[&str]) -> Result<Self> {
        let found = self.stdout.lines().any(|line| {
            let mut words = line.split_whitespace();
            cells.iter().all(|cell| words.next() == Some(cell))
        });
        if found { Ok(self) } else { Err(self.wrong(&format!("it should have the row: {}", cells.join("  ")))) }
    }

    /// One line that says what is wrong and what to do, not a backtrace.
    pub fn in_one_line(self) -> Result<Self> {
        let lines = self.stderr.lines().filter(|line| !line.trim().is_empty()).count();
        let panicked = self.stderr.contains("panicked") || self.stderr.contains("backtrace");
        if lines == 1 && !panicked { Ok(self) } else { Err(self.wrong("it should complain in one line")) }
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).map_err(|error| self.wrong(&format!("it should print JSON ({error})")))
    }

    /// A string in the printed JSON, by JSON pointer.
    pub fn text_at(&self, pointer: &str) -> Result<String> {
        let value = self.json()?;
        let text = value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| self.wrong(&format!("it should have a text at {pointer}")))
    }

    pub fn wrong(&self, why: &str) -> Failure {
        let Self { line, code, stdout, stderr } = self;
        Failure(format!("$ {line}\n{why}\n--- exit code {code}; standard output:\n{stdout}\n--- standard error:\n{stderr}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: i32, stdout: &str, stderr: &str) -> Outcome {
        Outcome { line: "kubectl".into(), code, stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn checks_accept_what_they_should_and_say_what_is_missing() {
        let table = || outcome(0, "NAME   READY   AGE\nweb    0/2     5s\n", "");
        assert!(table().row(&["web", "0/2"]).is_ok());
        assert!(table().row(&["web", "2/2"]).is_err());
        assert!(table().says(&["NAME", "web"]).is_ok());
        assert!(table().says(&["api"]).expect_err("absent").0.contains("it should say: api"));
        assert!(table().omits(&["web"]).is_err());
        assert!(table().refused().is_err());
        assert!(outcome(1, "", "").succeeded().is_err());
        assert!(outcome(0, " ok\n", "").is("ok").is_ok());
    }

    #[test]
    fn a_complaint_is_one_line_and_no_panic() {
        assert!(outcome(1, "", "port 4566 is in use: choose another with --port\n").in_one_line().is_ok());
        assert!(outcome(101, "", "thread 'main' panicked at src/main.rs\n").in_one_line().is_err());
        assert!(outcome(1, "", "").in_one_line().is_err());
    }

    #[test]
    fn json_is_read_by_pointer() {
        let printed = outcome(0, r#"{"cluster": {"status": "ACTIVE"}}"#, "");
        assert_eq!(printed.text_at("/cluster/status").expect("there"), "ACTIVE");
        assert!(printed.text_at("/cluster/arn").is_err());
        assert!(outcome(0, "no", "").json().is_err());
    }
}
