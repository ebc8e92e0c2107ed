//! Taking away what is mounted beneath a directory.

use nix::mount::{MntFlags, umount2};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Detaches every mount beneath `directory` (which must be absolute and without links), the innermost first.
pub fn unmount_beneath(directory: &Path) -> io::Result<()> {
    let table = std::fs::read("/proc/self/mountinfo")?;
    for mount in beneath(&table, directory).iter().rev() {
        match umount2(mount, MntFlags::MNT_DETACH) {
            Ok(()) | Err(nix::Error::EINVAL | nix::Error::ENOENT) => {}
            Err(error) => return Err(io::Error::new(io::Error::from(error).kind(), format!("{}: {error}", mount.display()))),
        }
    }
    Ok(())
}

/// In the order they were mounted.
fn beneath(table: &[u8], directory: &Path) -> Vec<PathBuf> {
    let points = table.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    let points = points.map(|point| PathBuf::from(OsString::from_vec(unescape(point))));
    points.filter(|point| point.starts_with(directory) && point != directory).collect()
}

/// Blanks, tabs, line ends and backslashes are written as three octal digits.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if first == b'\\' => {
                out.push(byte);
                rest = &tail[3..];
            }
            _ => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_by_their_place() {
        let table = b"21 1 0:1 / / rw - ext4 x rw\n\
            22 21 0:2 / /state rw - ext4 x rw\n\
            23 22 0:3 / /state/a\\040b rw,x shared:1 - tmpfs x rw\n\
            24 22 0:3 / /state/a\\040b/c rw - tmpfs x rw\n\
            25 21 0:3 / /statement rw - tmpfs x rw\n";
        assert_eq!(beneath(table, Path::new("/state")), [PathBuf::from("/state/a b"), PathBuf::from("/state/a b/c")]);
    }
}
