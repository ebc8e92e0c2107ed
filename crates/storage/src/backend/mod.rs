//! The file operations the engine is made of, as a trait, so that a test can cut the power at any of them.

mod disk;
mod sim;

pub use disk::Disk;
pub use sim::{Fault, Loss, SimDisk};

use std::io::{self, Read};

/// One state directory. Paths are relative to it, with `/` between the parts.
pub trait Backend: Send + Sync {
    /// How the directory is called in messages.
    fn describe(&self) -> String;

    /// Taken for as long as the guard lives; `None` when somebody else holds it.
    fn lock(&self) -> io::Result<Option<Box<dyn Send>>>;

    /// Makes a directory below the state directory if it is missing, durably.
    fn create_dir(&self, path: &str) -> io::Result<()>;

    /// The names of the files in a directory, sorted.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    fn read(&self, path: &str) -> io::Result<Box<dyn Read + Send>>;

    /// Whether group or others may read the file; `None` when the file is missing.
    fn mode(&self, path: &str) -> io::Result<Option<u32>>;

    /// A new, empty file (mode 0600). Its name is durable only after [`Backend::sync_dir`].
    fn create(&self, path: &str) -> io::Result<Box<dyn File>>;

    /// An existing file, appended to from now on.
    fn open(&self, path: &str) -> io::Result<Box<dyn File>>;

    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes creations, renames and removals in `dir` durable.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;
}

/// A file being written.
pub trait File: Send {
    /// Appends all of `bytes`, or fails with any part of them written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything written so far, and the length, durable.
    fn sync_data(&mut self) -> io::Result<()>;

    fn truncate(&mut self, length: u64) -> io::Result<()>;
}
