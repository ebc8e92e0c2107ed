//! One container, from its root file system to its exit code.

use super::exec::{exit_code, handle_of};
use super::log::{Log, Stream};
use super::outputs::Outputs;
use super::{io_error, root};
use crate::cri::{ContainerConfig, ContainerState, ContainerStatus, Error, ExecConfig, Resources, Result};
use crate::layout::{ContainerDir, SandboxDir, SandboxFile, write_json};
use crate::protocol::{Reply, send};
use crate::spec::{self, Processes, Surroundings};
use crate::users;
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::error::LibcontainerError;
use libcontainer::syscall::syscall::SyscallType;
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, pipe2};
use node_os::cgroup::{Cgroup, Limits};
use serde_json::{Value, json};
use std::fs::File;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// What a program gets that could not be started: upstream's StartError.
const CANNOT_START: i32 = 128;
const START_ERROR: &str = "StartError";

pub struct Container {
    pub status: ContainerStatus,
    pub directory: ContainerDir,
    pub outputs: Outputs,
    /// Connections that want to hear of the end.
    pub watchers: Vec<UnixStream>,
    state: PathBuf,
    cgroup: Cgroup,
    process: Value,
    handle: Option<OwnedFd>,
    /// The writing end of its standard input.
    input: Option<OwnedFd>,
    terminal: Option<OwnedFd>,
    /// Why it cannot be started.
    doom: Option<String>,
}

/// What the containers of a pod have in common.
pub struct Pod<'a> {
    pub directory: &'a SandboxDir,
    pub file: &'a SandboxFile,
    pub capabilities: &'a [String],
    pub first_process: Option<u32>,
}

impl Container {
    pub fn create(pod: &Pod<'_>, config: ContainerConfig, now_ns: i64) -> Result<Self> {
        let directory = pod.directory.container(&config.id);
        directory.create(&config).map_err(io_error)?;
        let cgroup = Cgroup::new(pod.file.cgroup.join(&config.id));
        let made = Self::make(pod, config, &directory, &cgroup, now_ns);
        if made.is_err() {
            // What was made of it must not stay; the reason why it failed is what counts.
            drop(root::unmount(&directory));
            drop(cgroup.kill_all().and_then(|()| cgroup.remove()));
            drop(directory.remove());
        }
        made
    }

    fn make(pod: &Pod<'_>, config: ContainerConfig, directory: &ContainerDir, cgroup: &Cgroup, now_ns: i64) -> Result<Self> {
        root::mount_layers(&config.image.layers, directory)?;
        let rootfs = directory.rootfs();
        let identity = users::resolve(
            &root::read_inside(&rootfs, "/etc/passwd"),
            &root::read_inside(&rootfs, "/etc/group"),
            &config.image.user,
            &config.security,
        )?;
        let around = Surroundings {
            identity: &identity,
            rootfs: &rootfs,
            cgroup: cgroup.path(),
            available_capabilities: pod.capabilities,
            processes: match pod.first_process {
                _ if pod.file.config.host_pid => Processes::Machine,
                Some(first) => Processes::Pod { first },
                None => Processes::Own,
            },
        };
        let spec = spec::build(&config, &around)?;
        let process = spec["process"].clone();
        let environment: Vec<String> =
            serde_json::from_value(process["env"].clone()).map_err(|e| Error::Internal(e.to_string()))?;
        let doom = root::check_program(
            &rootfs,
            &config,
            process["args"][0].as_str().unwrap_or_default(),
            &environment,
            process["cwd"].as_str().unwrap_or("/"),
        )
        .err();
        write_json(&directory.path().join("config.json"), &spec).map_err(io_error)?;
        cgroup.create(&Limits::default()).map_err(io_error)?;
        let log = Log::open(&config.log_path, config.log_max_bytes, config.log_max_files).map_err(io_error)?;
        let status = ContainerStatus {
            sandbox_id: pod.file.config.id.clone(),
            state: ContainerState::Created,
            pid: 0,
            created_at_ns: now_ns,
            started_at_ns: 0,
            finished_at_ns: 0,
            exit_code: 0,
            reason: String::new(),
            message: String::new(),
            config,
        };
        let mut container = Self {
            status,
            directory: directory.clone(),
            outputs: Outputs::new(log),
            watchers: Vec::new(),
            state: pod.directory.state(),
            cgroup: cgroup.clone(),
            process,
            handle: None,
            input: None,
            terminal: None,
            doom: None,
        };
        // What cannot run is made all the same, and fails when it is started: as with every runtime, the failure is the
        // container's, with an exit code, and not the node's.
        match doom.map_or_else(|| container.build(), Err) {
            Err(Error::Create(why)) => container.doom = Some(why),
            other => other?,
        }
        container.directory.write_status(&container.status).map_err(io_error)?;
        Ok(container)
    }

    fn build(&mut self) -> Result<()> {
        let config = &self.status.config;
        let mut builder = ContainerBuilder::new(config.id.clone(), SyscallType::default())
            .with_root_path(self.state.clone())
            .map_err(|error| Error::Internal(words(&error)))?;
        let mut console_listener = None;
        if config.tty {
            let (listener, path) = console(&self.directory, usize::MAX)?;
            builder = builder.with_console_socket(Some(path.clone()));
            console_listener = Some((listener, path));
        } else {
            let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(|e| io_error(e.into()));
            let stdin = if config.stdin {
                let (read, write) = pipe()?;
                self.input = Some(write);
                read
            } else {
                File::open("/dev/null").map_err(io_error)?.into()
            };
            let ((out, out_write), (err, err_write)) = (pipe()?, pipe()?);
            self.outputs.add(Stream::Stdout, out).map_err(io_error)?;
            self.outputs.add(Stream::Stderr, err).map_err(io_error)?;
            builder = builder.with_stdin(stdin).with_stdout(out_write).with_stderr(err_write);
        }
        let bundle = self.directory.path();
        let built = builder.as_init(bundle).with_systemd(false).with_detach(true).build();
        let made = built.map_err(|error| Error::Create(format!("failed to create container: {}", words(&error))))?;
        if let Some((listener, path)) = console_listener {
            let terminal = descriptor_of_terminal(&listener, &path)?;
            self.outputs.add(Stream::Stdout, terminal.try_clone().map_err(io_error)?).map_err(io_error)?;
            self.terminal = Some(terminal);
        }
        let pid = made.pid().ok_or_else(|| Error::Internal("a container without a process".into()))?;
        self.handle = Some(handle_of(pid)?);
        self.status.pid = pid.as_raw().cast_unsigned();
        Ok(())
    }

    pub fn handle(&self) -> Option<BorrowedFd<'_>> {
        self.handle.as_ref().map(AsFd::as_fd)
    }

    pub fn state_directory(&self) -> &Path {
        &self.state
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.status.pid.cast_signed())
    }

    /// The container's own process with another command.
    pub fn process_of(&self, command: &[String], tty: bool) -> Value {
        let mut process = self.process.clone();
        process["args"] = json!(command);
        process["terminal"] = json!(tty);
        process
    }

    pub fn start(&mut self, now_ns: i64) -> Result<()> {
        if self.status.state != ContainerState::Created {
            return Ok(());
        }
        if let Some(why) = self.doom.take() {
            self.status.state = ContainerState::Exited;
            self.status.exit_code = CANNOT_START;
            self.status.reason = START_ERROR.into();
            self.status.message.clone_from(&why);
            self.status.finished_at_ns = now_ns;
            self.directory.write_status(&self.status).map_err(io_error)?;
            return Err(Error::Create(why));
        }
        let loaded = libcontainer::container::Container::load(self.state.join(&self.status.config.id));
        let started = loaded.and_then(|mut container| container.start());
        if let Err(error) = started {
            let text = words(&error);
            self.status.message.clone_from(&text);
            self.status.reason = START_ERROR.into();
            self.signal(Signal::SIGKILL as i32)?;
            return Err(Error::Create(format!("failed to start container: {text}")));
        }
        self.status.state = ContainerState::Running;
        self.status.started_at_ns = now_ns;
        self.directory.write_status(&self.status).map_err(io_error)
    }

    pub fn signal(&self, signal: i32) -> Result<()> {
        let signal = Signal::try_from(signal).map_err(|_| Error::Internal(format!("there is no signal {signal}")))?;
        if self.handle.is_none() {
            return Ok(());
        }
        match nix::sys::signal::kill(self.pid(), signal) {
            Ok(()) | Err(nix::Error::ESRCH) => Ok(()),
            Err(error) => Err(io_error(error.into())),
        }
    }

    pub fn update(&self, resources: &Resources) -> Result<()> {
        let limits = Limits {
            cpu_shares: resources.cpu_shares,
            cpu_quota_us: resources.cpu_quota_us,
            cpu_period_us: resources.cpu_period_us,
            memory_bytes: resources.memory_limit_bytes,
            pids: resources.pids_limit,
        };
        self.cgroup.limit(&limits).map_err(io_error)
    }

    /// Its first process has ended: what it left is put in order, and how it ended is written down.
    pub fn ended(&mut self, now_ns: i64) {
        if self.handle.take().is_none() {
            return;
        }
        let ended_with = exit_code(self.pid());
        let code = if self.status.reason == START_ERROR { CANNOT_START } else { ended_with };
        self.outputs.drain(now_ns);
        let killed_for_memory = code == 137 && self.cgroup.usage().oom_kills > 0;
        self.status.state = ContainerState::Exited;
        self.status.exit_code = code;
        self.status.finished_at_ns = now_ns;
        if self.status.reason.is_empty() {
            self.status.reason = match code {
                _ if killed_for_memory => "OOMKilled",
                0 => "Completed",
                _ => "Error",
            }
            .into();
        }
        if let Err(error) = self.directory.write_status(&self.status) {
            tracing::error!(%error, "how a container ended cannot be written down");
        }
        // Without a process namespace of its own others may go on.
        if let Err(error) = self.cgroup.kill_all() {
            tracing::warn!(%error, "processes of a container do not end");
        }
        self.outputs.drain(now_ns);
        (self.input, self.terminal) = (None, None);
        for stream in self.watchers.drain(..) {
            if let Err(error) = send(&stream, &Reply::Exited(code), &[]) {
                tracing::debug!(%error, "nobody waits for a container's end any more");
            }
        }
    }

    /// To be called when nothing of it runs any more.
    pub fn remove(&mut self) -> Result<()> {
        self.cgroup.kill_all().map_err(io_error)?;
        self.outputs.close();
        root::unmount(&self.directory).map_err(io_error)?;
        self.cgroup.remove().map_err(io_error)?;
        match std::fs::remove_dir_all(self.state.join(&self.status.config.id)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io_error(error)),
            _ => {}
        }
        self.directory.remove().map_err(io_error)
    }

    /// Lets a client have what the container writes from now on; returns what the client writes to.
    pub fn attach(&mut self, config: &ExecConfig, descriptors: Vec<OwnedFd>) -> Result<Option<OwnedFd>> {
        if self.status.state != ContainerState::Running {
            return Err(Error::Internal(format!("container {} is not running", self.status.config.id)));
        }
        let mut descriptors = descriptors.into_iter();
        for (wanted, stream) in [(config.stdout, Stream::Stdout), (config.stderr && !self.status.config.tty, Stream::Stderr)] {
            if let Some(to) = wanted.then(|| descriptors.next()).flatten() {
                self.outputs.attach(stream, to).map_err(io_error)?;
            }
        }
        if let Some(terminal) = &self.terminal {
            return terminal.try_clone().map(Some).map_err(io_error);
        }
        if !config.stdin {
            return Ok(None);
        }
        // Whoever comes first closes it for all, if that was asked for.
        if self.status.config.stdin_once {
            return Ok(self.input.take());
        }
        self.input.as_ref().map(OwnedFd::try_clone).transpose().map_err(io_error)
    }
}

/// The library's errors say what happened only in their sources.
pub fn words(error: &LibcontainerError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// Where the library sends the terminal that it makes inside the container.
pub fn console(directory: &ContainerDir, number: usize) -> Result<(UnixListener, PathBuf)> {
    let name = if number == usize::MAX { "console.sock".to_owned() } else { format!("console-{number}.sock") };
    let listener = node_os::unix::bind_in(directory.path(), &name).map_err(io_error)?;
    Ok((listener, directory.path().join(name)))
}

pub fn descriptor_of_terminal(listener: &UnixListener, path: &Path) -> Result<OwnedFd> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    // Nobody connects to it again.
    drop(std::fs::remove_file(path));
    let (stream, _) = listener.accept().map_err(io_error)?;
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let mut byte = [0; 64];
    let mut into = [IoSliceMut::new(&mut byte)];
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut into, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)
        .map_err(|e| io_error(e.into()))?;
    for control in message.cmsgs().map_err(|e| io_error(e.into()))? {
        if let ControlMessageOwned::ScmRights(descriptors) = control
            && let Some(fd) = descriptors.first()
        {
            // SAFETY: the kernel has just installed this descriptor for this process, and nobody else knows it.
            return Ok(unsafe { OwnedFd::from_raw_fd(*fd) });
        }
    }
    Err(Error::Internal("the container has sent no terminal".into()))
}
