//! What the OCI library is told of a container: its `config.json`, decided purely from what the kubelet asked for.

use crate::cri::{ContainerConfig, Error, Mount, Propagation, Resources, Result, Seccomp};
use crate::seccomp;
use crate::users::Identity;
use serde_json::{Value, json};
use std::path::Path;

/// What a container may do that asks for nothing: containerd's list.
pub const DEFAULT_CAPABILITIES: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];
const MASKED_PATHS: &[&str] = &[
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
const READONLY_PATHS: &[&str] = &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const SHM_BYTES: &str = "size=65536k";

/// Whose processes a container sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processes {
    Own,
    /// Those of all containers of its pod.
    Pod {
        first: u32,
    },
    Machine,
}

/// What a specification depends on besides the container itself.
pub struct Surroundings<'a> {
    pub identity: &'a Identity,
    pub rootfs: &'a Path,
    /// From the top of each hierarchy.
    pub cgroup: &'a Path,
    /// What this machine lets any process have, without `CAP_`.
    pub available_capabilities: &'a [String],
    pub processes: Processes,
}

pub fn build(container: &ContainerConfig, around: &Surroundings<'_>) -> Result<Value> {
    let security = &container.security;
    let capabilities = capabilities(container, around.available_capabilities);
    let namespaces = match around.processes {
        Processes::Own => json!([{"type": "mount"}, {"type": "pid"}]),
        Processes::Pod { first } => json!([{"type": "mount"}, {"type": "pid", "path": format!("/proc/{first}/ns/pid")}]),
        Processes::Machine => json!([{"type": "mount"}]),
    };
    let devices =
        if security.privileged { json!([{"allow": true, "access": "rwm"}]) } else { json!([{"allow": false, "access": "rwm"}]) };
    let mut linux = json!({
        "namespaces": namespaces,
        "cgroupsPath": Path::new("/").join(around.cgroup),
        "resources": resources(&container.resources, &devices),
        "rootfsPropagation": propagation_of_root(&container.mounts),
    });
    if !security.privileged {
        linux["maskedPaths"] = json!(security.masked_paths.clone().unwrap_or_else(|| owned(MASKED_PATHS)));
        linux["readonlyPaths"] = json!(security.readonly_paths.clone().unwrap_or_else(|| owned(READONLY_PATHS)));
        if let Some(profile) = profile(&security.seccomp, &capabilities)? {
            linux["seccomp"] = profile;
        }
    }
    let mut standard = standard_mounts(container);
    if matches!(around.processes, Processes::Pod { .. }) {
        // The library finds out what to mount there from /proc/<its own pid>, which is another's in a shared namespace.
        standard.retain(|mount| mount["type"] != "cgroup");
    }
    let mounts: Vec<Value> = standard.into_iter().chain(container.mounts.iter().map(bind)).collect();
    Ok(json!({
        "ociVersion": "1.1.0",
        "root": {"path": around.rootfs, "readonly": security.readonly_rootfs},
        "process": process(container, around.identity, &capabilities)?,
        "mounts": mounts,
        "linux": linux,
    }))
}

fn owned(list: &[&str]) -> Vec<String> {
    list.iter().map(|item| (*item).to_owned()).collect()
}

/// Without `CAP_`.
fn capabilities(container: &ContainerConfig, available: &[String]) -> Vec<String> {
    let security = &container.security;
    let named = |list: &[String], name: &str| {
        list.iter().any(|item| item.strip_prefix("CAP_").unwrap_or(item).eq_ignore_ascii_case(name) || item == "ALL")
    };
    let wanted = |name: &String| {
        let base = DEFAULT_CAPABILITIES.contains(&name.as_str()) && !security.drop_capabilities.iter().any(|item| item == "ALL");
        let added = named(&security.add_capabilities, name);
        let dropped = named(&security.drop_capabilities, name) && !security.drop_capabilities.iter().any(|item| item == "ALL");
        security.privileged || ((base || added) && !dropped)
    };
    available.iter().filter(|name| wanted(name)).cloned().collect()
}

/// The program and all that it is given. Also what an exec is made from, with other arguments.
pub fn process(container: &ContainerConfig, identity: &Identity, capabilities: &[String]) -> Result<Value> {
    let arguments = arguments(container)?;
    let prefixed: Vec<String> = capabilities.iter().map(|name| format!("CAP_{name}")).collect();
    // A user other than root gets them only into the bounding set, as with every runtime without ambient capabilities.
    let held: &[String] = if identity.uid == 0 { &prefixed } else { &[] };
    // The library loads the filter before it drops privileges only if this is absent, not if it is false.
    let no_new_privileges = container.security.no_new_privileges.then_some(true);
    let cwd = [&container.working_dir, &container.image.working_dir].into_iter().find(|dir| !dir.is_empty());
    let mut process = json!({
        "terminal": container.tty,
        "user": {"uid": identity.uid, "gid": identity.gid, "additionalGids": identity.groups},
        "args": arguments,
        "env": environment(container, &identity.home),
        "cwd": cwd.map_or("/", String::as_str),
        "capabilities": {"bounding": prefixed, "effective": held, "permitted": held},
    });
    if let Some(flag) = no_new_privileges {
        process["noNewPrivileges"] = flag.into();
    }
    Ok(process)
}

/// A command replaces both entrypoint and cmd of the image; arguments replace cmd alone.
fn arguments(container: &ContainerConfig) -> Result<Vec<String>> {
    let image = &container.image;
    let command = if container.command.is_empty() { &image.entrypoint } else { &container.command };
    let rest = match (container.args.is_empty(), container.command.is_empty()) {
        (false, _) => container.args.as_slice(),
        (true, true) => image.cmd.as_slice(),
        (true, false) => &[],
    };
    let all: Vec<String> = command.iter().chain(rest).cloned().collect();
    if all.is_empty() { Err(Error::Create("no command specified".into())) } else { Ok(all) }
}

fn environment(container: &ContainerConfig, home: &str) -> Vec<String> {
    let own: Vec<String> = container.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let names = |list: &[String], name: &str| list.iter().any(|item| item.split('=').next() == Some(name));
    let inherited = container.image.env.iter().filter(|item| !names(&own, item.split('=').next().unwrap_or_default()));
    let mut all: Vec<String> = inherited.cloned().collect();
    if !names(&all, "PATH") && !names(&own, "PATH") {
        all.insert(0, DEFAULT_PATH.into());
    }
    if !names(&all, "HOME") && !names(&own, "HOME") {
        all.push(format!("HOME={home}"));
    }
    if container.tty && !names(&all, "TERM") && !names(&own, "TERM") {
        all.push("TERM=xterm".into());
    }
    all.extend(own);
    all
}

fn profile(seccomp: &Seccomp, capabilities: &[String]) -> Result<Option<Value>> {
    match seccomp {
        Seccomp::RuntimeDefault => Ok(Some(seccomp::runtime_default(capabilities))),
        Seccomp::Unconfined => Ok(None),
        Seccomp::Localhost(text) => {
            serde_json::from_str(text).map(Some).map_err(|error| Error::Create(format!("cannot load seccomp profile: {error}")))
        }
    }
}

pub fn resources(resources: &Resources, devices: &Value) -> Value {
    let mut out = json!({"devices": devices});
    let mut cpu = json!({});
    for (name, value) in
        [("shares", resources.cpu_shares as i64), ("quota", resources.cpu_quota_us), ("period", resources.cpu_period_us as i64)]
    {
        if value > 0 {
            cpu[name] = value.into();
        }
    }
    if cpu != json!({}) {
        out["cpu"] = cpu;
    }
    if resources.memory_limit_bytes > 0 {
        // Swap would hide that the limit was met.
        out["memory"] = json!({"limit": resources.memory_limit_bytes});
    }
    if resources.pids_limit > 0 {
        out["pids"] = json!({"limit": resources.pids_limit});
    }
    out
}

fn standard_mounts(container: &ContainerConfig) -> Vec<Value> {
    let privileged = container.security.privileged;
    let writable = if privileged { "rw" } else { "ro" };
    let mount =
        |path: &str, kind: &str, options: &[&str]| json!({"destination": path, "type": kind, "source": kind, "options": options});
    let all = [
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
        mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", SHM_BYTES]),
        mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", writable]),
        mount("/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", writable]),
    ];
    let replaced = |value: &Value| {
        container.mounts.iter().any(|own| Path::new(value["destination"].as_str().unwrap_or_default()) == own.container_path)
    };
    all.into_iter().filter(|value| !replaced(value)).collect()
}

fn bind(mount: &Mount) -> Value {
    let propagation = match mount.propagation {
        Propagation::None => "rprivate",
        Propagation::HostToContainer => "rslave",
        Propagation::Bidirectional => "rshared",
    };
    let access = if mount.readonly { "ro" } else { "rw" };
    json!({
        "destination": mount.container_path, "type": "bind", "source": mount.host_path,
        "options": ["rbind", propagation, access],
    })
}

fn propagation_of_root(mounts: &[Mount]) -> &'static str {
    match mounts.iter().map(|mount| mount.propagation).max_by_key(|propagation| *propagation as u8) {
        Some(Propagation::Bidirectional) => "shared",
        Some(Propagation::HostToContainer) => "slave",
        _ => "private",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cri::{ImageSource, SecurityContext};

    fn strings(list: &[&str]) -> Vec<String> {
        owned(list)
    }

    fn container() -> ContainerConfig {
        let image = ImageSource {
            entrypoint: strings(&["/entry"]),
            cmd: strings(&["serve"]),
            env: strings(&["PATH=/image", "A=image"]),
            working_dir: "/srv".into(),
            ..ImageSource::default()
        };
        ContainerConfig { image, ..ContainerConfig::default() }
    }

    #[test]
    fn commands_and_arguments_replace_what_the_image_brings() {
        for (command, args, expected) in [
            (&[][..], &[][..], &["/entry", "serve"][..]),
            (&[], &["x"], &["/entry", "x"]),
            (&["sh"], &[], &["sh"]),
            (&["sh"], &["-c", "x"], &["sh", "-c", "x"]),
        ] {
            let asked = ContainerConfig { command: strings(command), args: strings(args), ..container() };
            assert_eq!(arguments(&asked).expect("a command"), expected, "{command:?} {args:?}");
        }
        let error = arguments(&ContainerConfig::default()).expect_err("nothing to run");
        assert_eq!(error.to_string(), "no command specified");
    }

    #[test]
    fn the_containers_environment_wins() {
        let mut asked = container();
        asked.env = vec![("A".into(), "own".into()), ("B".into(), "b".into())];
        assert_eq!(environment(&asked, "/root"), ["PATH=/image", "HOME=/root", "A=own", "B=b"]);
        asked.image.env.clear();
        asked.tty = true;
        assert_eq!(environment(&asked, "/"), [DEFAULT_PATH, "HOME=/", "TERM=xterm", "A=own", "B=b"]);
    }

    #[test]
    fn capabilities_are_added_and_dropped() {
        let available = strings(&["CHOWN", "KILL", "NET_ADMIN", "SYS_ADMIN"]);
        for (add, drop, privileged, expected) in [
            (&[][..], &[][..], false, &["CHOWN", "KILL"][..]),
            (&["NET_ADMIN"], &["KILL"], false, &["CHOWN", "NET_ADMIN"]),
            (&["CAP_NET_ADMIN"], &["ALL"], false, &["NET_ADMIN"]),
            (&["ALL"], &["CHOWN"], false, &["KILL", "NET_ADMIN", "SYS_ADMIN"]),
            (&[], &["ALL"], true, &["CHOWN", "KILL", "NET_ADMIN", "SYS_ADMIN"]),
        ] {
            let security = SecurityContext {
                add_capabilities: strings(add),
                drop_capabilities: strings(drop),
                privileged,
                ..SecurityContext::default()
            };
            let asked = ContainerConfig { security, ..container() };
            assert_eq!(capabilities(&asked, &available), expected, "+{add:?} -{drop:?}");
        }
    }

    #[test]
    fn a_mount_of_the_pods_own_takes_the_place_of_a_standard_one() {
        let mut asked = container();
        asked.mounts = vec![Mount {
            host_path: "/h".into(),
            container_path: "/dev/shm".into(),
            readonly: true,
            propagation: Propagation::None,
        }];
        let around = Surroundings {
            identity: &Identity::default(),
            rootfs: Path::new("/r"),
            cgroup: Path::new("p/c"),
            available_capabilities: &[],
            processes: Processes::Own,
        };
        let spec = build(&asked, &around).expect("a specification");
        let at_shm: Vec<&Value> =
            spec["mounts"].as_array().expect("mounts").iter().filter(|m| m["destination"] == "/dev/shm").collect();
        assert_eq!(
            at_shm,
            [&json!({"destination": "/dev/shm", "type": "bind", "source": "/h", "options": ["rbind", "rprivate", "ro"]})]
        );
        assert_eq!(spec["linux"]["cgroupsPath"], "/p/c");
        assert_eq!(spec["linux"]["namespaces"], json!([{"type": "mount"}, {"type": "pid"}]));
        let _parsed: oci_spec::runtime::Spec = serde_json::from_value(spec).expect("the library's own form");
    }
}
