//! Further programs inside a running container. Their streams are the client's own descriptors: nothing is copied here.

use super::container::{Container, console, descriptor_of_terminal};
use super::{io_error, root};
use crate::cri::{ContainerState, Error, ExecConfig, Result};
use crate::layout::write_json;
use crate::protocol::{Reply, send};
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

pub struct Exec {
    pid: Pid,
    pub handle: OwnedFd,
    /// Where its end is told.
    pub stream: Option<UnixStream>,
    pub ended: bool,
}

/// `descriptors`: as many as streams are wanted, in their order. A terminal comes back instead.
pub fn start(
    container: &Container,
    config: &ExecConfig,
    number: usize,
    descriptors: Vec<OwnedFd>,
) -> Result<(Exec, Option<OwnedFd>)> {
    if container.status.state != ContainerState::Running {
        return Err(Error::Internal(format!("container {} is not running", container.status.config.id)));
    }
    let program = config.command.first().ok_or_else(|| Error::Create("no command specified".into()))?;
    let process = container.process_of(&config.command, config.tty);
    let environment: Vec<String> = serde_json::from_value(process["env"].clone()).map_err(|e| Error::Internal(e.to_string()))?;
    let inside = format!("/proc/{}/root", container.status.pid);
    let mut seen = container.status.config.clone();
    // Through the process everything is seen as it is mounted.
    seen.mounts.clear();
    root::check_program(inside.as_ref(), &seen, program, &environment, process["cwd"].as_str().unwrap_or("/"))?;
    let path = container.directory.path().join(format!("exec-{number}.json"));
    write_json(&path, &process).map_err(io_error)?;
    let (mut streams, null) =
        (descriptors.into_iter(), || File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from));
    let mut next = |wanted: bool| match (wanted && !config.tty).then(|| streams.next()).flatten() {
        Some(fd) => Ok(fd),
        None => null().map_err(io_error),
    };
    let mut builder = ContainerBuilder::new(container.status.config.id.clone(), SyscallType::default())
        .with_root_path(container.state_directory())
        .map_err(|e| Error::Internal(e.to_string()))?;
    let console = config.tty.then(|| console(&container.directory, number)).transpose()?;
    builder = match &console {
        Some((_, path)) => builder.with_console_socket(Some(path)),
        None => builder.with_stdin(next(config.stdin)?).with_stdout(next(config.stdout)?).with_stderr(next(config.stderr)?),
    };
    let started = builder.as_tenant().with_detach(true).with_process(Some(&path)).build();
    // The file has been read, whatever came of it.
    drop(fs::remove_file(&path));
    let pid = started.map_err(|error| Error::Create(super::container::words(&error)))?;
    let terminal = console.map(|(listener, path)| descriptor_of_terminal(&listener, &path)).transpose()?;
    let handle = handle_of(pid)?;
    Ok((Exec { pid, handle, stream: None, ended: false }, terminal))
}

/// A descriptor that becomes readable when this child ends.
pub fn handle_of(pid: Pid) -> Result<OwnedFd> {
    // SAFETY: no pointer is passed; a result that is no error is a fresh descriptor that nobody else owns.
    let fd = unsafe { nix::libc::syscall(nix::libc::SYS_pidfd_open, pid.as_raw(), 0) };
    if fd < 0 {
        return Err(io_error(std::io::Error::last_os_error()));
    }
    // SAFETY: as above; descriptors fit an i32.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// The exit code of a child that has ended, as a shell tells it.
pub fn exit_code(pid: Pid) -> i32 {
    match waitpid(pid, None) {
        Ok(WaitStatus::Exited(_, code)) => code,
        Ok(WaitStatus::Signaled(_, signal, _)) => 128 + signal as i32,
        other => {
            tracing::warn!(?other, "a process ended in a way that is not understood");
            255
        }
    }
}

impl Exec {
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().cast_unsigned()
    }

    pub fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let code = exit_code(self.pid);
        if let Some(stream) = &self.stream
            && let Err(error) = send(stream, &Reply::Exited(code), &[])
        {
            tracing::debug!(%error, "nobody waits for the end of an exec");
        }
    }
}
