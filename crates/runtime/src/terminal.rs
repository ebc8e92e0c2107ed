//! The master side of a terminal as an asynchronous stream.

use crate::cri::TerminalSize;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Clone)]
pub struct Terminal(Arc<AsyncFd<File>>);

impl Terminal {
    pub fn new(master: OwnedFd) -> io::Result<Self> {
        crate::shim::non_blocking(&master)?;
        // SAFETY: a `File` names the same open descriptor for as long as it lives, and it lives inside the `AsyncFd`.
        let registered = unsafe { AsyncFd::register(File::from(master)) };
        Ok(Self(Arc::new(registered?)))
    }

    pub fn resize(&self, size: TerminalSize) -> io::Result<()> {
        size.apply(self.0.get_ref())
    }
}

impl AsyncRead for Terminal {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            let outcome = guard.try_io(|inner| {
                let mut file = inner.get_ref();
                file.read(buffer.initialize_unfilled())
            });
            match outcome {
                Ok(Ok(length)) => {
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                // Nobody has the other side open any more: the end.
                Ok(Err(error)) if error.raw_os_error() == Some(nix::libc::EIO) => return Poll::Ready(Ok(())),
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_not_ready) => {}
            }
        }
    }
}

impl AsyncWrite for Terminal {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(cx))?;
            let outcome = guard.try_io(|inner| {
                let mut file = inner.get_ref();
                file.write(bytes)
            });
            if let Ok(written) = outcome {
                return Poll::Ready(written);
            }
        }
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    /// A terminal has no half that closes: whoever types says so by Ctrl-D.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
