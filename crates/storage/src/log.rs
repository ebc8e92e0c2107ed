//! The append-only log in segments: `log/<sequence>.log`, contiguous, each complete before the next one begins.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::{Backend, File};
use crate::error::{Error, Result};
use crate::frame::{self, FrameBuffer, HEADER_LEN, LOG_MAGIC, Seed};

pub(crate) const LOG_DIR: &str = "log";

pub(crate) fn segment_path(sequence: u64) -> String {
    format!("{LOG_DIR}/{sequence:020}.log")
}

/// A segment that nothing is appended to any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub sequence: u64,
    pub bytes: u64,
}

/// The segment being appended to.
pub(crate) struct Log {
    backend: Arc<dyn Backend>,
    segment_bytes: u64,
    file: Box<dyn File>,
    seed: Seed,
    sequence: u64,
    length: u64,
    last_sync: Duration,
}

impl Log {
    /// Begins a segment. Its header and name are durable before anything is appended.
    pub fn create(backend: Arc<dyn Backend>, segment_bytes: u64, sequence: u64) -> Result<Self> {
        let path = segment_path(sequence);
        let (header, seed) = frame::header(LOG_MAGIC, sequence)?;
        let mut file = backend.create(&path).map_err(Error::io("create", &path))?;
        file.append(&header).map_err(Error::io("write", &path))?;
        file.sync_data().map_err(Error::io("sync", &path))?;
        backend.sync_dir(LOG_DIR).map_err(Error::io("sync directory", LOG_DIR))?;
        Ok(Self { backend, segment_bytes, file, seed, sequence, length: HEADER_LEN as u64, last_sync: Duration::ZERO })
    }

    /// Goes on behind the first `length` bytes of a segment; a torn tail beyond them is cut off.
    pub fn resume(
        backend: Arc<dyn Backend>,
        segment_bytes: u64,
        sequence: u64,
        seed: Seed,
        length: u64,
        torn: bool,
    ) -> Result<Self> {
        let path = segment_path(sequence);
        let mut file = backend.open(&path).map_err(Error::io("open", &path))?;
        if torn {
            file.truncate(length).map_err(Error::io("truncate", &path))?;
        }
        // Also without a torn tail: neither what was read nor its name need have been synced before the crash, and both
        // are relied upon from now on.
        file.sync_data().map_err(Error::io("sync", &path))?;
        backend.sync_dir(LOG_DIR).map_err(Error::io("sync directory", LOG_DIR))?;
        Ok(Self { backend, segment_bytes, file, seed, sequence, length, last_sync: Duration::ZERO })
    }

    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// How long the last sync took.
    pub fn last_sync(&self) -> Duration {
        self.last_sync
    }

    /// Makes the frame durable. Says which segment was closed on the way, if one was.
    pub fn append(&mut self, frame: &mut FrameBuffer) -> Result<Option<Closed>> {
        let mut closed = None;
        let full = self.length + frame.payload_len() as u64 > self.segment_bytes;
        if full && self.length > HEADER_LEN as u64 {
            closed = Some(Closed { sequence: self.sequence, bytes: self.length });
            *self = Self::create(self.backend.clone(), self.segment_bytes, self.sequence + 1)?;
        }
        let bytes = frame.finish(self.seed, self.length);
        let path = || segment_path(self.sequence);
        self.file.append(bytes).map_err(|error| Error::io("write", &path())(error))?;
        let begin = Instant::now();
        self.file.sync_data().map_err(|error| Error::io("sync", &path())(error))?;
        self.last_sync = begin.elapsed();
        self.length += bytes.len() as u64;
        Ok(closed)
    }
}
