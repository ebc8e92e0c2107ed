//! The process beside a pod: it holds the pod's namespaces and mounts, is the parent of its containers, keeps their logs and
//! remembers how they ended.
//!
//! **Invariant**: one thread. The OCI library clones and then allocates in the child, which another thread's lock on the
//! allocator would hang for ever.

mod container;
mod exec;
mod log;
mod outputs;
mod root;
mod sandbox;

use crate::cri::{Error, Result};
use crate::layout::{READY, SOCKET, SandboxDir, SandboxFile};
use crate::protocol::{Failure, Reply, Request, receive, send};
use container::{Container, Pod};
use exec::Exec;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use node_os::process::ProcessId;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

pub(crate) use outputs::non_blocking;

/// Whoever connects says what is wanted at once.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Nobody needs more than the node process and a look beside it.
const MAX_SUBSCRIBERS: usize = 8;

/// Runs until it is told to stop. Must be called before any other thread exists.
pub fn main(directory: &Path) -> std::result::Result<(), String> {
    let directory = SandboxDir::new(directory);
    let start = || -> Result<Shim> {
        let file = directory.file().map_err(io_error)?;
        let first_process = sandbox::enter(&file.config)?;
        let listener = node_os::unix::bind_in(directory.path(), SOCKET).map_err(io_error)?;
        directory.write_shim(&ProcessId::own().map_err(io_error)?).map_err(io_error)?;
        // Whoever started this waits for the connection, and then finds everything there.
        drop(node_os::unix::connect_in(directory.path(), READY));
        let capabilities = sandbox::available_capabilities();
        Ok(Shim {
            directory: directory.clone(),
            file,
            listener,
            capabilities,
            first_process,
            containers: BTreeMap::new(),
            execs: Vec::new(),
            exec_number: 0,
            subscribers: Vec::new(),
            stopping: false,
        })
    };
    start().and_then(Shim::run).map_err(|error| error.to_string())
}

pub(crate) fn io_error(error: io::Error) -> Error {
    Error::Internal(error.to_string())
}

/// The hour, for logs and statuses.
fn now_ns() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a shim stands alone: the hour of what happens is its to note")]
    let now = jiff::Timestamp::now();
    i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX) // in the year 2262
}

struct Shim {
    directory: SandboxDir,
    file: SandboxFile,
    listener: UnixListener,
    /// What this machine lets any process have, without `CAP_`.
    capabilities: Vec<String>,
    /// Of a process namespace that all containers share.
    first_process: Option<u32>,
    containers: BTreeMap<String, Container>,
    execs: Vec<Exec>,
    /// Of the newest; names its files.
    exec_number: usize,
    subscribers: Vec<UnixStream>,
    stopping: bool,
}

/// Whose descriptor became ready.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Listener,
    ContainerEnded(String),
    Output(String, usize),
    Attached(String),
    ExecEnded(usize),
    Subscriber(usize),
}

impl Shim {
    fn run(mut self) -> Result<()> {
        while !self.stopping {
            let ready = self.wait()?;
            for source in ready {
                self.handle(source);
            }
            // Indexes of what was ready stay good until all of it is handled.
            self.execs.retain(|exec| !exec.ended);
        }
        Ok(())
    }

    fn wait(&self) -> Result<Vec<Source>> {
        let mut sources = vec![Source::Listener];
        let mut descriptors = vec![PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
        let mut add = |source: Source, fd: BorrowedFd<'_>, flags: PollFlags| {
            sources.push(source);
            // SAFETY: the descriptor belongs to `self`, which outlives this call.
            descriptors.push(PollFd::new(unsafe { BorrowedFd::borrow_raw(fd.as_raw_fd()) }, flags));
        };
        for (id, container) in &self.containers {
            if let Some(handle) = container.handle() {
                add(Source::ContainerEnded(id.clone()), handle, PollFlags::POLLIN);
            }
            for (index, fd) in container.outputs.open() {
                add(Source::Output(id.clone(), index), fd, PollFlags::POLLIN);
            }
            for fd in container.outputs.waiting() {
                add(Source::Attached(id.clone()), fd, PollFlags::POLLOUT);
            }
        }
        for (index, exec) in self.execs.iter().enumerate().filter(|(_, exec)| !exec.ended) {
            add(Source::ExecEnded(index), exec.handle.as_fd(), PollFlags::POLLIN);
        }
        for (index, stream) in self.subscribers.iter().enumerate() {
            add(Source::Subscriber(index), stream.as_fd(), PollFlags::POLLIN);
        }
        loop {
            match poll(&mut descriptors, PollTimeout::NONE) {
                Ok(_) => break,
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(io_error(error.into())),
            }
        }
        let ready = descriptors.iter().zip(sources).filter(|(fd, _)| fd.any().unwrap_or(true));
        Ok(ready.map(|(_, source)| source).collect())
    }

    fn handle(&mut self, source: Source) {
        match source {
            Source::Listener => match self.listener.accept() {
                Ok((stream, _)) => self.serve(stream),
                Err(error) => tracing::warn!(%error, "cannot accept a connection"),
            },
            Source::Output(id, index) => {
                if let Some(container) = self.containers.get_mut(&id) {
                    container.outputs.read(index, now_ns());
                }
            }
            Source::Attached(id) => {
                if let Some(container) = self.containers.get_mut(&id) {
                    container.outputs.write_waiting();
                }
            }
            Source::ContainerEnded(id) => {
                if let Some(container) = self.containers.get_mut(&id) {
                    container.ended(now_ns());
                    self.tell(&id, false);
                }
            }
            Source::ExecEnded(index) => {
                if let Some(exec) = self.execs.get_mut(index) {
                    exec.end();
                }
            }
            // A subscriber says nothing: it has gone.
            Source::Subscriber(index) => {
                if index < self.subscribers.len() {
                    self.subscribers.remove(index);
                }
            }
        }
    }

    fn tell(&mut self, id: &str, running: bool) {
        let event = Reply::Changed { id: id.to_owned(), running };
        // A subscriber that does not read is cut off: it lists everything when it comes back.
        self.subscribers.retain(|stream| send(stream, &event, &[]).is_ok());
    }

    fn serve(&mut self, stream: UnixStream) {
        let limits =
            stream.set_read_timeout(Some(REQUEST_TIMEOUT)).and_then(|()| stream.set_write_timeout(Some(REQUEST_TIMEOUT)));
        let request = limits.and_then(|()| receive::<Request>(&stream));
        match request {
            Ok(Some((request, descriptors))) => self.answer(stream, request, descriptors),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a request could not be read"),
        }
    }

    fn answer(&mut self, stream: UnixStream, request: Request, descriptors: Vec<OwnedFd>) {
        let outcome = match request {
            Request::Create(config) => self.create(*config).map(|()| Reply::Done),
            Request::Start { id } => self.start(&id).map(|()| Reply::Done),
            Request::Signal { id, signal } => self.find(&id).and_then(|container| container.signal(signal)).map(|()| Reply::Done),
            Request::Remove { id } => self.remove(&id).map(|()| Reply::Done),
            Request::List => Ok(Reply::Containers(self.containers.values().map(|container| container.status.clone()).collect())),
            Request::Update { id, resources } => {
                self.find(&id).and_then(|container| container.update(&resources)).map(|()| Reply::Done)
            }
            Request::Exec { id, config } => return self.exec(stream, &id, &config, descriptors),
            Request::Attach { id, config } => return self.attach(stream, &id, &config, descriptors),
            Request::Subscribe if self.subscribers.len() < MAX_SUBSCRIBERS => {
                reply(&stream, &Reply::Done, &[]);
                self.subscribers.push(stream);
                return;
            }
            Request::Subscribe => Err(Error::Internal("too many subscribers".into())),
            Request::Stop => self.stop().map(|()| Reply::Done),
        };
        reply(&stream, &outcome.unwrap_or_else(failed), &[]);
    }

    fn find(&mut self, id: &str) -> Result<&mut Container> {
        self.containers.get_mut(id).ok_or_else(|| Error::NotFound { kind: "container", id: id.to_owned() })
    }

    fn create(&mut self, config: crate::cri::ContainerConfig) -> Result<()> {
        let id = config.id.clone();
        if self.containers.contains_key(&id) {
            return Ok(());
        }
        let made = Container::create(&self.pod(), config, now_ns());
        self.reap_strangers();
        self.containers.insert(id, made?);
        Ok(())
    }

    /// Children that nobody waits for: what the library started and then gave up.
    fn reap_strangers(&self) {
        use nix::sys::wait::{WaitPidFlag, waitpid};
        let known: Vec<u32> = self
            .containers
            .values()
            .map(|container| container.status.pid)
            .chain(self.execs.iter().map(Exec::pid))
            .chain(self.first_process)
            .collect();
        let own = std::process::id();
        let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default(); // then none
        for child in children.split_whitespace().filter_map(|text| text.parse::<u32>().ok()).filter(|pid| !known.contains(pid)) {
            // One that still runs stays.
            let _ = waitpid(nix::unistd::Pid::from_raw(child.cast_signed()), Some(WaitPidFlag::WNOHANG));
        }
    }

    fn pod(&self) -> Pod<'_> {
        Pod { directory: &self.directory, file: &self.file, capabilities: &self.capabilities, first_process: self.first_process }
    }

    fn start(&mut self, id: &str) -> Result<()> {
        self.find(id)?.start(now_ns())?;
        self.tell(id, true);
        Ok(())
    }

    fn remove(&mut self, id: &str) -> Result<()> {
        if !self.containers.contains_key(id) {
            return Ok(());
        }
        self.kill(id)?;
        self.find(id)?.remove()?;
        self.containers.remove(id);
        Ok(())
    }

    /// Returns when it has ended. The first process of a namespace ends only after all others in it have been reaped, and
    /// those of execs are children of this process.
    fn kill(&mut self, id: &str) -> Result<()> {
        self.find(id)?.signal(nix::libc::SIGKILL)?;
        while self.find(id)?.handle().is_some() {
            let ready = self.wait()?;
            ready.into_iter().filter(|source| *source != Source::Listener).for_each(|source| self.handle(source));
        }
        Ok(())
    }

    fn exec(&mut self, stream: UnixStream, id: &str, config: &crate::cri::ExecConfig, descriptors: Vec<OwnedFd>) {
        self.exec_number += 1;
        let number = self.exec_number;
        let started = self.find(id).and_then(|container| exec::start(container, config, number, descriptors));
        match started {
            Ok((mut process, terminal)) => {
                let master: Vec<RawFd> = terminal.iter().map(AsRawFd::as_raw_fd).collect();
                reply(&stream, &Reply::Done, &master);
                process.stream = Some(stream);
                self.execs.push(process);
            }
            Err(error) => reply(&stream, &failed(error), &[]),
        }
    }

    fn attach(&mut self, stream: UnixStream, id: &str, config: &crate::cri::ExecConfig, descriptors: Vec<OwnedFd>) {
        match self.find(id).and_then(|container| container.attach(config, descriptors)) {
            Ok(input) => {
                let input: Vec<RawFd> = input.iter().map(AsRawFd::as_raw_fd).collect();
                reply(&stream, &Reply::Done, &input);
                if let Ok(container) = self.find(id) {
                    container.watchers.push(stream);
                }
            }
            Err(error) => reply(&stream, &failed(error), &[]),
        }
    }

    /// Everything of the pod ends here; what the namespaces held goes with this process.
    fn stop(&mut self) -> Result<()> {
        self.stopping = true;
        let ids: Vec<String> = self.containers.keys().cloned().collect();
        ids.iter().try_for_each(|id| self.kill(id))
    }
}

/// Who does not wait for the answer does not get it.
fn reply(stream: &UnixStream, reply: &Reply, descriptors: &[RawFd]) {
    if let Err(error) = send(stream, reply, descriptors) {
        tracing::debug!(%error, "an answer was not taken");
    }
}

fn failed(error: Error) -> Reply {
    Reply::Failed(match error {
        Error::NotFound { id, .. } => Failure::NotFound(id),
        Error::Create(text) => Failure::Create(text),
        Error::Internal(text) => Failure::Internal(text),
    })
}
