//! How much a file system still takes.

use nix::sys::statvfs::statvfs;
use std::io;
use std::path::Path;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// For those who are not root.
    pub available_bytes: u64,
    /// 0: as many as there is space for.
    pub inodes: u64,
    pub inodes_free: u64,
}

/// Of the file system that holds `path`.
pub fn space(path: &Path) -> io::Result<Space> {
    let seen = statvfs(path)?;
    Ok(Space {
        available_bytes: seen.blocks_available().saturating_mul(seen.fragment_size()),
        inodes: seen.files(),
        inodes_free: seen.files_available(),
    })
}
