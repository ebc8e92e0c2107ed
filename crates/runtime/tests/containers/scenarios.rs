//! What a runtime promises a kubelet.

use crate::world::World;
use node_os::process::Signal;
use runtime::cri::{
    ContainerRuntime, ContainerState, Error, ExecConfig, Mount, Resources, RuntimeEvent, SandboxConfig, SandboxState,
    SecurityContext, Streams, TerminalSize, Tmpfs,
};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Scenario = fn(&World) -> Pin<Box<dyn Future<Output = ()> + '_>>;

pub const ALL: &[(&str, Scenario)] = &[
    ("runs_and_ends", |world| Box::pin(runs_and_ends(world))),
    ("security", |world| Box::pin(security(world))),
    ("limits", |world| Box::pin(limits(world))),
    ("streams", |world| Box::pin(streams(world))),
    ("terminals", |world| Box::pin(terminals(world))),
    ("volumes", |world| Box::pin(volumes(world))),
    ("bad_commands", |world| Box::pin(bad_commands(world))),
    ("adoption", |world| Box::pin(adoption(world))),
    ("lost_shim", |world| Box::pin(lost_shim(world))),
    ("shared_processes", |world| Box::pin(shared_processes(world))),
    ("machine_processes", |world| Box::pin(machine_processes(world))),
    ("cycles", |world| Box::pin(cycles(world))),
];

async fn runs_and_ends(world: &World) {
    let (runtime, _) = world.open();
    let mut events = runtime.events();
    let sandbox = world.sandbox(&runtime, "one").await;
    assert_eq!(sandbox.state, SandboxState::Ready);
    let mut config = world.container("c1", "echo out; echo err >&2; hostname; echo $A $PATH; exit 3");
    config.env = vec![("A".into(), "a b".into())];
    world.run(&runtime, "one", &config).await;
    let status = world.until_exited(&runtime, "c1").await;
    assert_eq!((status.exit_code, status.reason.as_str()), (3, "Error"));
    assert!(status.finished_at_ns >= status.started_at_ns && status.started_at_ns >= status.created_at_ns);
    let logged = world.logged("c1");
    assert!(
        logged.contains("out\n")
            && logged.contains("err\n")
            && logged.contains("one\n")
            && logged.contains("a b /usr/local/sbin"),
        "{logged}"
    );
    let first = events.recv().await.expect("an event");
    assert_eq!(first, RuntimeEvent::ContainerStarted { pod_uid: "uid-one".into(), container: "c1".into() });
    // Stopping: the signal is given time, then none.
    let script = "trap 'echo bye; exit 0' TERM; echo up; while true; do sleep 0.1; done";
    world.run(&runtime, "one", &world.container("c2", script)).await;
    world.until_logged("c2", "up\n").await;
    runtime.stop_container("c2", Duration::from_secs(10)).await.expect("stopped");
    let status = runtime.container_status("c2").await.expect("a status");
    assert_eq!((status.exit_code, status.reason.as_str(), world.logged("c2").as_str()), (0, "Completed", "up\nbye\n"));
    world.run(&runtime, "one", &world.container("c3", "trap '' TERM; while true; do sleep 1; done")).await;
    runtime.stop_container("c3", Duration::from_millis(200)).await.expect("killed");
    assert_eq!(runtime.container_status("c3").await.expect("a status").exit_code, 137);
    runtime.remove_container("c2").await.expect("removed");
    assert!(matches!(runtime.container_status("c2").await, Err(Error::NotFound { .. })));
    assert_eq!(runtime.list_containers().await.expect("a list").len(), 2);
    for _ in 0..2 {
        runtime.remove_sandbox("one").await.expect("removed");
    }
    assert!(runtime.list_sandboxes().await.expect("a list").is_empty());
}

async fn security(world: &World) {
    let (runtime, _) = world.open();
    world.sandbox(&runtime, "safe").await;
    // Seccomp filters, capabilities are few, and what the kernel tells too much of is masked.
    let script = "grep -E '^(Seccomp|CapEff|NoNewPrivs):' /proc/self/status | tr '\\t' ' '; unshare -n true; echo $?; cat /proc/kcore | wc -c; id -u; id -G";
    let mut config = world.container("c1", script);
    config.security = SecurityContext {
        run_as_user: Some(33),
        no_new_privileges: true,
        supplemental_groups: vec![7],
        ..SecurityContext::default()
    };
    world.run(&runtime, "safe", &config).await;
    world.until_exited(&runtime, "c1").await;
    let logged = world.logged("c1");
    for expected in
        ["Seccomp: 2\n", "NoNewPrivs: 1\n", "CapEff: 0000000000000000\n", "Operation not permitted", "33\n", "34 7 40\n"]
    {
        assert!(logged.contains(expected), "{expected}: {logged}");
    }
    let mut config =
        world.container("c2", "grep -E '^(Seccomp|CapEff):' /proc/self/status | tr '\\t' ' '; echo x > /file; echo $?");
    config.security = SecurityContext {
        drop_capabilities: vec!["ALL".into()],
        add_capabilities: vec!["KILL".into()],
        readonly_rootfs: true,
        ..SecurityContext::default()
    };
    world.run(&runtime, "safe", &config).await;
    world.until_exited(&runtime, "c2").await;
    let logged = world.logged("c2");
    for expected in ["CapEff: 0000000000000020\n", "Read-only file system", "1\n"] {
        assert!(logged.contains(expected), "{expected}: {logged}");
    }
    let mut config =
        world.container("c3", "grep Seccomp: /proc/self/status | tr '\\t' ' '; mount -t tmpfs none /etc && echo mounted");
    config.security = SecurityContext { privileged: true, ..SecurityContext::default() };
    world.run(&runtime, "safe", &config).await;
    world.until_exited(&runtime, "c3").await;
    assert_eq!(world.logged("c3"), "Seccomp: 0\nmounted\n");
    runtime.remove_sandbox("safe").await.expect("removed");
}

async fn limits(world: &World) {
    let (runtime, _) = world.open();
    // As the kubelet asks for it: what the pod may use is what its containers may.
    let pod = Resources { memory_limit_bytes: 16 << 20, ..Resources::default() };
    world.limited_sandbox(&runtime, "small", pod).await;
    let mut config = world.container("c1", "a=x; while true; do a=$a$a; done");
    config.resources =
        Resources { memory_limit_bytes: 16 << 20, cpu_shares: 102, cpu_quota_us: 50_000, cpu_period_us: 100_000, pids_limit: 50 };
    world.run(&runtime, "small", &config).await;
    let status = world.until_exited(&runtime, "c1").await;
    assert_eq!((status.exit_code, status.reason.as_str()), (137, "OOMKilled"));
    let mut config = world.container("c2", "sleep 60 & sleep 60 & sleep 60 & sleep 60 & wait");
    config.resources = Resources { pids_limit: 3, ..Resources::default() };
    world.run(&runtime, "small", &config).await;
    world.until_exited(&runtime, "c2").await;
    assert!(world.logged("c2").contains("fork"), "{}", world.logged("c2"));
    let config = world.container("c3", "sleep 60");
    world.run(&runtime, "small", &config).await;
    let limit = Resources { cpu_shares: 77, ..Resources::default() };
    runtime.update_resources("c3", &limit).await.expect("updated");
    let stats = runtime.container_stats("c3").await.expect("numbers");
    assert!(stats.memory_usage_bytes > 0 && stats.pids >= 1, "{stats:?}");
    runtime.remove_sandbox("small").await.expect("removed");
}

async fn all_of(streams: &mut Streams) -> (String, String) {
    let (mut out, mut err) = (String::new(), String::new());
    if let Some(stdout) = &mut streams.stdout {
        stdout.read_to_string(&mut out).await.expect("read");
    }
    if let Some(stderr) = &mut streams.stderr {
        stderr.read_to_string(&mut err).await.expect("read");
    }
    (out, err)
}

fn exec(script: &str) -> ExecConfig {
    ExecConfig { command: vec!["sh".into(), "-c".into(), script.into()], stdout: true, stderr: true, ..ExecConfig::default() }
}

async fn streams(world: &World) {
    let (runtime, _) = world.open();
    world.sandbox(&runtime, "talk").await;
    let mut config = world.container("c1", "while read -r line; do echo heard $line; done; echo end");
    config.stdin = true;
    world.run(&runtime, "talk", &config).await;
    let mut streams = runtime.exec("c1", &exec("echo o; echo e >&2; exit 7")).await.expect("an exec");
    assert_eq!(all_of(&mut streams).await, ("o\n".into(), "e\n".into()));
    assert_eq!(streams.exit.await.expect("told").expect("a code"), 7);
    // Both directions at once, and the end of what is typed is passed on.
    let mut streams = runtime.exec("c1", &ExecConfig { stdin: true, ..exec("cat | wc -c") }).await.expect("an exec");
    let mut stdin = streams.stdin.take().expect("a stdin");
    let typing = async {
        stdin.write_all(&vec![b'x'; 5_000_000]).await.expect("written");
        drop(stdin);
    };
    let ((), said) = tokio::join!(typing, all_of(&mut streams));
    assert_eq!(said.0, "5000000\n");
    // Attached to the first process itself.
    let attach = ExecConfig { stdin: true, stdout: true, stderr: true, ..ExecConfig::default() };
    let mut streams = runtime.attach("c1", &attach).await.expect("attached");
    let mut stdin = streams.stdin.take().expect("a stdin");
    stdin.write_all(b"hello\n").await.expect("written");
    let mut heard = [0; 12];
    streams.stdout.as_mut().expect("a stdout").read_exact(&mut heard).await.expect("read");
    assert_eq!(&heard, b"heard hello\n");
    assert_eq!(world.logged("c1"), "heard hello\n");
    runtime.stop_container("c1", Duration::ZERO).await.expect("killed");
    assert_eq!(streams.exit.await.expect("told").expect("a code"), 137);
    assert!(runtime.exec("c1", &exec("true")).await.is_err());
    runtime.remove_sandbox("talk").await.expect("removed");
}

async fn terminals(world: &World) {
    let (runtime, _) = world.open();
    world.sandbox(&runtime, "tty").await;
    world.run(&runtime, "tty", &world.container("c1", "sleep 60")).await;
    let config = ExecConfig { tty: true, stdin: true, ..exec("test -t 0 && echo terminal; read -r go; stty size") };
    let mut streams = runtime.exec("c1", &config).await.expect("an exec");
    streams.resize.send(TerminalSize { width: 101, height: 33 }).await.expect("resized");
    // The resize goes another way than what is typed.
    tokio::time::sleep(Duration::from_millis(100)).await;
    streams.stdin.as_mut().expect("a stdin").write_all(b"go\n").await.expect("typed");
    let (out, _) = all_of(&mut streams).await;
    assert!(out.starts_with("terminal\r\n") && out.ends_with("33 101\r\n"), "{out:?}");
    assert_eq!(streams.exit.await.expect("told").expect("a code"), 0);
    let mut config = world.container("c2", "echo $TERM; read -r line; echo got $line");
    (config.tty, config.stdin) = (true, true);
    world.run(&runtime, "tty", &config).await;
    let attach = ExecConfig { stdin: true, stdout: true, ..ExecConfig::default() };
    let mut streams = runtime.attach("c2", &attach).await.expect("attached");
    streams.stdin.as_mut().expect("a stdin").write_all(b"typed\n").await.expect("typed");
    world.until_exited(&runtime, "c2").await;
    let logged = world.logged("c2");
    assert!(logged.contains("xterm") && logged.contains("got typed"), "{logged}");
    runtime.remove_sandbox("tty").await.expect("removed");
}

async fn volumes(world: &World) {
    let (runtime, _) = world.open();
    let (fast, shared) = (world.directory.join("fast"), world.directory.join("shared"));
    for directory in [&fast, &shared] {
        std::fs::create_dir(directory).expect("a directory");
    }
    std::fs::write(shared.join("file"), "from the host").expect("a file");
    let config = SandboxConfig {
        id: "vol".into(),
        pod_uid: "uid-vol".into(),
        hostname: "vol".into(),
        cgroup_parent: "/kubepods/podvol".into(),
        tmpfs: vec![Tmpfs { path: fast.clone(), size_bytes: 1 << 20, mode: 0o755 }],
        ..SandboxConfig::default()
    };
    let sandbox = runtime.run_sandbox(&config).await.expect("a sandbox");
    let inside = sandbox.root().join(fast.strip_prefix("/").expect("absolute"));
    std::fs::write(inside.join("secret"), "in memory").expect("written");
    assert!(!fast.join("secret").exists(), "it must not lie on disk");
    let mut config = world.container("c1", "cat /fast/secret /shared/file; echo x > /shared/other || echo refused; echo y > /fast/new && dd if=/dev/zero of=/fast/big bs=1M count=3");
    config.mounts = vec![
        Mount { host_path: fast, container_path: "/fast".into(), ..Mount::default() },
        Mount { host_path: shared, container_path: "/shared".into(), readonly: true, ..Mount::default() },
    ];
    world.run(&runtime, "vol", &config).await;
    world.until_exited(&runtime, "c1").await;
    let logged = world.logged("c1");
    for expected in ["in memoryfrom the host", "refused", "No space left on device"] {
        assert!(logged.contains(expected), "{expected}: {logged}");
    }
    runtime.remove_sandbox("vol").await.expect("removed");
}

async fn bad_commands(world: &World) {
    let (runtime, _) = world.open();
    world.sandbox(&runtime, "bad").await;
    for (command, words) in [
        ("nothing-like-this", "exec: \"nothing-like-this\": executable file not found in $PATH"),
        ("/no/such", "exec: \"/no/such\": stat /no/such: no such file or directory"),
        ("/etc/passwd", "exec: \"/etc/passwd\": permission denied"),
    ] {
        let mut config = world.container("c1", "");
        config.command = vec![command.into()];
        runtime.create_container("bad", &config).await.expect("made");
        let error = runtime.start_container("c1").await.expect_err(command);
        assert!(matches!(&error, Error::Create(text) if text.ends_with(words)), "{command}: {error}");
        let status = runtime.container_status("c1").await.expect("a status");
        assert_eq!((status.state, status.exit_code, status.reason.as_str()), (ContainerState::Exited, 128, "StartError"));
        runtime.remove_container("c1").await.expect("removed");
    }
    let mut config = world.container("c1", "");
    config.image.layers = vec!["/nowhere/at/all".into()];
    assert!(matches!(runtime.create_container("bad", &config).await, Err(Error::Create(_))));
    world.run(&runtime, "bad", &world.container("c1", "sleep 60")).await;
    let bad = ExecConfig { command: vec!["nope".into()], stdout: true, ..ExecConfig::default() };
    let error = runtime.exec("c1", &bad).await.err().expect("refused");
    assert!(error.to_string().ends_with("exec: \"nope\": executable file not found in $PATH"), "{error}");
    assert!(matches!(runtime.start_container("never").await, Err(Error::NotFound { .. })));
    runtime.remove_sandbox("bad").await.expect("removed");
}

/// The node process goes, the containers stay; what ended meanwhile is known.
async fn adoption(world: &World) {
    let (first, stop) = world.open();
    world.sandbox(&first, "kept").await;
    world.run(&first, "kept", &world.container("stays", "i=0; while true; do i=$((i+1)); echo $i; sleep 0.05; done")).await;
    world.run(&first, "kept", &world.container("ends", "sleep 0.3; exit 9")).await;
    let pid = first.container_status("stays").await.expect("a status").pid;
    stop.cancel();
    drop(first);
    tokio::time::sleep(Duration::from_millis(800)).await;
    let (second, _) = world.open();
    let status = second.container_status("stays").await.expect("a status");
    assert_eq!((status.pid, status.state), (pid, ContainerState::Running));
    assert_eq!(world.until_exited(&second, "ends").await.exit_code, 9);
    let numbers: Vec<u32> = world.logged("stays").lines().map(|line| line.parse().expect("a number")).collect();
    assert!(numbers.len() > 5 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    let mut streams = second.exec("stays", &exec("echo still here")).await.expect("an exec");
    assert_eq!(all_of(&mut streams).await.0, "still here\n");
    second.remove_sandbox("kept").await.expect("removed");
}

async fn lost_shim(world: &World) {
    let (runtime, _) = world.open();
    let sandbox = world.sandbox(&runtime, "lost").await;
    world.run(&runtime, "lost", &world.container("c1", "sleep 60")).await;
    let mut events = runtime.events();
    node_os::process::ProcessId::of(sandbox.pid).expect("the shim").kill(Signal::SIGKILL).expect("killed");
    let gone = RuntimeEvent::SandboxGone { pod_uid: "uid-lost".into(), sandbox: "lost".into() };
    let noticed = async { while events.recv().await.expect("an event") != gone {} };
    tokio::time::timeout(Duration::from_secs(10), noticed).await.expect("noticed");
    let status = runtime.container_status("c1").await.expect("a status");
    assert_eq!((status.state, status.exit_code), (ContainerState::Exited, 255));
    assert_eq!(runtime.list_sandboxes().await.expect("a list")[0].state, SandboxState::NotReady);
    assert!(world.cgroup().processes().is_empty());
    // The pod's next sandbox is nobody else's to end: not a runtime's that finds the lost one, nor of whoever removes that.
    let again = SandboxConfig { id: "again".into(), attempt: 1, ..sandbox.config };
    runtime.run_sandbox(&again).await.expect("a sandbox");
    world.run(&runtime, "again", &world.container("c2", "sleep 60")).await;
    let (runtime, _) = world.open();
    runtime.remove_sandbox("lost").await.expect("removed");
    assert_eq!(runtime.container_status("c2").await.expect("a status").state, ContainerState::Running);
    let mut streams = runtime.exec("c2", &exec("echo here")).await.expect("an exec");
    assert_eq!(all_of(&mut streams).await.0, "here\n");
    runtime.remove_sandbox("again").await.expect("removed");
}

async fn shared_processes(world: &World) {
    let (runtime, _) = world.open();
    let config = SandboxConfig {
        id: "pid".into(),
        pod_uid: "uid-pid".into(),
        hostname: "pid".into(),
        cgroup_parent: "/kubepods/podpid".into(),
        share_process_namespace: true,
        ..SandboxConfig::default()
    };
    runtime.run_sandbox(&config).await.expect("a sandbox");
    world.run(&runtime, "pid", &world.container("c1", "exec sleep 4711")).await;
    world.run(&runtime, "pid", &world.container("c2", "ps | grep 'sleep 4711' | grep -v grep | wc -l | tr -d ' '")).await;
    world.until_exited(&runtime, "c2").await;
    assert_eq!(world.logged("c2"), "1\n");
    runtime.remove_sandbox("pid").await.expect("removed");
}

/// A pod of the machine's own processes sees them, and ends like any other.
async fn machine_processes(world: &World) {
    let (runtime, _) = world.open();
    let config = SandboxConfig {
        id: "machine".into(),
        pod_uid: "uid-machine".into(),
        hostname: "machine".into(),
        cgroup_parent: "/kubepods/podmachine".into(),
        host_pid: true,
        host_ipc: true,
        ..SandboxConfig::default()
    };
    runtime.run_sandbox(&config).await.expect("a sandbox");
    world.run(&runtime, "machine", &world.container("c1", "sleep 4712 & wait")).await;
    world.run(&runtime, "machine", &world.container("c2", "readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc")).await;
    world.until_exited(&runtime, "c2").await;
    let own = |kind: &str| std::fs::read_link(format!("/proc/self/ns/{kind}")).expect("a namespace").display().to_string();
    assert_eq!(world.logged("c2"), format!("{}\n{}\n", own("pid"), own("ipc")));
    runtime.stop_container("c1", Duration::ZERO).await.expect("killed");
    assert!(world.cgroup().processes().len() <= 1, "at most the shim is left");
    runtime.remove_sandbox("machine").await.expect("removed");
}

/// Nothing accumulates. `PILOTHOUSE_CYCLES=1000` for the long run.
async fn cycles(world: &World) {
    let count: u32 = std::env::var("PILOTHOUSE_CYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(30);
    let (runtime, _) = world.open();
    world.sandbox(&runtime, "cycle").await;
    let descriptors = || std::fs::read_dir("/proc/self/fd").expect("descriptors").count();
    let mut before = 0;
    for number in 0..count {
        let id = format!("c{number}");
        world.run(&runtime, "cycle", &world.container(&id, "sleep 60")).await;
        runtime.stop_container(&id, Duration::ZERO).await.expect("killed");
        runtime.remove_container(&id).await.expect("removed");
        if number == 5 {
            before = descriptors();
        }
    }
    assert!(descriptors() <= before + 3, "{} descriptors, {before} at first", descriptors());
    let shim = runtime.list_sandboxes().await.expect("a list")[0].pid;
    let open = std::fs::read_dir(format!("/proc/{shim}/fd")).expect("descriptors").count();
    assert!(open < 20, "the shim has {open} descriptors");
    runtime.remove_sandbox("cycle").await.expect("removed");
    for number in 0..count / 3 {
        let id = format!("s{number}");
        world.sandbox(&runtime, &id).await;
        runtime.remove_sandbox(&id).await.expect("removed");
    }
}
