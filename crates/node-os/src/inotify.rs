//! Waiting for what happens in a directory, without looking again and again.

use nix::libc;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tokio::io::unix::AsyncFd;

/// Events are told apart by looking at the directory: only that there were some matters.
const EVENTS: u32 = libc::IN_MODIFY | libc::IN_CREATE | libc::IN_MOVED_FROM | libc::IN_MOVED_TO | libc::IN_DELETE;

/// Sees writes, new files and renames in one directory, from its making on.
pub struct DirectoryWatch(AsyncFd<OwnedFd>);

impl DirectoryWatch {
    /// Must be called inside a runtime.
    pub fn new(directory: &Path) -> io::Result<Self> {
        let path = CString::new(directory.as_os_str().as_bytes())?;
        // SAFETY: takes flags only.
        let raw = unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and belongs to nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        // SAFETY: an open inotify descriptor and a string that ends with a zero and outlives the call.
        if unsafe { libc::inotify_add_watch(fd.as_raw_fd(), path.as_ptr(), EVENTS) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is owned by what is registered, and open for as long.
        unsafe { AsyncFd::register(fd) }.map(Self).map_err(Into::into)
    }

    /// Returns when something has happened since the last call; many things at once are one.
    pub async fn changed(&mut self) -> io::Result<()> {
        let mut events = [0; 4096];
        loop {
            let mut ready = self.0.readable().await?;
            let mut seen = false;
            let drained = ready.try_io(|fd| {
                loop {
                    match nix::unistd::read(fd.as_raw_fd(), &mut events) {
                        Ok(_) => seen = true,
                        Err(nix::Error::EINTR) => {}
                        Err(error) => return io::Result::<()>::Err(error.into()),
                    }
                }
            });
            match drained {
                Ok(Err(error)) => return Err(error),
                _ if seen => return Ok(()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writes_and_renames_are_seen() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("a");
        let mut watch = DirectoryWatch::new(directory.path()).expect("watched");
        std::fs::write(&file, "x").expect("written");
        watch.changed().await.expect("seen");
        std::fs::rename(&file, directory.path().join("b")).expect("renamed");
        watch.changed().await.expect("seen");
        assert!(DirectoryWatch::new(&directory.path().join("none")).is_err());
    }
}
