//! Processes that outlive their parent, and are found again. A process id counts only together with its start time.

use crate::cgroup::Cgroup;
use crate::netns::NetNs;
use nix::libc;
use nix::sched::{CloneFlags, setns};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tokio::io::unix::AsyncFd;

pub use nix::sys::signal::Signal;

/// Tells one process from every other that had or will have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessId {
    pub pid: u32,
    /// In clock ticks since the machine's start: field 22 of /proc/PID/stat.
    pub start_time: u64,
}

/// A program to be started in a session of its own, with nothing of its parent's but what is named here.
pub struct Detached<'a> {
    pub program: &'a Path,
    pub arguments: &'a [&'a str],
    /// None: the caller's.
    pub network: Option<&'a NetNs>,
    pub cgroup: Option<&'a Cgroup>,
    /// Where standard output and standard error are appended to.
    pub log: &'a Path,
    pub directory: &'a Path,
    pub environment: &'a [(&'a str, &'a str)],
}

impl Detached<'_> {
    /// The process is this one's child until this one ends: who starts it calls [`ProcessId::exited`], which also reaps it.
    pub fn spawn(&self) -> io::Result<ProcessId> {
        let log = OpenOptions::new().create(true).append(true).mode(0o600).open(self.log)?;
        let mut command = Command::new(self.program);
        command.args(self.arguments).env_clear().envs(self.environment.iter().copied()).current_dir(self.directory);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let network = self.network.cloned();
        let mut cgroups = self.cgroup.map(Cgroup::entrances).transpose()?.unwrap_or_default(); // none asked for
        // SAFETY: between fork and exec only system calls are made, on descriptors opened before; nothing allocates.
        unsafe {
            command.pre_exec(move || enter(network.as_ref(), &mut cgroups));
        }
        ProcessId::of(command.spawn()?.id())
    }
}

fn enter(network: Option<&NetNs>, cgroups: &mut [File]) -> io::Result<()> {
    nix::unistd::setsid()?;
    for entrance in cgroups {
        entrance.write_all(b"0")?;
    }
    if let Some(network) = network {
        setns(network.fd(), CloneFlags::CLONE_NEWNET)?;
    }
    Ok(())
}

impl ProcessId {
    pub fn of(pid: u32) -> io::Result<Self> {
        let (_, start_time) = stat(pid)?;
        Ok(Self { pid, start_time })
    }

    pub fn own() -> io::Result<Self> {
        Self::of(std::process::id())
    }

    /// A zombie runs nothing any more.
    pub fn is_alive(&self) -> bool {
        stat(self.pid).is_ok_and(|(state, start_time)| start_time == self.start_time && !matches!(state, 'Z' | 'X'))
    }

    /// Sends a signal; a process that is gone is success.
    pub fn kill(&self, signal: Signal) -> io::Result<()> {
        let Some(handle) = self.handle()? else { return Ok(()) };
        // SAFETY: the descriptor is a pidfd that lives for the call; no pointer is passed.
        let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, handle.as_raw_fd(), signal as i32, 0, 0) };
        match io::Error::last_os_error() {
            error if sent < 0 && error.raw_os_error() != Some(libc::ESRCH) => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns when the process has ended, whoever its parent is; reaps it when that is this process.
    pub async fn exited(&self) -> io::Result<()> {
        let Some(handle) = self.handle()? else { return Ok(()) };
        // SAFETY: an `OwnedFd` names the same open descriptor for as long as it lives, and it lives inside the `AsyncFd`.
        let handle = unsafe { AsyncFd::register(handle) }?;
        handle.readable().await?.retain_ready();
        self.reap();
        Ok(())
    }

    /// Takes the exit status of a child, so that no zombie stays. Not ours, or not ended: nothing happens.
    pub fn reap(&self) {
        use nix::sys::wait::{WaitPidFlag, waitpid};
        // A process that is not a child, or is gone, has nothing to be reaped.
        let _ = waitpid(nix::unistd::Pid::from_raw(self.pid.cast_signed()), Some(WaitPidFlag::WNOHANG)); // see above
    }

    /// A descriptor of exactly this process. None: it is gone.
    fn handle(&self) -> io::Result<Option<OwnedFd>> {
        // SAFETY: no pointer is passed; the result is checked before it is taken as a descriptor.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, self.pid, 0) };
        if fd < 0 {
            let error = io::Error::last_os_error();
            return if error.raw_os_error() == Some(libc::ESRCH) { Ok(None) } else { Err(error) };
        }
        // SAFETY: pidfd_open returned a fresh descriptor that nobody else owns; descriptors fit an i32.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        // Only now is the number bound to a process: is it the one that is meant?
        match stat(self.pid) {
            Ok((_, start_time)) if start_time == self.start_time => Ok(Some(fd)),
            _ => {
                self.reap();
                Ok(None)
            }
        }
    }
}

/// State and start time.
fn stat(pid: u32) -> io::Result<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_stat(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat: {text:?}")))
}

/// The second field is the name in parentheses and may hold blanks and parentheses: counted from behind it.
fn parse_stat(text: &str) -> Option<(char, u64)> {
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        let tail = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        for name in ["sh", "a b", "x) S (y"] {
            assert_eq!(parse_stat(&format!("42 ({name}) {tail}")), Some(('S', 4711)), "{name}");
        }
        assert_eq!(parse_stat("42 (sh) S 1"), None);
    }

    fn detached(script: &str) -> ProcessId {
        let directory = std::env::temp_dir();
        let log = directory.join(format!("pilothouse-process-{}.log", std::process::id()));
        let spawned = Detached {
            program: Path::new("/bin/sh"),
            arguments: &["-c", script],
            network: None,
            cgroup: None,
            log: &log,
            directory: &directory,
            environment: &[("WHAT", "said")],
        }
        .spawn();
        fs::remove_file(&log).expect("the log");
        spawned.expect("a process")
    }

    #[tokio::test]
    async fn an_end_is_noticed_and_leaves_no_zombie() {
        let process = detached("exec sleep 60");
        assert!(process.is_alive());
        let imposter = ProcessId { start_time: process.start_time + 1, ..process };
        imposter.kill(Signal::SIGKILL).expect("nothing to kill");
        assert!(process.is_alive() && !imposter.is_alive());
        imposter.exited().await.expect("never was");
        process.kill(Signal::SIGKILL).expect("killed");
        process.exited().await.expect("ended");
        assert!(!process.is_alive() && !Path::new(&format!("/proc/{}", process.pid)).exists());
        process.kill(Signal::SIGTERM).expect("nothing left to kill");
        process.exited().await.expect("at once");
    }
}
