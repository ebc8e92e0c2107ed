//! Streams as a person has them: the stock kubectl, an API server, a kubelet's server, and processes of this machine in
//! place of containers. Over WebSocket and over SPDY.

#[path = "../../../apiserver/tests/plane/mod.rs"]
mod plane;
mod processes;
mod world;

use std::io::{BufRead, BufReader, Read, Write};
use world::{World, kubectl};

/// How kubectl is told which protocol to use.
const PROTOCOLS: [&str; 2] = ["true", "false"];
const MEGABYTES: usize = 20 << 20;

/// Bytes that do not repeat within a buffer, so that a lost or doubled piece shows.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(next).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commands_run_in_containers() {
    let Some(world) = World::start().await else { return };
    for websockets in PROTOCOLS {
        let run = |args: &[&str], input: &[u8]| world.kubectl(args, websockets, input);
        let out = run(&["exec", "p", "--", "sh", "-c", "echo out; echo err >&2"], b"");
        assert_eq!((out.code, out.stdout(), out.stderr()), (0, "out\n", "err\n"), "{websockets}");
        let failed = run(&["exec", "p", "--", "sh", "-c", "exit 7"], b"");
        assert_eq!((failed.code, failed.stderr()), (7, "command terminated with exit code 7\n"), "{websockets}");
        let missing = run(&["exec", "p", "--", "/no/such/program"], b"");
        assert!(missing.stderr().contains("error executing command in container") && missing.code != 0, "{}", missing.stderr());
        // The end of the input reaches the process.
        let typed = run(&["exec", "-i", "p", "--", "cat"], b"typed in");
        assert_eq!((typed.code, typed.stdout()), (0, "typed in"), "{websockets}: {}", typed.stderr());
        let noise = noise(MEGABYTES);
        let there_and_back = run(&["exec", "-i", "p", "--", "cat"], &noise);
        assert!(there_and_back.stdout == noise, "{websockets}: {} bytes came back", there_and_back.stdout.len());
        // A process that does not read its input ends all the same.
        let unread = run(&["exec", "-i", "p", "--", "echo", "done"], &noise);
        assert_eq!(unread.stdout(), "done\n", "{websockets}");
        let attached = run(&["attach", "-i", "p", "-q"], b"hello\n");
        assert_eq!(attached.stdout(), "heard hello\n", "{websockets}: {}", attached.stderr());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn files_are_copied() {
    let Some(world) = World::start().await else { return };
    let noise = noise(MEGABYTES);
    let from = world.directory.path().join("big");
    let there = world.directory.path().join("there");
    std::fs::write(&from, &noise).expect("written");
    for websockets in PROTOCOLS {
        let (from, there) = (from.to_str().expect("UTF-8"), there.to_str().expect("UTF-8"));
        let put = world.kubectl(&["cp", from, &format!("suite/p:{there}")], websockets, b"");
        assert_eq!(put.code, 0, "{}", put.stderr());
        assert!(std::fs::read(there).expect("copied") == noise, "{websockets}");
        let back = format!("{from}.back");
        let get = world.kubectl(&["cp", &format!("suite/p:{there}"), &back], websockets, b"");
        assert_eq!(get.code, 0, "{}", get.stderr());
        assert!(std::fs::read(&back).expect("copied back") == noise, "{websockets}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn terminals_have_a_size() {
    let Some(world) = World::start().await else { return };
    if !std::path::Path::new("/usr/bin/script").exists() {
        return println!("skipped: there is no script(1) to make a terminal");
    }
    for websockets in PROTOCOLS {
        let line = format!("stty rows 33 cols 77; {} exec -it p -- size", world.command_line());
        let out = world.shell(&format!("script -qec '{line}' /dev/null </dev/null"), websockets);
        assert!(out.stdout().contains("77x33"), "{websockets}: {} {}", out.stdout(), out.stderr());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ports_are_forwarded() {
    let Some(world) = World::start().await else { return };
    let server = world.echo_server().await;
    for websockets in PROTOCOLS {
        let mut forward = world.spawn(&["port-forward", "pod/p", &format!(":{server}")], websockets);
        let mut lines = BufReader::new(forward.0.stdout.take().expect("piped")).lines();
        let line = lines.next().expect("a line").expect("UTF-8");
        let port: u16 = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).expect(&line);
        let noise = noise(MEGABYTES);
        for size in [5, MEGABYTES, 100_000] {
            let sent = &noise[..size];
            assert!(tokio::task::block_in_place(|| echo(port, sent)) == sent, "{websockets} {size}");
        }
    }
    for websockets in PROTOCOLS {
        let mut forward = world.spawn(&["port-forward", "pod/p", ":1"], websockets);
        let mut lines = BufReader::new(forward.0.stdout.take().expect("piped")).lines();
        let line = lines.next().expect("a line").expect("UTF-8");
        let port: u16 = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).expect(&line);
        assert_eq!(tokio::task::block_in_place(|| echo(port, b"x")), b"");
        let stderr = forward.0.stderr.take().expect("piped");
        let said: Vec<String> = BufReader::new(stderr).lines().map_while(Result::ok).take(1).collect();
        assert!(said.concat().contains("connect: connection refused"), "{websockets}: {said:?}");
    }
}

/// Sends everything, then reads as much back.
#[expect(clippy::disallowed_methods, reason = "kubectl's own listener on loopback")]
fn echo(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("kubectl listens");
    let mut writer = stream.try_clone().expect("a handle");
    std::thread::scope(|scope| {
        let writing = std::thread::Builder::new().spawn_scoped(scope, move || {
            // A connection that is refused behind kubectl breaks here.
            drop(writer.write_all(bytes));
        });
        let mut read = vec![0; bytes.len()];
        let back = match stream.read_exact(&mut read) {
            Ok(()) => read,
            Err(_) => Vec::new(),
        };
        writing.expect("a thread").join().expect("it wrote");
        back
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logs_are_read_and_followed() {
    let Some(world) = World::start().await else { return };
    let run = |args: &[&str]| world.kubectl(args, "true", b"");
    world.log("stdout", &["one", "two", "three"]);
    assert_eq!(run(&["logs", "p"]).stdout(), "one\ntwo\nthree\n");
    assert_eq!(run(&["logs", "p", "--tail=1"]).stdout(), "three\n");
    assert_eq!(run(&["logs", "p", "--limit-bytes=5"]).stdout(), "one\nt");
    assert!(run(&["logs", "p", "--timestamps", "--tail=1"]).stdout().ends_with("Z three\n"));
    let mut follow = world.spawn(&["logs", "-f", "p", "--tail=1"], "true");
    let mut lines = BufReader::new(follow.0.stdout.take().expect("piped")).lines();
    let mut next = || tokio::task::block_in_place(|| lines.next().map(|line| line.expect("UTF-8")));
    assert_eq!(next().as_deref(), Some("three"));
    world.log("stdout", &["four"]);
    assert_eq!(next().as_deref(), Some("four"));
    world.rotate();
    world.log("stderr", &["five"]);
    assert_eq!(next().as_deref(), Some("five"));
    world.log("stdout", &["last"]);
    world.end_container();
    assert_eq!(next().as_deref(), Some("last"));
    assert_eq!(next(), None, "the container has ended");
    for (args, expected) in [
        (vec!["logs", "p", "-c", "x"], "error: container x is not valid for pod p\n"),
        (
            vec!["logs", "p", "--previous"],
            "Error from server (BadRequest): previous terminated container \"main\" in pod \"p\" not found\n",
        ),
        (vec!["logs", "nowhere"], ""),
        (vec!["exec", "nowhere", "--", "ls"], "Error from server (BadRequest): pod nowhere does not have a host assigned\n"),
    ] {
        assert_eq!(run(&args).stderr(), expected, "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_is_proxied_to() {
    let Some(world) = World::start().await else { return };
    for (path, expected) in [
        ("/api/v1/nodes/n1/proxy/healthz", "ok"),
        ("/api/v1/nodes/n1/proxy/pods", "\"kind\":\"PodList\""),
        ("/api/v1/nodes/n1/proxy/stats/summary", "\"nodeName\":\"n1\""),
        ("/api/v1/nodes/n1/proxy/metrics", "kubelet_running_pods"),
    ] {
        let out = kubectl(&world, &["get", "--raw", path]);
        assert!(out.stdout().contains(expected), "{path}: {} {}", out.stdout(), out.stderr());
    }
}
