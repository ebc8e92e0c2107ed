//! A container runtime whose containers are processes of this machine.

use runtime::cri::{
    ContainerConfig, ContainerRuntime, ContainerState, ContainerStats, ContainerStatus, Error, ExecConfig, Resources, Result,
    RuntimeEvent, SandboxConfig, SandboxStatus, Streams,
};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::task::TaskTracker;

pub struct Processes {
    pub ended: AtomicBool,
    pub events: broadcast::Sender<RuntimeEvent>,
    pub tasks: TaskTracker,
}

impl Processes {
    pub fn new(tasks: TaskTracker) -> Self {
        Self { ended: AtomicBool::new(false), events: broadcast::channel(8).0, tasks }
    }

    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.events
            .send(RuntimeEvent::ContainerExited { pod_uid: "u".into(), container: "main".into() })
            .expect("somebody follows a log");
    }

    fn run(&self, command: &[String], config: &ExecConfig) -> Result<Streams> {
        let piped = |wanted: bool| if wanted { Stdio::piped() } else { Stdio::null() };
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .stdin(piped(config.stdin))
            .stdout(piped(config.stdout))
            .stderr(piped(config.stderr))
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Error::Create(error.to_string()))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (exit, exited) = oneshot::channel();
        self.tasks.spawn(async move {
            let status = child.wait().await.expect("a child of ours");
            drop(exit.send(Ok(status.code().unwrap_or(137))));
        });
        Ok(Streams {
            stdin: stdin.map(|stream| Box::pin(stream) as _),
            stdout: stdout.map(|stream| Box::pin(stream) as _),
            stderr: stderr.map(|stream| Box::pin(stream) as _),
            resize: mpsc::channel(1).0,
            exit: exited,
        })
    }

    /// Says the first size that it is told.
    fn size(&self) -> Streams {
        let (resize, mut sizes) = mpsc::channel::<runtime::cri::TerminalSize>(1);
        let (exit, exited) = oneshot::channel();
        let (mut writer, reader) = tokio::io::duplex(64);
        self.tasks.spawn(async move {
            let size = sizes.recv().await.expect("a terminal has a size");
            let text = format!("{}x{}\n", size.width, size.height);
            tokio::io::AsyncWriteExt::write_all(&mut writer, text.as_bytes()).await.expect("somebody reads");
            drop(exit.send(Ok(0)));
        });
        Streams { stdin: None, stdout: Some(Box::pin(reader)), stderr: None, resize, exit: exited }
    }
}

#[async_trait::async_trait]
impl ContainerRuntime for Processes {
    fn version(&self) -> String {
        "processes://1".into()
    }
    async fn run_sandbox(&self, _: &SandboxConfig) -> Result<SandboxStatus> {
        Err(Error::Internal("not here".into()))
    }
    async fn stop_sandbox(&self, _: &str) -> Result<()> {
        Ok(())
    }
    async fn remove_sandbox(&self, _: &str) -> Result<()> {
        Ok(())
    }
    async fn list_sandboxes(&self) -> Result<Vec<SandboxStatus>> {
        Ok(Vec::new())
    }
    async fn create_container(&self, _: &str, _: &ContainerConfig) -> Result<()> {
        Ok(())
    }
    async fn start_container(&self, _: &str) -> Result<()> {
        Ok(())
    }
    async fn stop_container(&self, _: &str, _: Duration) -> Result<()> {
        Ok(())
    }
    async fn remove_container(&self, _: &str) -> Result<()> {
        Ok(())
    }
    async fn list_containers(&self) -> Result<Vec<ContainerStatus>> {
        Ok(Vec::new())
    }
    async fn container_status(&self, _: &str) -> Result<ContainerStatus> {
        let state = if self.ended.load(Ordering::SeqCst) { ContainerState::Exited } else { ContainerState::Running };
        Ok(ContainerStatus {
            config: ContainerConfig::default(),
            sandbox_id: "s".into(),
            state,
            pid: 0,
            created_at_ns: 0,
            started_at_ns: 0,
            finished_at_ns: 0,
            exit_code: 0,
            reason: String::new(),
            message: String::new(),
        })
    }
    async fn container_stats(&self, _: &str) -> Result<ContainerStats> {
        Ok(ContainerStats::default())
    }
    async fn update_resources(&self, _: &str, _: &Resources) -> Result<()> {
        Ok(())
    }
    async fn exec(&self, _: &str, config: &ExecConfig) -> Result<Streams> {
        match config.command[0].as_str() {
            "size" => Ok(self.size()),
            _ => self.run(&config.command, config),
        }
    }
    async fn attach(&self, _: &str, config: &ExecConfig) -> Result<Streams> {
        let line = "while read -r line; do echo heard $line; done";
        self.run(&["sh".into(), "-c".into(), line.into()], config)
    }
    fn events(&self) -> broadcast::Receiver<RuntimeEvent> {
        self.events.subscribe()
    }
}
