//! Reads a log to its end, and on while its container runs: over rotations, woken by the file's directory and by the
//! runtime's events.

use super::lines::Printer;
use super::options::LogOptions;
use super::tail;
use bytes::{Bytes, BytesMut};
use node_os::inotify::DirectoryWatch;
use runtime::cri::{ContainerRuntime, ContainerState, RuntimeEvent};
use std::io::{self, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, BufReader};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// What is sent at once.
const PIECE_BYTES: usize = 32 << 10;
/// A line is at most so long; runtimes cut at a quarter of it. What is longer is not of our making.
const MAX_LINE_BYTES: u64 = 64 << 10;

pub(super) struct LogReader {
    path: PathBuf,
    file: BufReader<File>,
    inode: u64,
    /// A line whose end was not written yet.
    line: Vec<u8>,
    printer: Printer,
    /// None: the end of the file is the end.
    followed: Option<Followed>,
}

struct Followed {
    watch: DirectoryWatch,
    events: Receiver<RuntimeEvent>,
    runtime: Arc<dyn ContainerRuntime>,
    id: String,
    /// The container has ended: what is in the file is all there will be.
    ended: bool,
}

impl LogReader {
    /// `follow`: the container to follow, and who knows whether it runs.
    pub async fn open(path: &Path, options: LogOptions, follow: Option<(Arc<dyn ContainerRuntime>, String)>) -> io::Result<Self> {
        let followed = match follow {
            // Watched before the first look, so that nothing falls between.
            Some((runtime, id)) => {
                let watch = DirectoryWatch::new(path.parent().unwrap_or(Path::new("/")))?;
                let mut followed = Followed { watch, events: runtime.events(), runtime, id, ended: false };
                followed.look().await;
                Some(followed)
            }
            None => None,
        };
        let mut file = File::open(path).await?;
        let inode = file.metadata().await?.ino();
        if let Some(lines) = options.tail_lines {
            let start = tail::start(&mut file, lines).await?;
            file.seek(SeekFrom::Start(start)).await?;
        }
        let file = BufReader::with_capacity(PIECE_BYTES, file);
        Ok(Self { path: path.into(), file, inode, line: Vec::new(), printer: Printer::new(options), followed })
    }

    /// None: that was all.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            // Asked before reading: what was written up to the container's end is then read after it.
            let ended = self.followed.as_ref().is_none_or(|followed| followed.ended);
            let piece = match self.read().await {
                Ok(piece) => piece,
                Err(error) => {
                    tracing::warn!(path = %self.path.display(), %error, "a log cannot be read");
                    return None;
                }
            };
            if !piece.is_empty() {
                return Some(piece);
            }
            if self.printer.is_done() {
                return None;
            }
            match self.rotated().await {
                Some((file, inode)) => (self.file, self.inode) = (file, inode),
                None if ended => return None,
                None => self.followed.as_mut()?.wait().await,
            }
        }
    }

    /// As much as is there, up to a piece. Empty: the end of the file.
    async fn read(&mut self) -> io::Result<Bytes> {
        let mut piece = BytesMut::new();
        while piece.len() < PIECE_BYTES && !self.printer.is_done() {
            let left = MAX_LINE_BYTES.saturating_sub(self.line.len() as u64);
            let read = (&mut self.file).take(left).read_until(b'\n', &mut self.line).await?;
            if self.line.last() == Some(&b'\n') || self.line.len() as u64 >= MAX_LINE_BYTES {
                piece.extend_from_slice(&self.printer.print(&self.line).unwrap_or_default());
                self.line.clear();
            } else if read == 0 {
                break;
            }
        }
        Ok(piece.freeze())
    }

    /// The file that has taken the place of the one read so far, when that is at its end.
    async fn rotated(&mut self) -> Option<(BufReader<File>, u64)> {
        self.followed.as_ref()?;
        // Between the two steps of a rotation there is no file: the next event tells of it.
        let file = File::open(&self.path).await.ok()?;
        let inode = file.metadata().await.ok()?.ino();
        if inode == self.inode || !self.at_end().await {
            return None;
        }
        self.line.clear();
        Some((BufReader::with_capacity(PIECE_BYTES, file), inode))
    }

    async fn at_end(&mut self) -> bool {
        self.file.fill_buf().await.is_ok_and(|rest| rest.is_empty())
    }
}

impl Followed {
    /// Waits for the file or the container to change.
    async fn wait(&mut self) {
        tokio::select! {
            changed = self.watch.changed() => {
                if changed.is_err() {
                    self.ended = true;
                }
            }
            event = self.events.recv() => match event {
                Err(RecvError::Closed) => self.ended = true,
                // An event that was missed is as good a reason to look.
                Ok(_) | Err(RecvError::Lagged(_)) => self.look().await,
            },
        }
    }

    async fn look(&mut self) {
        let status = self.runtime.container_status(&self.id).await;
        self.ended = !status.is_ok_and(|status| status.state != ContainerState::Exited);
    }
}
