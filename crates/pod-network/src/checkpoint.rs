//! The ledger on disk. It is whole at every moment: written beside, synced, renamed, and the directory synced.

use crate::pool::Ledger;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug)]
pub struct Checkpoint(PathBuf);

impl Checkpoint {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Empty where there is none.
    pub fn read(&self) -> io::Result<Ledger> {
        match fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| self.context(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ledger::default()),
            Err(error) => Err(self.context(error)),
        }
    }

    /// Blocks until it is on disk.
    pub fn write(&self, ledger: &Ledger) -> io::Result<()> {
        let bytes = serde_json::to_vec(ledger)?;
        self.replace(&bytes).map_err(|error| self.context(error))
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let beside = self.0.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.0)?;
        File::open(self.0.parent().unwrap_or(Path::new(".")))?.sync_all()
    }

    fn context(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("the record of pod addresses {}: {error}", self.0.display()))
    }
}
