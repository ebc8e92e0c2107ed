//! Sandboxes on a real kernel, in a namespace of the test's own, with a program that only sleeps in a node's place.

use super::keeper::{Kept, Services, keep};
use super::node_file::{Machine, NodeFile};
use super::sandbox::{Sandbox, purge, service_cgroup};
use crate::images::ImageServer;
use crate::imds::{Credentials, Imds, InstanceCredentials, Metadata};
use ::images::{Image, ImageService, PullError};
use meta::SystemClock;
use node_os::netns::{self, NetNs};
use node_os::process::{ProcessId, Signal};
use reconcile::Runtime;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const INSIDE: &str = "PILOTHOUSE_TEST_INSIDE";
const SERVICE: &str = "0badcafe";
const ID: &str = "i-0123456789abcdef0";

/// Runs the test of this name again where it can do no harm. True: this is there.
fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let name = format!("instances::host_tests::{test}");
    let program = std::env::current_exe().expect("this program");
    let namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    if !Command::new("unshare").args(namespaces).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: namespaces cannot be made here");
        return false;
    }
    let script =
        format!("ip link set lo up && mount -t tmpfs none /run && exec {} --exact {name} --nocapture", program.display());
    let status = Command::new("unshare").args(namespaces).args(["sh", "-c", &script]).env(INSIDE, "1").status();
    assert!(status.expect("unshare").success(), "{name} failed inside");
    false
}

struct Nobody;

#[async_trait::async_trait]
impl InstanceCredentials for Nobody {
    async fn issue(&self, _: &str, _: &str) -> Result<Credentials, String> {
        Err("there are none".into())
    }
}

#[async_trait::async_trait]
impl ImageService for Nobody {
    async fn image_status(&self, _: &str) -> Result<Option<Image>, PullError> {
        Ok(None)
    }
    async fn pull_image(&self, name: &str, _: Option<&::images::Credentials>) -> Result<Image, PullError> {
        Err(PullError::InvalidName(name.into()))
    }
    async fn list_images(&self) -> Result<Vec<Image>, PullError> {
        Ok(Vec::new())
    }
    async fn remove_image(&self, _: &str) -> Result<(), PullError> {
        Ok(())
    }
    async fn file_system(&self) -> Result<(u64, u64), PullError> {
        Ok((0, 0))
    }
}

struct World {
    state: tempfile::TempDir,
    program: PathBuf,
    network: NetNs,
}

impl World {
    fn new() -> Self {
        let state = tempfile::tempdir().expect("a directory");
        let program = state.path().join("node.sh");
        fs::write(&program, "#!/bin/sh\nwhile true; do sleep 1000; done\n").expect("a program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be run");
        let network = netns::create(&format!("ph-{SERVICE}-{ID}")).expect("a network");
        Self { state, program, network }
    }

    fn instances(&self) -> PathBuf {
        self.state.path().join("instances")
    }

    fn sandbox(&self) -> Sandbox {
        let sandbox = Sandbox::new(SERVICE, &self.instances(), ID);
        let machine = Machine { vcpus: 1, memory_bytes: 256 << 20, max_interfaces: 2, addresses_per_interface: 2 };
        let cgroup = sandbox.cgroup_path().to_owned();
        let file = NodeFile { instance_id: ID.into(), service_id: SERVICE.into(), cgroup, machine, aws_authority: String::new() };
        sandbox.create(&file).expect("a sandbox");
        sandbox
    }

    async fn keep(&self, runtime: &Runtime) -> Kept {
        let source = Arc::new(|| Some(Metadata { instance_id: ID.into(), ..Metadata::default() }));
        let imds = Imds::new(source, Arc::new(Nobody), Arc::new(SystemClock)).expect("a service");
        let services = Services { imds, images: ImageServer::new(Arc::new(Nobody)) };
        keep(self.sandbox(), self.program.clone(), &self.network, services, runtime).await.expect("it starts")
    }

    fn process(&self) -> ProcessId {
        let text = fs::read(self.instances().join(ID).join("process.json")).expect("a file");
        serde_json::from_slice(&text).expect("a process")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_process_outlives_its_service_and_is_started_again_when_it_dies() {
    if !inside("a_node_process_outlives_its_service_and_is_started_again_when_it_dies") {
        return;
    }
    let world = World::new();
    let runtime = Runtime::new();
    world.keep(&runtime).await;
    let first = world.process();
    assert!(first.is_alive());
    runtime.shutdown().await;
    assert!(first.is_alive(), "a service that ends leaves its nodes");
    let runtime = Runtime::new();
    let kept = world.keep(&runtime).await;
    assert_eq!(world.process(), first, "the next one adopts them");
    world.network.connect_tcp(crate::imds::socket_address()).await.expect("the metadata service answers again");
    first.kill(Signal::SIGKILL).expect("killed");
    let second = loop {
        let now = world.process();
        if now != first {
            break now;
        }
        tokio::task::yield_now().await;
    };
    assert!(second.is_alive());
    kept.stop().await;
    world.sandbox().destroy().expect("destroyed");
    assert!(!second.is_alive() && !world.instances().join(ID).exists() && !service_cgroup(SERVICE).child(ID).exists());
    world.sandbox().destroy().expect("again");
    runtime.shutdown().await;
    purge(SERVICE, world.state.path()).expect("purged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_service_left_is_purged_by_its_id() {
    if !inside("what_a_dead_service_left_is_purged_by_its_id") {
        return;
    }
    let world = World::new();
    let other = netns::create("ph-ffffffff-i-1").expect("another service's network");
    let sandbox = world.sandbox();
    let process = sandbox.spawn(&world.program).expect("a process");
    // As if the service had died before it wrote down what it started: the next start does not run two.
    fs::remove_file(world.instances().join(ID).join("process.json")).expect("removed");
    let next = sandbox.spawn(&world.program).expect("a process");
    process.exited().await.expect("ended");
    assert!(!process.is_alive() && next.is_alive());
    let inside = world.instances().join(ID).join("root");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "none"]).arg(&inside).status();
    assert!(mounted.expect("mount").success());
    purge(SERVICE, world.state.path()).expect("purged");
    next.exited().await.expect("ended");
    assert!(!next.is_alive() && !service_cgroup(SERVICE).exists());
    assert_eq!(netns::list(&format!("ph-{SERVICE}-")).expect("names"), Vec::<String>::new());
    let table = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    assert!(!table.contains(&*world.state.path().to_string_lossy()), "{table}");
    assert!(Path::new("/run/netns/ph-ffffffff-i-1").exists(), "another service's stay");
    drop(other);
    netns::delete("ph-ffffffff-i-1").expect("removed");
    purge(SERVICE, world.state.path()).expect("again");
}
