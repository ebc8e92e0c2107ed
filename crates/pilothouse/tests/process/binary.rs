//! The program under test, in a directory of its own.

use crate::aws::Aws;
use aws_wire::sigv4::Credentials;
use cluster::StateDir;
use meta::{Clock, Doc, SystemClock};
use serde_json::json;
use std::future::Future;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Whom every system knows as the one who may do nothing.
const NOBODY: u32 = 65534;
/// Between two looks at a status, as `aws eks wait` looks, only more often.
const LOOK: Duration = Duration::from_millis(5);

/// A directory that is a user's home and holds a state directory, and a port.
pub struct Home {
    pub directory: TempDir,
    pub port: u16,
    program: PathBuf,
    /// None: as whoever runs the tests.
    user: Option<u32>,
}

/// A service that was killed leaves network namespaces and cgroups, which are not in its directory.
impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = cluster::purge(&self.state_dir()) {
            eprintln!("a service's leftovers cannot be removed: {error}");
        }
    }
}

impl Home {
    pub fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        let program = env!("CARGO_BIN_EXE_pilothouse").into();
        Self { directory: tempfile::tempdir().expect("a directory"), port, program, user: None }
    }

    /// The home of somebody who is not root, where root runs the tests.
    pub fn of_nobody() -> Self {
        use std::os::unix::fs::{MetadataExt, chown};
        let mut home = Self::new();
        let path = home.directory.path().to_owned();
        if std::fs::metadata(&path).expect("a directory").uid() == 0 {
            // The build directory may be root's alone.
            let program = path.join("pilothouse");
            // By another process: a file that this one writes cannot be executed while a child of another test still has it.
            let copied = std::process::Command::new("cp").arg(&home.program).arg(&program).status();
            assert!(copied.expect("cp").success(), "the program is not copied");
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("another owner");
            (home.program, home.user) = (program, Some(NOBODY));
        }
        home
    }

    pub fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    pub fn state_dir(&self) -> StateDir {
        StateDir::new(self.state())
    }

    /// The program with these arguments and nothing of this process's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.args(arguments).env_clear().env("HOME", self.directory.path()).env("PILOTHOUSE_STATE_DIR", self.state());
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    pub async fn run(&self, arguments: &[&str]) -> Output {
        within("a command", self.command(arguments).output()).await.expect("the program runs")
    }

    /// What a command that is to succeed prints.
    pub async fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// The one line of a command that is to fail.
    pub async fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        assert!(output.status.code() == Some(1) && said.lines().count() == 1, "{arguments:?}: {} {said}", output.status);
        said
    }

    /// The service in the foreground, as a child of this process; returns when it is ready.
    pub async fn up(&self) -> Running {
        self.up_with(&[]).await
    }

    pub async fn up_with(&self, more: &[&str]) -> Running {
        let port = self.port.to_string();
        let mut command = self.command(&[&["up", "--port", &port], more].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let ready = async {
            loop {
                match lines.next_line().await.expect("its output") {
                    Some(line) if line.contains("ready: ") => break true,
                    Some(_) => {}
                    None => break false,
                }
            }
        };
        if within("ready", ready).await {
            return Running { child, aws: self.aws() };
        }
        let output = child.wait_with_output().await.expect("its end");
        panic!("the service does not start: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A client with the administrator's key.
    pub fn aws(&self) -> Aws {
        let state = self.state_dir();
        let info = state.read_info().expect("readable").expect("a service");
        let key = state.read_credentials().expect("readable").expect("a key");
        Aws {
            endpoint: info.endpoint,
            authority: std::fs::read_to_string(state.authority()).expect("an authority"),
            region: info.region,
            credentials: Credentials {
                access_key_id: key.access_key_id,
                secret_access_key: key.secret_access_key,
                session_token: None,
            },
            time: SystemClock.now(),
        }
    }

    /// Every file below the state directory.
    pub fn files(&self) -> Vec<PathBuf> {
        let (mut out, mut open) = (Vec::new(), vec![self.state()]);
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(&directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path.clone())
                }
                out.push(path);
            }
        }
        out
    }
}

/// A service, until it is killed. Nothing of it outlives the test.
pub struct Running {
    child: Child,
    pub aws: Aws,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        within("its end", self.child.kill()).await.expect("it can be killed");
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> bool {
        within("its end", self.child.wait()).await.expect("an exit status").success()
    }

    pub async fn create(&self, name: &str) {
        let input = cluster_input(&self.aws, name).await;
        self.aws.ok("eks", "CreateCluster", input).await;
    }

    pub async fn active(&self, name: &str) -> Doc {
        active(&self.aws, name).await
    }

    /// Waits as `aws eks wait cluster-deleted` does.
    pub async fn gone(&self, name: &str) {
        let look = async {
            while let Ok(seen) = self.aws.call("eks", "DescribeCluster", json!({"name": name})).await {
                assert_eq!(seen["cluster"]["status"], "DELETING", "{name}");
                tokio::time::sleep(LOOK).await;
            }
        };
        within("gone", look).await;
    }
}

/// Waits as `aws eks wait cluster-active` does.
pub async fn active(aws: &Aws, name: &str) -> Doc {
    let look = async {
        loop {
            let seen = aws.ok("eks", "DescribeCluster", json!({"name": name})).await["cluster"].take();
            if seen["status"] == "ACTIVE" {
                return seen;
            }
            assert_eq!(seen["status"], "CREATING", "{name}");
            tokio::time::sleep(LOOK).await;
        }
    };
    within("ACTIVE", look).await
}

pub async fn cluster_input(aws: &Aws, name: &str) -> Doc {
    let listed = aws.ok("ec2", "DescribeSubnets", json!({})).await;
    let subnets: Vec<&Doc> = listed["Subnets"].as_array().into_iter().flatten().map(|subnet| &subnet["SubnetId"]).collect();
    json!({
        "name": name, "roleArn": "arn:aws:iam::123456789012:role/eksClusterRole", "resourcesVpcConfig": {"subnetIds": subnets},
        "accessConfig": {"authenticationMode": "API"},
    })
}

pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::symlink_metadata(path).expect("a file").permissions().mode() & 0o777
}
