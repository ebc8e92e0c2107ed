//! The profile of containers that name none: the system calls that container runtimes usually allow (the facts of moby's
//! profiles/seccomp/default.json), everything else answers EPERM, and what is not known ENOSYS.

use serde_json::{Value, json};

const ALLOWED: &str = include_str!("seccomp.txt");
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// Calls that a capability opens, besides the calls that are open to all.
const BY_CAPABILITY: &[(&str, &[&str])] = &[
    ("DAC_READ_SEARCH", &["open_by_handle_at"]),
    (
        "SYS_ADMIN",
        &[
            "bpf",
            "clone",
            "clone3",
            "fanotify_init",
            "fsconfig",
            "fsmount",
            "fsopen",
            "fspick",
            "lookup_dcookie",
            "mount",
            "mount_setattr",
            "move_mount",
            "open_tree",
            "perf_event_open",
            "quotactl",
            "quotactl_fd",
            "setdomainname",
            "sethostname",
            "setns",
            "syslog",
            "umount",
            "umount2",
            "unshare",
        ],
    ),
    ("SYS_BOOT", &["reboot"]),
    ("SYS_CHROOT", &["chroot"]),
    ("SYS_MODULE", &["delete_module", "init_module", "finit_module"]),
    ("SYS_PACCT", &["acct"]),
    ("SYS_PTRACE", &["kcmp", "pidfd_getfd", "process_madvise"]),
    ("SYS_RAWIO", &["iopl", "ioperm"]),
    ("SYS_TIME", &["settimeofday", "stime", "clock_settime", "clock_settime64"]),
    ("SYS_TTY_CONFIG", &["vhangup"]),
    ("SYS_NICE", &["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]),
    ("SYSLOG", &["syslog"]),
    ("BPF", &["bpf"]),
    ("PERFMON", &["perf_event_open"]),
];

/// Flags of `clone` that make a namespace: CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET.
const NAMESPACE_FLAGS: u64 = 0x7e02_0000;
/// AF_VSOCK: the only family of sockets that is not for containers.
const VSOCK: u64 = 40;

/// An OCI `linux.seccomp`; capabilities without `CAP_`.
pub fn runtime_default(capabilities: &[String]) -> Value {
    let has = |name: &str| capabilities.iter().any(|capability| capability == name);
    let allowed: Vec<&str> = ALLOWED.split_whitespace().collect();
    let mut rules = vec![json!({"names": allowed, "action": "SCMP_ACT_ALLOW"})];
    rules.push(json!({
        "names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": VSOCK, "op": "SCMP_CMP_NE"}],
    }));
    for value in [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff_u64] {
        rules.push(json!({
            "names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": value, "op": "SCMP_CMP_EQ"}],
        }));
    }
    if !has("SYS_ADMIN") {
        rules.push(json!({
            "names": ["clone"], "action": "SCMP_ACT_ALLOW",
            // libcontainer takes the mask from the second value, runc from the first.
            "args": [{"index": 0, "value": 0, "valueTwo": NAMESPACE_FLAGS, "op": "SCMP_CMP_MASKED_EQ"}],
        }));
        // Its flags lie behind a pointer and cannot be looked at: C libraries fall back to clone.
        rules.push(json!({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS}));
    }
    for (_, names) in BY_CAPABILITY.iter().filter(|(capability, _)| has(capability)) {
        rules.push(json!({"names": names, "action": "SCMP_ACT_ALLOW"}));
    }
    json!({
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": EPERM, "syscalls": rules,
        "architectures": architectures(),
    })
}

fn architectures() -> &'static [&'static str] {
    if cfg!(target_arch = "aarch64") {
        &["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    } else {
        &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(profile: &Value, name: &str) -> bool {
        let rules = profile["syscalls"].as_array().expect("rules");
        let mut naming = rules.iter().filter(|rule| rule["names"].as_array().expect("names").contains(&json!(name)));
        naming.any(|rule| rule["action"] == "SCMP_ACT_ALLOW" && rule["args"].is_null())
    }

    #[test]
    fn what_only_capabilities_open_is_shut() {
        let plain = runtime_default(&["CHOWN".into()]);
        for (name, open) in [
            ("read", true),
            ("openat2", true),
            ("mount", false),
            ("reboot", false),
            ("bpf", false),
            ("keyctl", false),
            ("unshare", false),
            ("clone", false),
        ] {
            assert_eq!(allows(&plain, name), open, "{name}");
        }
        let admin = runtime_default(&["SYS_ADMIN".into()]);
        for (name, open) in [("mount", true), ("unshare", true), ("clone", true), ("reboot", false)] {
            assert_eq!(allows(&admin, name), open, "{name}");
        }
    }
}
