//! The namespaces that all containers of a pod share.

use super::io_error;
use crate::cri::{Error, Result, SandboxConfig, Tmpfs};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{ForkResult, fork, pause};
use std::fs;
use std::io;
use std::os::fd::AsRawFd;

/// Returns the first process of a process namespace that the containers share.
pub fn enter(config: &SandboxConfig) -> Result<Option<u32>> {
    let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS;
    if !config.host_ipc {
        flags |= CloneFlags::CLONE_NEWIPC;
    }
    if !config.host_network {
        flags |= CloneFlags::CLONE_NEWNET;
    }
    unshare(flags).map_err(|error| Error::Internal(format!("the pod's namespaces cannot be made: {error}")))?;
    // Mounts made here stay here; what the machine unmounts is not held on to.
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>).map_err(|e| io_error(e.into()))?;
    nix::unistd::sethostname(&config.hostname).map_err(|e| io_error(e.into()))?;
    if !config.host_network {
        loopback_up().map_err(io_error)?;
    }
    for (name, value) in &config.sysctls {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        fs::write(&path, value).map_err(|error| Error::Create(format!("failed to write sysctl {name}={value}: {error}")))?;
    }
    config.tmpfs.iter().try_for_each(mount_tmpfs)?;
    (config.share_process_namespace && !config.host_pid).then(first_process).transpose()
}

fn mount_tmpfs(tmpfs: &Tmpfs) -> Result<()> {
    let mut options = format!("mode={:o}", if tmpfs.mode == 0 { 0o777 } else { tmpfs.mode });
    if tmpfs.size_bytes > 0 {
        options.push_str(&format!(",size={}k", tmpfs.size_bytes.div_ceil(1024)));
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), &tmpfs.path, Some("tmpfs"), flags, Some(options.as_str()))
        .map_err(|error| Error::Internal(format!("{}: {error}", tmpfs.path.display())))
}

/// SIOCSIFFLAGS on `lo`: the one link that a new namespace has.
fn loopback_up() -> io::Result<()> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: `ifreq` is plain data for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l'.cast_signed();
    request.ifr_name[1] = b'o'.cast_signed();
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    // SAFETY: the request is a valid `ifreq` that lives for the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The process 1 of a shared process namespace: it does nothing but take in those whose parent has gone.
fn first_process() -> Result<u32> {
    use nix::sched::setns;
    use nix::sys::signal::{SigHandler, Signal, signal};
    let own = fs::File::open("/proc/self/ns/pid").map_err(io_error)?;
    unshare(CloneFlags::CLONE_NEWPID).map_err(|e| io_error(e.into()))?;
    // SAFETY: this process has one thread, so the child may do whatever this one may.
    match unsafe { fork() }.map_err(|e| io_error(e.into()))? {
        ForkResult::Parent { child } => {
            // Children of this process are numbered as before: the OCI library tells their numbers from inside.
            setns(own, CloneFlags::CLONE_NEWPID).map_err(|e| io_error(e.into()))?;
            Ok(child.as_raw().cast_unsigned())
        }
        ForkResult::Child => {
            // SAFETY: the handler is the kernel's own: ended children are reaped without being waited for.
            let ignored = unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) };
            // It ends with the shim, and with it everything in the namespace.
            if ignored.is_ok() && nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).is_ok() {
                loop {
                    pause();
                }
            }
            #[expect(clippy::disallowed_methods, reason = "a forked child has nothing to drain and no main to return to")]
            std::process::exit(1)
        }
    }
}

/// From the bounding set of this process, in the kernel's order.
pub fn available_capabilities() -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default(); // always there; without it none are known
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bits = bounding.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0);
    named(bits)
}

/// include/uapi/linux/capability.h
const CAPABILITIES: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

fn named(bits: u64) -> Vec<String> {
    let set = |(number, _): &(usize, &&str)| bits >> number & 1 == 1;
    CAPABILITIES.iter().enumerate().filter(set).map(|(_, name)| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn bits_have_names() {
        assert_eq!(named(0b1_0000_0001), ["CHOWN", "SETPCAP"]);
        assert!(!named(0x1ff_feff_ffff).contains(&"SYS_RESOURCE".to_owned()));
    }
}
