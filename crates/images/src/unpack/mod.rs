//! One layer from its blob into a directory that overlayfs can take as a lower one.

pub mod stream;
mod tree;

use crate::digest::{Digest, Hasher, HashingReader};
use crate::store::Stop;
use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tar::Archive;
use tree::Tree;

/// What the headers of one entry may take: long names and attributes. Go's archive/tar has the same kind of limit.
const MAX_HEADER_BYTES: u64 = 2 << 20;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    /// An archive that nobody makes by accident.
    #[error("{path:?}: {why}")]
    Refused { path: String, why: &'static str },
    #[error("wrong diff id calculated on extraction {actual:?}, expected {expected:?}")]
    DiffId { actual: String, expected: String },
    #[error("more than {0} when unpacked")]
    TooMuch(&'static str),
}

/// What is left of an image's limits.
pub struct Budget {
    pub bytes: u64,
    pub entries: u64,
}

impl Budget {
    fn take_bytes(&mut self, bytes: u64) -> Result<(), Error> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(Error::TooMuch("the permitted bytes"))?;
        Ok(())
    }

    fn take_entry(&mut self) -> Result<(), Error> {
        self.entries = self.entries.checked_sub(1).ok_or(Error::TooMuch("the permitted files"))?;
        Ok(())
    }
}

pub struct Layer<'a> {
    pub blob: &'a Path,
    /// Of the plain tar.
    pub diff_id: &'a Digest,
    /// The layers below, unpacked, the lowest first.
    pub lower: &'a [PathBuf],
    pub stop: &'a Stop,
}

fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let what = what.into();
    move |source| Error::Io { what, source }
}

impl Layer<'_> {
    /// Unpacks into the new directory `into`. After an error what is there is not to be used.
    pub fn unpack(&self, into: &Path, budget: &mut Budget) -> Result<(), Error> {
        fs::create_dir(into).map_err(io("layer"))?;
        let blob = File::open(self.blob).map_err(io("layer"))?;
        let plain = stream::decompressed(blob).map_err(io("layer"))?;
        let allowed = Rc::new(Cell::new(MAX_HEADER_BYTES));
        let metered = Metered { inner: plain, allowed: allowed.clone(), stop: self.stop.clone() };
        let mut archive = Archive::new(HashingReader::new(metered, Hasher::like(self.diff_id)));
        let mut tree = Tree::new(into, self.lower).map_err(io("layer"))?;
        let mut entries = archive.entries().map_err(io("layer"))?;
        loop {
            allowed.set(MAX_HEADER_BYTES);
            let Some(entry) = entries.next() else { break };
            let mut entry = entry.map_err(io("tar header"))?;
            allowed.set(u64::MAX);
            budget.take_entry()?;
            tree.apply(&mut entry, budget)?;
            drain(&mut entry, budget)?;
        }
        tree.finish()?;
        allowed.set(u64::MAX);
        let mut rest = archive.into_inner();
        drain(&mut rest, budget)?;
        let actual = rest.finish();
        if actual != *self.diff_id {
            return Err(Error::DiffId { actual: actual.to_string(), expected: self.diff_id.to_string() });
        }
        Ok(())
    }
}

/// Reads to the end, for the digest, without letting a bomb tick for ever.
fn drain(from: &mut dyn Read, budget: &mut Budget) -> Result<(), Error> {
    let mut chunk = [0; 16 << 10];
    loop {
        match from.read(&mut chunk).map_err(io("layer"))? {
            0 => return Ok(()),
            read => budget.take_bytes(read as u64)?,
        }
    }
}

/// Ends a header that goes on for too long, and a stream for which nobody waits any more.
struct Metered<R> {
    inner: R,
    allowed: Rc<Cell<u64>>,
    stop: Stop,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Not `Interrupted`, which readers take as an invitation to try again.
        self.stop.check().map_err(|_| io::Error::other("canceled"))?;
        let left = self.allowed.get();
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "tar header too large"));
        }
        let end = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX)); // as much as memory holds
        let read = self.inner.read(&mut buffer[..end])?;
        self.allowed.set(left - read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
