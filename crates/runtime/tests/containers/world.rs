//! A node without a kubelet: a directory, a cgroup, an image of busybox, and the runtime over them.

use node_os::cgroup::{Cgroup, Limits};
use runtime::cri::{
    ContainerConfig, ContainerRuntime, ContainerState, ContainerStatus, ImageSource, Resources, SandboxConfig, SandboxStatus,
};
use runtime::{Embedded, RuntimeConfig};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const APPLETS: &[&str] = &[
    "sh", "cat", "echo", "sleep", "id", "ls", "mount", "grep", "head", "stty", "true", "test", "wc", "unshare", "tr", "dd",
    "seq", "hostname", "ps",
];

pub struct World {
    pub directory: PathBuf,
    cgroup: Cgroup,
    mounts_before: usize,
}

impl World {
    pub fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("pilothouse-rt-{name}-{}", std::process::id()));
        let bin = directory.join("layer/bin");
        fs::create_dir_all(&bin).expect("a directory");
        fs::copy("/bin/busybox", bin.join("busybox")).expect("Debian's busybox-static");
        APPLETS.iter().for_each(|applet| symlink("busybox", bin.join(applet)).expect("a link"));
        fs::create_dir_all(directory.join("layer/etc")).expect("a directory");
        fs::write(directory.join("layer/etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n")
            .expect("a file");
        fs::write(directory.join("layer/etc/group"), "root:x:0:\nlog:x:40:web\n").expect("a file");
        fs::set_permissions(directory.join("layer"), fs::Permissions::from_mode(0o755)).expect("a mode");
        let cgroup = Cgroup::new(format!("pilothouse-rt-{name}-{}", std::process::id()));
        cgroup.create(&Limits::default()).expect("a cgroup");
        Self { directory, cgroup, mounts_before: mounts() }
    }

    /// As after a restart of the node process, when it is called again.
    pub fn open(&self) -> (Embedded, CancellationToken) {
        let config = RuntimeConfig {
            root: self.directory.join("sandboxes"),
            program: std::env::current_exe().expect("this program"),
            arguments: vec!["shim".into()],
            cgroup: self.cgroup.child("i-1"),
        };
        let stop = CancellationToken::new();
        let now = Arc::new(|| {
            #[expect(clippy::disallowed_methods, reason = "the test's own clock")]
            let now = std::time::SystemTime::now();
            now.duration_since(std::time::UNIX_EPOCH).map_or(0, |passed| passed.as_nanos() as i64)
        });
        (Embedded::open(config, now, TaskTracker::new(), stop.clone()).expect("a runtime"), stop)
    }

    pub async fn sandbox(&self, runtime: &Embedded, id: &str) -> SandboxStatus {
        self.limited_sandbox(runtime, id, Resources::default()).await
    }

    pub async fn limited_sandbox(&self, runtime: &Embedded, id: &str, resources: Resources) -> SandboxStatus {
        let config = SandboxConfig {
            id: id.into(),
            pod_uid: format!("uid-{id}"),
            namespace: "default".into(),
            name: id.into(),
            hostname: id.into(),
            cgroup_parent: format!("/kubepods/pod{id}"),
            resources,
            ..SandboxConfig::default()
        };
        runtime.run_sandbox(&config).await.expect("a sandbox")
    }

    pub fn container(&self, id: &str, script: &str) -> ContainerConfig {
        let image = ImageSource { id: "sha256:0".into(), layers: vec![self.directory.join("layer")], ..ImageSource::default() };
        ContainerConfig {
            id: id.into(),
            name: id.into(),
            image,
            command: vec!["sh".into(), "-c".into(), script.into()],
            log_path: self.log(id),
            ..ContainerConfig::default()
        }
    }

    fn log(&self, id: &str) -> PathBuf {
        self.directory.join(format!("logs/{id}.log"))
    }

    /// The text of a log, without times, streams and tags.
    pub fn logged(&self, id: &str) -> String {
        let text = fs::read_to_string(self.log(id)).expect("a log");
        text.lines().map(|line| format!("{}\n", line.splitn(4, ' ').nth(3).unwrap_or_default())).collect()
    }

    /// Until the program itself has come so far: a signal that is earlier finds nobody who listens.
    pub async fn until_logged(&self, id: &str, text: &str) {
        let waiting = async {
            while self.logged(id) != text {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it says so");
    }

    pub async fn run(&self, runtime: &Embedded, sandbox: &str, config: &ContainerConfig) {
        runtime.create_container(sandbox, config).await.expect("created");
        runtime.start_container(&config.id).await.expect("started");
    }

    pub async fn until_exited(&self, runtime: &Embedded, id: &str) -> ContainerStatus {
        let mut events = runtime.events();
        let waiting = async {
            loop {
                let status = runtime.container_status(id).await.expect("a status");
                if status.state == ContainerState::Exited {
                    return status;
                }
                events.recv().await.expect("an event");
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it ends")
    }

    fn print_logs(&self) {
        for sandbox in fs::read_dir(self.directory.join("sandboxes")).into_iter().flatten().flatten() {
            println!("{}", fs::read_to_string(sandbox.path().join("shim.log")).unwrap_or_default());
        }
    }

    pub fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// What a scenario has left behind.
    pub fn end(self, failed: bool) -> Vec<String> {
        if failed {
            self.print_logs();
        }
        let mut left: Vec<String> = self
            .cgroup
            .processes()
            .into_iter()
            .map(|pid| {
                let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                format!("process {pid} {}", String::from_utf8_lossy(&line).replace('\0', " "))
            })
            .collect();
        if mounts() != self.mounts_before {
            left.push(format!("{} mounts instead of {}", mounts(), self.mounts_before));
        }
        let cleared = self.cgroup.kill_all().and_then(|()| self.cgroup.remove());
        left.extend(cleared.err().map(|error| error.to_string()));
        left.extend(fs::remove_dir_all(&self.directory).err().map(|error| format!("{}: {error}", self.directory.display())));
        left
    }
}

fn mounts() -> usize {
    fs::read_to_string("/proc/self/mountinfo").expect("mounts").lines().count()
}
