//! What a container writes: into its log, and to whoever is attached.

use super::log::{Log, Stream};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// What an attached client may be behind; further behind it is cut off, for the container must not wait for it.
const MAX_BACKLOG: usize = 1 << 20;
const READ_AT_ONCE: usize = 32 << 10;

pub struct Outputs {
    streams: Vec<(Stream, Option<File>)>,
    log: Log,
    attached: Vec<Attached>,
}

struct Attached {
    stream: Stream,
    to: File,
    backlog: Vec<u8>,
}

impl Outputs {
    pub fn new(log: Log) -> Self {
        Self { streams: Vec::new(), log, attached: Vec::new() }
    }

    pub fn add(&mut self, stream: Stream, from: OwnedFd) -> io::Result<()> {
        non_blocking(&from)?;
        self.streams.push((stream, Some(from.into())));
        Ok(())
    }

    pub fn attach(&mut self, stream: Stream, to: OwnedFd) -> io::Result<()> {
        non_blocking(&to)?;
        self.attached.push(Attached { stream, to: to.into(), backlog: Vec::new() });
        Ok(())
    }

    pub fn open(&self) -> impl Iterator<Item = (usize, BorrowedFd<'_>)> {
        self.streams.iter().enumerate().filter_map(|(index, (_, file))| Some((index, file.as_ref()?.as_fd())))
    }

    /// Attached clients that did not take everything.
    pub fn waiting(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.attached.iter().filter(|client| !client.backlog.is_empty()).map(|client| client.to.as_fd())
    }

    /// Takes what is there. A stream that has ended is closed.
    pub fn read(&mut self, index: usize, now_ns: i64) {
        let Some((stream, slot)) = self.streams.get_mut(index) else { return };
        let Some(file) = slot else { return };
        let (stream, mut buffer) = (*stream, [0; READ_AT_ONCE]);
        match file.read(&mut buffer) {
            Ok(length @ 1..) => {
                if let Err(error) = self.log.write(stream, &buffer[..length], now_ns) {
                    tracing::warn!(%error, "a container's log cannot be written");
                }
                self.attached.retain_mut(|client| client.stream != stream || client.write(&buffer[..length]));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            // EIO is how a terminal says that nobody has it open any more.
            Ok(_) | Err(_) => {
                *slot = None;
                self.attached.retain(|client| client.stream != stream || !client.backlog.is_empty());
                if let Err(error) = self.log.finish(stream, now_ns) {
                    tracing::warn!(%error, "a container's log cannot be written");
                }
            }
        }
    }

    pub fn write_waiting(&mut self) {
        self.attached.retain_mut(|client| client.write(&[]));
    }

    /// What was written before the end, without waiting for processes that keep a stream open.
    pub fn drain(&mut self, now_ns: i64) {
        for index in 0..self.streams.len() {
            while let Some((_, Some(file))) = self.streams.get(index) {
                let mut ready = [nix::poll::PollFd::new(file.as_fd(), nix::poll::PollFlags::POLLIN)];
                match nix::poll::poll(&mut ready, nix::poll::PollTimeout::ZERO) {
                    Ok(1..) => {}
                    _ => break,
                }
                self.read(index, now_ns);
            }
        }
    }

    pub fn close(&mut self) {
        self.streams.clear();
        self.attached.clear();
    }
}

impl Attached {
    /// False: it has gone, or it is too far behind.
    fn write(&mut self, bytes: &[u8]) -> bool {
        self.backlog.extend_from_slice(bytes);
        while !self.backlog.is_empty() {
            match self.to.write(&self.backlog) {
                Ok(0) => return false,
                Ok(written) => drop(self.backlog.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.backlog.len() <= MAX_BACKLOG,
                Err(_) => return false,
            }
        }
        true
    }
}

pub fn non_blocking(fd: &impl AsRawFd) -> io::Result<()> {
    let flags = OFlag::from_bits_truncate(fcntl(fd.as_raw_fd(), FcntlArg::F_GETFL)?);
    fcntl(fd.as_raw_fd(), FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}
