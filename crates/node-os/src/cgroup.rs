//! Control groups, version 1 or 2, as one tree of paths from the top of each hierarchy.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What is used of version 1; others are left alone.
const CONTROLLERS: &[&str] = &["cpu", "cpuacct", "cpuset", "memory", "pids", "freezer", "devices", "blkio"];
const V2_CONTROLLERS: &str = "+cpu +memory +pids";

/// 0: no limit of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub cpu_shares: u64,
    pub cpu_quota_us: i64,
    pub cpu_period_us: u64,
    pub memory_bytes: i64,
    pub pids: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu_ns: u64,
    pub memory_bytes: u64,
    /// Without what the kernel could drop at once: `total_inactive_file`.
    pub working_set_bytes: u64,
    pub rss_bytes: u64,
    pub pids: u64,
    pub oom_kills: u64,
}

/// Where the hierarchies are mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mounts {
    V1(Vec<(&'static str, PathBuf)>),
    V2(PathBuf),
    /// Cgroups cannot be used here; why.
    None(&'static str),
}

fn mounts() -> &'static Mounts {
    static MOUNTS: OnceLock<Mounts> = OnceLock::new();
    // An unreadable table means no hierarchy, which is reported where one is needed.
    MOUNTS.get_or_init(|| find(&fs::read_to_string("/proc/self/mounts").unwrap_or_default()))
}

/// Hybrid systems mount version 2 too, without controllers: version 1 wins where it has any.
fn find(table: &str) -> Mounts {
    let lines = || table.lines().map(|line| line.split(' ').collect::<Vec<_>>()).filter(|fields| fields.len() > 3);
    let mut v1 = Vec::new();
    for controller in CONTROLLERS {
        let mount = lines().find(|f| f[2] == "cgroup" && f[3].split(',').any(|option| option == *controller));
        v1.extend(mount.map(|fields| (*controller, PathBuf::from(fields[1]))));
    }
    match lines().find(|fields| fields[2] == "cgroup2") {
        _ if !v1.is_empty() => Mounts::V1(v1),
        Some(fields) => Mounts::V2(PathBuf::from(fields[1])),
        None => Mounts::None("no cgroup hierarchy is mounted"),
    }
}

pub fn is_v2() -> bool {
    matches!(mounts(), Mounts::V2(_))
}

/// Whether cgroups can be made at the top of the hierarchies; why not, in words.
pub fn permitted() -> Result<(), String> {
    let probe = Cgroup::new(format!("pilothouse-probe-{}", std::process::id()));
    let made = probe.create(&Limits::default());
    probe.remove().and(made).map_err(|error| format!("cgroups cannot be made at the top of their hierarchies ({error})"))
}

/// A path such as `pilothouse-1a2b3c4d/i-0abc/kubepods`, in every hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        Self { path: path.strip_prefix("/").unwrap_or(path).to_owned() }
    }

    pub fn child(&self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        Self { path: self.path.join(path.strip_prefix("/").unwrap_or(path)) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn directories(&self) -> Vec<(&'static str, PathBuf)> {
        match mounts() {
            Mounts::V1(all) => all.iter().map(|(controller, mount)| (*controller, mount.join(&self.path))).collect(),
            Mounts::V2(mount) => vec![("", mount.join(&self.path))],
            Mounts::None(_) => Vec::new(),
        }
    }

    fn directory(&self, controller: &str) -> Option<PathBuf> {
        match mounts() {
            Mounts::V2(mount) => Some(mount.join(&self.path)),
            _ => self.directories().into_iter().find(|(name, _)| *name == controller).map(|(_, path)| path),
        }
    }

    pub fn exists(&self) -> bool {
        self.directories().iter().any(|(_, path)| path.exists())
    }

    /// Makes it and everything above it, and sets the limits that are named. What is there already is kept.
    pub fn create(&self, limits: &Limits) -> io::Result<()> {
        if let Mounts::None(why) = mounts() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, *why));
        }
        let mut at = PathBuf::new();
        for part in self.path.components() {
            at.push(part);
            Self { path: at.clone() }.create_one()?;
        }
        self.limit(limits)
    }

    fn create_one(&self) -> io::Result<()> {
        for (controller, path) in self.directories() {
            match fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            match controller {
                "" => fs::write(path.with_file_name("cgroup.subtree_control"), V2_CONTROLLERS)?,
                // Without its parent's processors and memory nodes a group cannot hold a process.
                "cpuset" => inherit(&path, &["cpuset.cpus", "cpuset.mems"])?,
                "memory" => fs::write(path.join("memory.use_hierarchy"), "1").or_else(allowed_to_fail)?,
                _ => {}
            }
        }
        Ok(())
    }

    pub fn limit(&self, limits: &Limits) -> io::Result<()> {
        let set = |controller: &str, file: &str, value: String| match self.directory(controller) {
            Some(directory) => {
                fs::write(directory.join(file), value).map_err(|e| io::Error::new(e.kind(), format!("{file}: {e}")))
            }
            None => {
                tracing::warn!(controller, file, "a limit cannot be set: this machine has no such cgroup controller");
                Ok(())
            }
        };
        let period = if limits.cpu_period_us == 0 { 100_000 } else { limits.cpu_period_us };
        let v2 = is_v2();
        if limits.cpu_shares > 0 {
            let weight = 1 + (limits.cpu_shares.clamp(2, 262_144) - 2) * 9999 / 262_142;
            let (file, value) = if v2 { ("cpu.weight", weight) } else { ("cpu.shares", limits.cpu_shares) };
            set("cpu", file, value.to_string())?;
        }
        match (limits.cpu_quota_us > 0, v2) {
            (true, true) => set("cpu", "cpu.max", format!("{} {period}", limits.cpu_quota_us))?,
            (true, false) => {
                set("cpu", "cpu.cfs_period_us", period.to_string())?;
                set("cpu", "cpu.cfs_quota_us", limits.cpu_quota_us.to_string())?;
            }
            (false, _) => {}
        }
        if limits.memory_bytes > 0 {
            let file = if v2 { "memory.max" } else { "memory.limit_in_bytes" };
            set("memory", file, limits.memory_bytes.to_string())?;
        }
        if limits.pids > 0 {
            set("pids", "pids.max", limits.pids.to_string())?;
        }
        Ok(())
    }

    /// Files into which a process writes its number to join, opened: usable between fork and exec.
    pub fn entrances(&self) -> io::Result<Vec<File>> {
        self.directories().iter().map(|(_, path)| OpenOptions::new().write(true).open(path.join("cgroup.procs"))).collect()
    }

    /// Everything that runs in it or beneath it.
    pub fn processes(&self) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        for (_, path) in self.directories() {
            for directory in tree(&path) {
                // Gone meanwhile: nobody is in it.
                let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
                found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
            }
        }
        found.remove(&0); // of another process namespace
        found
    }

    /// Kills everything in it until nothing new has been started meanwhile. It may take the kernel a moment to let go.
    pub fn kill_all(&self) -> io::Result<()> {
        use nix::sys::signal::{Signal, kill};
        const ROUNDS: usize = 2000;
        for _ in 0..ROUNDS {
            let living: Vec<u32> = self.processes().into_iter().filter(|pid| !is_zombie(*pid)).collect();
            if living.is_empty() {
                return Ok(());
            }
            for pid in living {
                match kill(nix::unistd::Pid::from_raw(pid.cast_signed()), Signal::SIGKILL) {
                    Ok(()) | Err(nix::Error::ESRCH) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            pause();
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("processes in cgroup {} do not end", self.path.display())))
    }

    /// Removes it and everything beneath it. What still holds processes stays, with an error.
    pub fn remove(&self) -> io::Result<()> {
        for (_, path) in self.directories() {
            let mut directories = tree(&path);
            directories.reverse();
            for directory in directories {
                remove_directory(&directory)?;
            }
        }
        Ok(())
    }

    /// Removes it unless there are others beneath it.
    pub fn remove_if_childless(&self) -> io::Result<()> {
        for (_, path) in self.directories() {
            if tree(&path).len() == 1 {
                remove_directory(&path)?;
            }
        }
        Ok(())
    }

    pub fn usage(&self) -> Usage {
        // A controller that is not there has counted nothing.
        let text = |controller: &str, file: &str| {
            self.directory(controller).and_then(|d| fs::read_to_string(d.join(file)).ok()).unwrap_or_default()
        };
        let number = |text: String| text.trim().parse::<u64>().unwrap_or(0);
        let field = |text: &str, name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok()).unwrap_or(0)
        };
        if is_v2() {
            let (stat, memory) = (text("memory", "memory.stat"), number(text("memory", "memory.current")));
            return Usage {
                cpu_ns: field(&text("cpu", "cpu.stat"), "usage_usec ") * 1000,
                memory_bytes: memory,
                working_set_bytes: memory.saturating_sub(field(&stat, "inactive_file ")),
                rss_bytes: field(&stat, "anon "),
                pids: number(text("pids", "pids.current")),
                oom_kills: field(&text("memory", "memory.events"), "oom_kill "),
            };
        }
        let (stat, memory) = (text("memory", "memory.stat"), number(text("memory", "memory.usage_in_bytes")));
        Usage {
            cpu_ns: number(text("cpuacct", "cpuacct.usage")),
            memory_bytes: memory,
            working_set_bytes: memory.saturating_sub(field(&stat, "total_inactive_file ")),
            rss_bytes: field(&stat, "total_rss "),
            pids: number(text("pids", "pids.current")),
            oom_kills: field(&text("memory", "memory.oom_control"), "oom_kill "),
        }
    }
}

/// Names at the top of the hierarchies that begin so.
pub fn list(prefix: &str) -> BTreeSet<String> {
    let top = Cgroup::new("");
    let entries = top.directories().into_iter().filter_map(|(_, path)| fs::read_dir(path).ok()).flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| name.starts_with(prefix)).collect()
}

/// Files that newer kernels have dropped.
fn allowed_to_fail(error: io::Error) -> io::Result<()> {
    tracing::debug!(%error, "a cgroup file could not be written");
    Ok(())
}

fn inherit(path: &Path, files: &[&str]) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    for file in files {
        if fs::read_to_string(path.join(file))?.trim().is_empty() {
            fs::write(path.join(file), fs::read_to_string(parent.join(file))?.trim())?;
        }
    }
    Ok(())
}

/// A directory and all beneath it, each before its own.
fn tree(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = path.exists().then(|| path.to_owned()).into_iter().collect();
    let mut next = 0;
    while let Some(directory) = found.get(next).cloned() {
        let inside = fs::read_dir(&directory).into_iter().flatten().flatten();
        found.extend(inside.filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()));
        next += 1;
    }
    found
}

fn remove_directory(path: &Path) -> io::Result<()> {
    const ROUNDS: usize = 2000;
    let mut tried = 0;
    loop {
        match fs::remove_dir(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // The kernel lets go of a process a moment after its end was reported.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && tried < ROUNDS => {
                tried += 1;
                pause();
            }
            Err(error) => return Err(io::Error::new(error.kind(), format!("cgroup {}: {error}", path.display()))),
        }
    }
}

fn pause() {
    #[expect(clippy::disallowed_methods, reason = "the kernel has no event for a cgroup of version 1 that became empty")]
    std::thread::sleep(std::time::Duration::from_millis(2));
}

fn is_zombie(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default(); // gone is as good
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_found_in_the_mount_table() {
        let hybrid = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
                      cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let joint = PathBuf::from("/sys/fs/cgroup/cpu,cpuacct");
        let expected = vec![("cpu", joint.clone()), ("cpuacct", joint), ("memory", "/sys/fs/cgroup/memory".into())];
        assert_eq!(find(hybrid), Mounts::V1(expected));
        assert_eq!(find("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"), Mounts::V2("/sys/fs/cgroup".into()));
        assert!(matches!(find("proc /proc proc rw 0 0\n"), Mounts::None(_)));
    }

    #[test]
    fn a_group_holds_limits_and_goes_with_what_runs_in_it() {
        if let Err(why) = permitted() {
            eprintln!("skipped: {why}");
            return;
        }
        let top = Cgroup::new(format!("pilothouse-test-{}", std::process::id()));
        let group = top.child("i-1/node");
        let limits = Limits { cpu_shares: 512, memory_bytes: 64 << 20, pids: 100, ..Limits::default() };
        group.create(&limits).expect("made");
        group.create(&limits).expect("made again");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("a process");
        for mut entrance in group.entrances().expect("entrances") {
            io::Write::write_all(&mut entrance, child.id().to_string().as_bytes()).expect("joined");
        }
        assert_eq!(top.processes(), BTreeSet::from([child.id()]));
        assert!(list("pilothouse-test-").iter().any(|name| top.path() == Path::new(name)));
        top.kill_all().expect("killed");
        child.wait().expect("reaped");
        top.remove().expect("removed");
        assert!(!top.exists());
    }
}
