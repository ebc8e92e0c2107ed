//! What the kernel knows of processes and of this machine's shared things, read from /proc and /sys.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Clock ticks per second in /proc/PID/stat: USER_HZ, fixed at 100 by Linux's interface on every architecture served here.
const TICKS_PER_SECOND: f64 = 100.0;

/// Living processes that run `binary` on the state directory `state`.
pub fn processes(binary: &Path, state: &str) -> Vec<u32> {
    let named = |part: &String| part.strip_prefix("--state-dir=").unwrap_or(part) == state;
    let mut found: Vec<u32> = entries("/proc")
        .into_iter()
        .filter_map(|name| name.parse().ok())
        .filter(|pid| runs(*pid, binary) && command_line(*pid).iter().any(named))
        .collect();
    found.sort_unstable();
    found
}

/// Living processes of `binary` in this role: the first argument, `node` or `shim`.
pub fn role(binary: &Path, role: &str) -> Vec<u32> {
    let pids = entries("/proc").into_iter().filter_map(|name| name.parse().ok());
    pids.filter(|pid| runs(*pid, binary) && command_line(*pid).get(1).is_some_and(|argument| argument == role)).collect()
}

fn runs(pid: u32, binary: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == binary)
}

fn command_line(pid: u32) -> Vec<String> {
    let raw = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default(); // gone meanwhile: no arguments
    raw.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// User and system time of a process so far.
#[cfg_attr(not(feature = "bench"), expect(dead_code, reason = "only the benchmark measures"))]
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?; // gone: no answer
    // The second field is the name in parentheses and may hold blanks: count from behind it. utime and stime are 14 and 15.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / TICKS_PER_SECOND)
}

/// Proportional set size of a process: its memory, with shared pages counted by share.
#[cfg_attr(not(feature = "bench"), expect(dead_code, reason = "only the benchmark measures"))]
pub fn pss_mib(pid: u32) -> Option<f64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?; // gone: no answer
    let kib: f64 = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

/// Listening TCP sockets of this network namespace, as the kernel prints their addresses.
pub fn listeners() -> BTreeSet<String> {
    const LISTEN: &str = "0A";
    ["/proc/self/net/tcp", "/proc/self/net/tcp6"]
        .iter()
        .flat_map(|file| lines(file))
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            (fields.get(3) == Some(&LISTEN)).then(|| fields[1].to_owned())
        })
        .collect()
}

/// Control groups of this machine, as paths. They are not part of any namespace here.
pub fn cgroups() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut queue = vec!["/sys/fs/cgroup".to_owned()];
    while let Some(directory) = queue.pop() {
        let inside = fs::read_dir(&directory).into_iter().flatten().flatten();
        for entry in inside.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            let path = entry.path().to_string_lossy().into_owned();
            queue.push(path.clone());
            found.insert(path);
        }
    }
    found
}

/// Everything that runs in this process namespace but this program itself and what it started: names of programs.
pub fn all() -> BTreeSet<String> {
    let own = std::process::id();
    let pids = entries("/proc").into_iter().filter_map(|name| name.parse::<u32>().ok());
    pids.filter(|pid| *pid != own && parent(*pid) != Some(own))
        .map(|pid| format!("{pid} {}", command_line(pid).join(" ")))
        .collect()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?; // gone: no answer
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn entries(directory: &str) -> BTreeSet<String> {
    let read = fs::read_dir(directory).into_iter().flatten().flatten();
    read.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn lines(file: &str) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default(); // IPv6 may be absent: no lines
    text.lines().map(str::to_owned).collect()
}
