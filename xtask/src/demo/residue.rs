//! What a run could leave behind, seen before and after it, by the tools that an administrator would use.

use super::world::World;
use crate::{process, procfs};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

pub struct Snapshot {
    pub sandboxed: bool,
    seen: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Snapshot {
    pub fn take(world: &World, sandboxed: bool) -> Self {
        let state = world.state_directory().display().to_string();
        let processes = procfs::processes(&world.binary, &state).into_iter().map(|pid| format!("pid {pid}"));
        let mut seen = BTreeMap::from([
            ("process", processes.collect()),
            ("file", files(&world.state_directory())),
            ("file in the person's own ~/.aws", own_file(".aws")),
            ("file in the person's own ~/.kube", own_file(".kube")),
            ("line of /etc/hosts", hosts()),
            ("network namespace", said_by("ip", &["netns", "list"])),
            ("cgroup", procfs::cgroups().into_iter().filter(|path| path.contains("pilothouse")).collect()),
            ("loop device", said_by("losetup", &["--list", "--noheadings", "--output", "NAME,BACK-FILE"])),
        ]);
        // On a shared machine these change for reasons of their own; in the sandbox every one of them is ours.
        if sandboxed {
            seen.insert("listener", procfs::listeners());
            seen.insert("network link", said_by("ip", &["-oneline", "link", "show"]));
            seen.insert("route", said_by("ip", &["route", "show", "table", "all"]));
            seen.insert("rule of the packet filter", said_by("nft", &["list", "ruleset"]));
            seen.insert("mount", said_by("findmnt", &["--list", "--noheadings", "--output", "TARGET,FSTYPE"]));
            seen.insert("any process", procfs::all());
        }
        Self { sandboxed, seen }
    }

    /// Everything that differs in `after`, in words.
    pub fn what_is_left(&self, after: &Self) -> Vec<String> {
        let mut left = Vec::new();
        for (what, now) in &after.seen {
            let before = &self.seen[what];
            left.extend(now.difference(before).map(|item| format!("{what}: {item}")));
            left.extend(before.difference(now).map(|item| format!("{what} gone or changed: {item}")));
        }
        left
    }
}

/// The lines that a tool prints; a tool that fails says so in the place of its lines.
fn said_by(program: &str, arguments: &[&str]) -> BTreeSet<String> {
    match process::output(program, arguments) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(failure) => BTreeSet::from([failure.0]),
    }
}

fn files(directory: &Path) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = directory.exists().then(|| directory.display().to_string()).into_iter().collect();
    let mut queue = vec![directory.to_path_buf()];
    while let Some(path) = queue.pop() {
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            found.insert(entry.path().display().to_string());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                queue.push(entry.path());
            }
        }
    }
    found
}

/// Files of the person who runs the demo, with size and time of change: the demo has a HOME of its own.
fn own_file(name: &str) -> BTreeSet<String> {
    let Some(home) = std::env::var_os("HOME") else { return BTreeSet::new() };
    let described = files(&Path::new(&home).join(name)).into_iter().map(|path| {
        let facts = fs::metadata(&path).ok(); // gone meanwhile: it shows as a difference
        let changed = facts.as_ref().and_then(|facts| facts.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        format!("{path} ({} bytes, changed {:?})", facts.map_or(0, |facts| facts.len()), changed.unwrap_or_default())
    });
    described.collect()
}

fn hosts() -> BTreeSet<String> {
    let text = fs::read_to_string("/etc/hosts").unwrap_or_default(); // absent: no lines
    text.lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(links: &[&str]) -> Snapshot {
        let links = links.iter().map(|link| (*link).to_owned()).collect();
        Snapshot { sandboxed: true, seen: BTreeMap::from([("network link", links)]) }
    }

    #[test]
    fn both_what_came_and_what_went_is_reported() {
        assert!(snapshot(&["lo"]).what_is_left(&snapshot(&["lo"])).is_empty());
        assert_eq!(snapshot(&["lo"]).what_is_left(&snapshot(&["lo", "veth0"])), ["network link: veth0"]);
        assert_eq!(snapshot(&["lo"]).what_is_left(&snapshot(&[])), ["network link gone or changed: lo"]);
    }
}
