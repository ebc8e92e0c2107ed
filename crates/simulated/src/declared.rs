//! How a pod lives, as its annotations declare it.

use kubelet::fake::Lifecycle;
use std::collections::BTreeMap;
use std::time::Duration;

/// Annotations begin so. `<container>.<name>` is about one container only, and wins.
const PREFIX: &str = "simulation.pilothouse.dev/";

/// What annotations can say, all of it optional:
///
/// | annotation | meaning |
/// |---|---|
/// | `runs-for` | containers end after so long, as `90s`, `250ms` or `5m`; otherwise they run until they are stopped |
/// | `exit-code` | how they end by themselves |
/// | `ready-after` | probes fail until so long after the start |
/// | `never-ready` | `true`: readiness probes never succeed |
/// | `ignores-sigterm` | `true`: they end when their grace is over |
/// | `start-error` | they cannot be started, for this reason |
#[derive(Clone, Copy)]
pub struct Declared<'a> {
    annotations: &'a BTreeMap<String, String>,
    container: &'a str,
}

impl<'a> Declared<'a> {
    pub fn new(annotations: &'a BTreeMap<String, String>, container: &'a str) -> Self {
        Self { annotations, container }
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        let own = self.annotations.get(&format!("{PREFIX}{}.{name}", self.container));
        own.or_else(|| self.annotations.get(&format!("{PREFIX}{name}"))).map(String::as_str)
    }

    fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    pub fn lifecycle(&self) -> Lifecycle {
        Lifecycle {
            runs: self.text("runs-for").and_then(duration),
            exit_code: self.text("exit-code").and_then(|code| code.parse().ok()).unwrap_or(0),
            stubborn: self.flag("ignores-sigterm"),
            start_error: self.text("start-error").map(str::to_owned),
        }
    }

    /// None: never.
    pub fn ready_after(&self) -> Option<Duration> {
        (!self.flag("never-ready")).then(|| self.text("ready-after").and_then(duration).unwrap_or_default())
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    match &text[digits.len()..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_declare_a_life() {
        let annotations: BTreeMap<String, String> = [
            ("simulation.pilothouse.dev/runs-for", "90s"),
            ("simulation.pilothouse.dev/sidecar.runs-for", "250ms"),
            ("simulation.pilothouse.dev/exit-code", "3"),
            ("simulation.pilothouse.dev/main.never-ready", "true"),
            ("simulation.pilothouse.dev/ready-after", "2m"),
            ("simulation.pilothouse.dev/odd.runs-for", "soon"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        for (container, runs, ready) in
            [("main", Some(90_000), None), ("sidecar", Some(250), Some(120)), ("odd", None, Some(120))]
        {
            let declared = Declared::new(&annotations, container);
            let life = declared.lifecycle();
            assert_eq!((life.runs.map(|runs| runs.as_millis()), life.exit_code), (runs, 3), "{container}");
            assert_eq!(declared.ready_after().map(|after| after.as_secs()), ready, "{container}");
        }
        let silent = BTreeMap::new();
        let declared = Declared::new(&silent, "main");
        assert_eq!((declared.lifecycle(), declared.ready_after()), (Lifecycle::default(), Some(Duration::ZERO)));
    }
}
