//! The runtime as a kubelet sees it: sandboxes found in a directory, each with a shim that is asked.
//!
//! **Invariant**: this holds nothing that is not in the directory. Whoever opens it again finds the same sandboxes, the same
//! containers, and how those ended that ended meanwhile.

use crate::cri::{
    ContainerConfig, ContainerRuntime, ContainerState, ContainerStats, ContainerStatus, Error, ExecConfig, Resources, Result,
    RuntimeEvent, SandboxConfig, SandboxState, SandboxStatus, Streams,
};
use crate::facts::{signal_named, written};
use crate::layout::{self, READY, SOCKET, SandboxDir, SandboxFile};
use crate::protocol::{Failure, Reply, Request, receive, send};
use crate::terminal::Terminal;
use node_os::cgroup::{Cgroup, Limits};
use node_os::process::{Detached, ProcessId, Signal};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A reader that is further behind lists everything.
const EVENTS: usize = 1024;
/// A killed process that has not ended by then hangs in the kernel.
const KILL_PATIENCE: Duration = Duration::from_secs(30);
/// A shim that does not listen by then will not.
const START_PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Holds a directory for each sandbox.
    pub root: PathBuf,
    /// What is run as a shim, with the sandbox's directory as its last argument.
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Of the node, from the top of each hierarchy.
    pub cgroup: Cgroup,
}

/// A clock for what is noted; a parameter, as everywhere.
pub type NowNs = Arc<dyn Fn() -> i64 + Send + Sync>;

#[derive(Clone)]
pub struct Embedded(Arc<Inner>);

struct Inner {
    config: RuntimeConfig,
    now_ns: NowNs,
    known: Mutex<Known>,
    events: broadcast::Sender<RuntimeEvent>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Default)]
struct Known {
    sandboxes: HashMap<String, Arc<Sandbox>>,
    /// Container to sandbox.
    containers: HashMap<String, String>,
}

struct Sandbox {
    directory: SandboxDir,
    file: SandboxFile,
    shim: ProcessId,
}

impl Sandbox {
    fn status(&self) -> SandboxStatus {
        let state = if self.shim.is_alive() { SandboxState::Ready } else { SandboxState::NotReady };
        SandboxStatus { config: self.file.config.clone(), state, created_at_ns: self.file.created_at_ns, pid: self.shim.pid }
    }

    fn cgroup(&self) -> Cgroup {
        self.file.group()
    }

    /// Of what ran without anybody who could say how it ended.
    fn bury(&self, now_ns: i64) -> io::Result<()> {
        self.file.shim_group().kill_all()?;
        self.file.group().kill_all()?;
        for id in self.directory.containers()? {
            let container = self.directory.container(&id);
            let Ok(mut status) = container.status() else { continue }; // never made whole
            if status.state != ContainerState::Exited {
                status.state = ContainerState::Exited;
                // As containerd reports it.
                status.exit_code = 255;
                status.reason = "Unknown".into();
                status.finished_at_ns = now_ns;
                container.write_status(&status)?;
            }
        }
        Ok(())
    }
}

fn internal(error: io::Error) -> Error {
    Error::Internal(error.to_string())
}

fn joined(error: tokio::task::JoinError) -> Error {
    Error::Internal(error.to_string())
}

impl Embedded {
    /// Finds the sandboxes that are there. To be called inside a tokio runtime.
    pub fn open(config: RuntimeConfig, now_ns: NowNs, tasks: TaskTracker, stop: CancellationToken) -> io::Result<Self> {
        std::fs::create_dir_all(&config.root)?;
        let names = layout::names(&config.root)?;
        let inner = Inner { config, now_ns, known: Mutex::default(), events: broadcast::channel(EVENTS).0, tasks, stop };
        let runtime = Self(Arc::new(inner));
        for name in names {
            runtime.adopt(&name)?;
        }
        Ok(runtime)
    }

    fn adopt(&self, id: &str) -> io::Result<()> {
        let directory = self.directory(id);
        let (Ok(file), Ok(shim)) = (directory.file(), directory.shim()) else {
            tracing::info!(sandbox = id, "a sandbox that was never whole is removed");
            if let Ok(file) = directory.file() {
                file.clear_cgroups()?;
            }
            return directory.remove();
        };
        let sandbox = Arc::new(Sandbox { directory, file, shim });
        if !shim.is_alive() {
            sandbox.bury((self.0.now_ns)())?;
        }
        self.know(&sandbox)?;
        Ok(())
    }

    fn know(&self, sandbox: &Arc<Sandbox>) -> io::Result<()> {
        let id = sandbox.file.config.id.clone();
        let containers = sandbox.directory.containers()?;
        {
            let mut known = self.known();
            known.containers.extend(containers.into_iter().map(|container| (container, id.clone())));
            known.sandboxes.insert(id, sandbox.clone());
        }
        if sandbox.shim.is_alive() {
            let (runtime, sandbox) = (self.clone(), sandbox.clone());
            self.0.tasks.spawn(async move {
                let stop = runtime.0.stop.clone();
                stop.run_until_cancelled(runtime.watch(&sandbox)).await;
            });
        }
        Ok(())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Nothing that is done under the lock can stop half-way.
        self.0.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn directory(&self, id: &str) -> SandboxDir {
        SandboxDir::new(self.0.config.root.join(id))
    }

    fn sandbox(&self, id: &str) -> Result<Arc<Sandbox>> {
        self.known().sandboxes.get(id).cloned().ok_or_else(|| Error::NotFound { kind: "sandbox", id: id.to_owned() })
    }

    fn sandbox_of(&self, container: &str) -> Result<Arc<Sandbox>> {
        let known = self.known();
        let sandbox = known.containers.get(container).and_then(|id| known.sandboxes.get(id)).cloned();
        sandbox.ok_or_else(|| Error::NotFound { kind: "container", id: container.to_owned() })
    }

    /// Passes on what a shim tells, until it is gone.
    async fn watch(&self, sandbox: &Sandbox) {
        let pod_uid = sandbox.file.config.pod_uid.clone();
        let listening = async {
            let stream = self.ask_on(sandbox.directory.clone(), Request::Subscribe, Vec::new()).await?.0;
            stream.set_nonblocking(true).map_err(internal)?;
            let mut stream = tokio::net::UnixStream::from_std(stream).map_err(internal)?;
            // Whatever ended before somebody listened.
            self.report_ended(sandbox);
            loop {
                let Some(Reply::Changed { id, running }) = read_message(&mut stream).await.map_err(internal)? else {
                    return Ok::<_, Error>(());
                };
                let pod_uid = pod_uid.clone();
                self.tell(if running {
                    RuntimeEvent::ContainerStarted { pod_uid, container: id }
                } else {
                    RuntimeEvent::ContainerExited { pod_uid, container: id }
                });
            }
        };
        if let Err(error) = listening.await {
            tracing::debug!(%error, sandbox = sandbox.file.config.id, "a shim is not listened to any more");
        }
        if let Err(error) = sandbox.shim.exited().await {
            tracing::warn!(%error, "a shim's end cannot be waited for");
            return;
        }
        if let Err(error) = sandbox.bury((self.0.now_ns)()) {
            tracing::error!(%error, sandbox = sandbox.file.config.id, "what a lost shim left cannot be cleared");
        }
        self.tell(RuntimeEvent::SandboxGone { pod_uid, sandbox: sandbox.file.config.id.clone() });
    }

    fn report_ended(&self, sandbox: &Sandbox) {
        let ids = sandbox.directory.containers().unwrap_or_default(); // unreadable: whoever asks is told
        for container in ids {
            if sandbox.directory.container(&container).status().is_ok_and(|status| status.state == ContainerState::Exited) {
                self.tell(RuntimeEvent::ContainerExited { pod_uid: sandbox.file.config.pod_uid.clone(), container });
            }
        }
    }

    fn tell(&self, event: RuntimeEvent) {
        // Nobody listens yet.
        drop(self.0.events.send(event));
    }

    /// One exchange with a shim. The connection comes back for what follows.
    async fn ask_on(
        &self,
        directory: SandboxDir,
        request: Request,
        give: Vec<OwnedFd>,
    ) -> Result<(UnixStream, Reply, Vec<OwnedFd>)> {
        let exchange = move || -> io::Result<(UnixStream, Option<(Reply, Vec<OwnedFd>)>)> {
            let stream = node_os::unix::connect_in(directory.path(), SOCKET)?;
            let raw: Vec<RawFd> = give.iter().map(AsRawFd::as_raw_fd).collect();
            send(&stream, &request, &raw)?;
            let reply = receive(&stream)?;
            Ok((stream, reply))
        };
        let (stream, reply) = tokio::task::spawn_blocking(exchange).await.map_err(joined)?.map_err(internal)?;
        match reply {
            Some((Reply::Failed(Failure::NotFound(id)), _)) => Err(Error::NotFound { kind: "container", id }),
            Some((Reply::Failed(Failure::Create(text)), _)) => Err(Error::Create(text)),
            Some((Reply::Failed(Failure::Internal(text)), _)) => Err(Error::Internal(text)),
            Some((reply, descriptors)) => Ok((stream, reply, descriptors)),
            None => Err(Error::Internal("the shim closed the connection".into())),
        }
    }

    async fn ask(&self, sandbox: &Sandbox, request: Request) -> Result<Reply> {
        Ok(self.ask_on(sandbox.directory.clone(), request, Vec::new()).await?.1)
    }

    async fn start_shim(&self, directory: &SandboxDir, file: &SandboxFile) -> Result<ProcessId> {
        let log = directory.log();
        let (pod, own) = (file.pod_group(), file.shim_group());
        let limits = limits(&file.config.resources);
        let ready = node_os::unix::bind_in(directory.path(), READY).map_err(internal)?;
        ready.set_nonblocking(true).map_err(internal)?;
        let ready = tokio::net::UnixListener::from_std(ready).map_err(internal)?;
        let (config, path) = (self.0.config.clone(), directory.path().to_owned());
        let spawn = move || -> io::Result<ProcessId> {
            pod.create(&limits)?;
            own.create(&Limits::default())?;
            let last = path.display().to_string();
            let arguments: Vec<&str> = config.arguments.iter().map(String::as_str).chain([last.as_str()]).collect();
            let shim = Detached {
                program: &config.program,
                arguments: &arguments,
                network: None,
                cgroup: Some(&own),
                log: &log,
                directory: &path,
                environment: &[],
            };
            shim.spawn()
        };
        let shim = tokio::task::spawn_blocking(spawn).await.map_err(joined)?.map_err(internal)?;
        let outcome = tokio::select! {
            connected = ready.accept() => connected.map(drop).map_err(internal),
            ended = shim.exited() => Err(ended.err().map_or_else(|| Error::Create(last_words(&directory.log())), internal)),
            () = tokio::time::sleep(START_PATIENCE) => Err(Error::Internal("the shim does not start".into())),
        };
        match outcome {
            Ok(()) => Ok(shim),
            Err(error) => {
                shim.kill(Signal::SIGKILL).map_err(internal)?;
                shim.exited().await.map_err(internal)?;
                Err(error)
            }
        }
    }

    async fn exec_on(&self, id: &str, config: &ExecConfig, request: Request) -> Result<Streams> {
        let sandbox = self.sandbox_of(id)?;
        let attach = matches!(request, Request::Attach { .. });
        let tty = if attach { self.container_status(id).await?.config.tty } else { config.tty };
        let mut give = Vec::new();
        let (mut stdin, mut stdout, mut stderr) = (None, None, None);
        if config.stdin && !tty && !attach {
            let (sender, receiver) = pipe::pipe().map_err(internal)?;
            stdin = Some(Box::pin(sender) as crate::cri::Writer);
            give.push(receiver.into_blocking_fd().map_err(internal)?);
        }
        for (wanted, slot) in [(config.stdout && (!tty || attach), &mut stdout), (config.stderr && !tty, &mut stderr)] {
            if wanted {
                let (sender, receiver) = pipe::pipe().map_err(internal)?;
                *slot = Some(Box::pin(receiver) as crate::cri::Reader);
                give.push(sender.into_blocking_fd().map_err(internal)?);
            }
        }
        let (stream, _, taken) = self.ask_on(sandbox.directory.clone(), request, give).await?;
        let (resize, mut sizes) = mpsc::channel(4);
        let mut terminal = None;
        if let Some(fd) = taken.into_iter().next() {
            if tty {
                let master = Terminal::new(fd).map_err(internal)?;
                if !attach {
                    stdout = Some(Box::pin(master.clone()));
                }
                stdin = config.stdin.then(|| Box::pin(master.clone()) as crate::cri::Writer);
                terminal = Some(master);
            } else {
                let sender = pipe::Sender::from_owned_fd(non_blocking(fd)?).map_err(internal)?;
                stdin = Some(Box::pin(sender));
            }
        }
        stream.set_nonblocking(true).map_err(internal)?;
        let mut stream = tokio::net::UnixStream::from_std(stream).map_err(internal)?;
        let (tell, exit) = oneshot::channel();
        self.0.tasks.spawn(async move {
            let resizing = async {
                while let Some(size) = sizes.recv().await {
                    if let Some(Err(error)) = terminal.as_ref().map(|terminal| terminal.resize(size)) {
                        tracing::debug!(%error, "a terminal cannot be resized");
                    }
                }
                std::future::pending::<()>().await;
            };
            let ended = tokio::select! {
                ended = read_message(&mut stream) => ended,
                () = resizing => return,
            };
            let code = match ended {
                Ok(Some(Reply::Exited(code))) => Ok(code),
                Ok(_) => Err(Error::Internal("the shim is gone".into())),
                Err(error) => Err(internal(error)),
            };
            // Who does not wait does not hear it.
            drop(tell.send(code));
        });
        Ok(Streams { stdin, stdout, stderr, resize, exit })
    }

    /// Until the container has ended, as seen by its events.
    async fn until_exited(&self, id: &str, events: &mut broadcast::Receiver<RuntimeEvent>) -> Result<()> {
        loop {
            match self.container_status(id).await {
                Err(Error::NotFound { .. }) => return Ok(()),
                Ok(status) if status.state == ContainerState::Exited => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
            loop {
                match events.recv().await {
                    Ok(RuntimeEvent::ContainerExited { container, .. }) if container == id => break,
                    Ok(RuntimeEvent::SandboxGone { .. }) | Err(broadcast::error::RecvError::Lagged(_)) => break,
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Closed) => return Err(Error::Internal("the runtime has ended".into())),
                }
            }
        }
    }
}

fn non_blocking(fd: OwnedFd) -> Result<OwnedFd> {
    crate::shim::non_blocking(&fd).map_err(internal)?;
    Ok(fd)
}

fn limits(resources: &Resources) -> Limits {
    Limits {
        cpu_shares: resources.cpu_shares,
        cpu_quota_us: resources.cpu_quota_us,
        cpu_period_us: resources.cpu_period_us,
        memory_bytes: resources.memory_limit_bytes,
        pids: resources.pids_limit,
    }
}

/// What a shim said before it gave up.
fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default(); // it said nothing
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("the shim ended without a word");
    format!("failed to create pod sandbox: {last}")
}

async fn read_message(stream: &mut tokio::net::UnixStream) -> io::Result<Option<Reply>> {
    /// Events and exit codes are short.
    const MOST: u32 = 64 << 10;
    let length = match stream.read_u32().await {
        Ok(length) if length <= MOST => length,
        Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).await?;
    Ok(Some(serde_json::from_slice(&body)?))
}

#[async_trait::async_trait]
impl ContainerRuntime for Embedded {
    fn version(&self) -> String {
        format!("pilothouse://{}", env!("CARGO_PKG_VERSION"))
    }

    async fn run_sandbox(&self, config: &SandboxConfig) -> Result<SandboxStatus> {
        if let Ok(existing) = self.sandbox(&config.id) {
            return Ok(existing.status());
        }
        let directory = self.directory(&config.id);
        let file = SandboxFile::new(config.clone(), (self.0.now_ns)(), &self.0.config.cgroup);
        directory.create(&file).map_err(internal)?;
        match self.start_shim(&directory, &file).await {
            Ok(shim) => {
                let sandbox = Arc::new(Sandbox { directory, file, shim });
                self.know(&sandbox).map_err(internal)?;
                Ok(sandbox.status())
            }
            Err(error) => {
                file.clear_cgroups().and_then(|()| directory.remove()).map_err(internal)?;
                Err(error)
            }
        }
    }

    async fn stop_sandbox(&self, id: &str) -> Result<()> {
        let Ok(sandbox) = self.sandbox(id) else { return Ok(()) };
        if sandbox.shim.is_alive() {
            if let Err(error) = self.ask(&sandbox, Request::Stop).await {
                tracing::warn!(%error, sandbox = id, "a shim does not stop by itself; it is killed");
                sandbox.shim.kill(Signal::SIGKILL).map_err(internal)?;
            }
            let ended = tokio::time::timeout(KILL_PATIENCE, sandbox.shim.exited()).await;
            ended.map_err(|_| Error::Internal("a shim does not end".into()))?.map_err(internal)?;
        }
        let now_ns = (self.0.now_ns)();
        let clear = move || sandbox.bury(now_ns).and_then(|()| sandbox.file.clear_cgroups());
        tokio::task::spawn_blocking(clear).await.map_err(joined)?.map_err(internal)
    }

    async fn remove_sandbox(&self, id: &str) -> Result<()> {
        self.stop_sandbox(id).await?;
        let Some(sandbox) = self.known().sandboxes.remove(id) else { return Ok(()) };
        self.known().containers.retain(|_, owner| owner != id);
        tokio::task::spawn_blocking(move || sandbox.directory.remove()).await.map_err(joined)?.map_err(internal)
    }

    async fn list_sandboxes(&self) -> Result<Vec<SandboxStatus>> {
        Ok(self.known().sandboxes.values().map(|sandbox| sandbox.status()).collect())
    }

    async fn create_container(&self, sandbox: &str, config: &ContainerConfig) -> Result<()> {
        let sandbox = self.sandbox(sandbox)?;
        self.ask(&sandbox, Request::Create(Box::new(config.clone()))).await?;
        self.known().containers.insert(config.id.clone(), sandbox.file.config.id.clone());
        Ok(())
    }

    async fn start_container(&self, id: &str) -> Result<()> {
        let sandbox = self.sandbox_of(id)?;
        self.ask(&sandbox, Request::Start { id: id.to_owned() }).await.map(drop)
    }

    async fn stop_container(&self, id: &str, grace: Duration) -> Result<()> {
        let mut events = self.events();
        let status = match self.container_status(id).await {
            Err(Error::NotFound { .. }) => return Ok(()),
            other => other?,
        };
        if status.state == ContainerState::Exited {
            return Ok(());
        }
        let sandbox = self.sandbox_of(id)?;
        let named = [&status.config.stop_signal, &status.config.image.stop_signal].into_iter().find(|name| !name.is_empty());
        let signal = named.map_or(Signal::SIGTERM, |name| signal_named(name));
        // A container that never ran has no program that could understand.
        if !grace.is_zero() && status.state == ContainerState::Running {
            self.ask(&sandbox, Request::Signal { id: id.to_owned(), signal: signal as i32 }).await?;
            if let Ok(ended) = tokio::time::timeout(grace, self.until_exited(id, &mut events)).await {
                return ended;
            }
        }
        self.ask(&sandbox, Request::Signal { id: id.to_owned(), signal: Signal::SIGKILL as i32 }).await?;
        let ended = tokio::time::timeout(KILL_PATIENCE, self.until_exited(id, &mut events)).await;
        ended.unwrap_or_else(|_| Err(Error::Internal(format!("container {id} does not end"))))
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        let Ok(sandbox) = self.sandbox_of(id) else { return Ok(()) };
        if sandbox.shim.is_alive() {
            self.ask(&sandbox, Request::Remove { id: id.to_owned() }).await?;
        } else {
            let (container, cgroup) = (sandbox.directory.container(id), sandbox.cgroup().child(id));
            let clear = move || cgroup.kill_all().and_then(|()| cgroup.remove()).and_then(|()| container.remove());
            tokio::task::spawn_blocking(clear).await.map_err(joined)?.map_err(internal)?;
        }
        self.known().containers.remove(id);
        Ok(())
    }

    async fn list_containers(&self) -> Result<Vec<ContainerStatus>> {
        let sandboxes: Vec<Arc<Sandbox>> = self.known().sandboxes.values().cloned().collect();
        let mut all = Vec::new();
        for sandbox in sandboxes {
            for id in sandbox.directory.containers().map_err(internal)? {
                // Made half: nobody has been told of it.
                all.extend(sandbox.directory.container(&id).status().ok());
            }
        }
        Ok(all)
    }

    /// The shim writes each change down before it tells of it.
    async fn container_status(&self, id: &str) -> Result<ContainerStatus> {
        let sandbox = self.sandbox_of(id)?;
        sandbox.directory.container(id).status().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NotFound { kind: "container", id: id.to_owned() },
            _ => internal(error),
        })
    }

    async fn container_stats(&self, id: &str) -> Result<ContainerStats> {
        let sandbox = self.sandbox_of(id)?;
        let (cgroup, upper) = (sandbox.cgroup().child(id), sandbox.directory.container(id).upper());
        let measure = move || (cgroup.usage(), written(&upper));
        let (usage, (bytes, inodes)) = tokio::task::spawn_blocking(measure).await.map_err(joined)?;
        Ok(ContainerStats {
            container_id: id.to_owned(),
            cpu_usage_ns: usage.cpu_ns,
            memory_usage_bytes: usage.memory_bytes,
            memory_working_set_bytes: usage.working_set_bytes,
            memory_rss_bytes: usage.rss_bytes,
            pids: usage.pids,
            writable_layer_bytes: bytes,
            writable_layer_inodes: inodes,
        })
    }

    async fn update_resources(&self, id: &str, resources: &Resources) -> Result<()> {
        let sandbox = self.sandbox_of(id)?;
        let request = Request::Update { id: id.to_owned(), resources: resources.clone() };
        self.ask(&sandbox, request).await.map(drop)
    }

    async fn exec(&self, id: &str, config: &ExecConfig) -> Result<Streams> {
        self.exec_on(id, config, Request::Exec { id: id.to_owned(), config: config.clone() }).await
    }

    async fn attach(&self, id: &str, config: &ExecConfig) -> Result<Streams> {
        self.exec_on(id, config, Request::Attach { id: id.to_owned(), config: config.clone() }).await
    }

    fn events(&self) -> broadcast::Receiver<RuntimeEvent> {
        self.0.events.subscribe()
    }
}
