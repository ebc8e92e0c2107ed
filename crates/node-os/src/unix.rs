//! Unix sockets in directories whose paths may be longer than a socket address can hold (108 bytes): they are named through
//! the directory's descriptor.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

fn short(directory: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    let directory = File::open(directory)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()));
    Ok((directory, path))
}

/// Listens for the owner only. A socket that an earlier process left is replaced.
pub fn bind_in(directory: &Path, name: &str) -> io::Result<UnixListener> {
    let (_open, path) = short(directory, name)?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

pub fn connect_in(directory: &Path, name: &str) -> io::Result<UnixStream> {
    let (_open, path) = short(directory, name)?;
    UnixStream::connect(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn long_paths_work() {
        let directory = std::env::temp_dir().join(format!("{}-{}", "d".repeat(150), std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        for _ in 0..2 {
            let listener = bind_in(&directory, "a.sock").expect("a socket");
            let mode = fs::metadata(directory.join("a.sock")).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            connect_in(&directory, "a.sock").expect("a connection").write_all(b"hello").expect("a write");
            let mut said = String::new();
            listener.accept().expect("a connection").0.read_to_string(&mut said).expect("text");
            assert_eq!(said, "hello");
        }
        fs::remove_dir_all(&directory).expect("removed");
        assert_eq!(connect_in(&directory, "a.sock").expect_err("gone").kind(), io::ErrorKind::NotFound);
    }
}
