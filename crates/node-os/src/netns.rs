//! Network namespaces: named ones as `ip netns` makes them, and work done inside one.

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NAMED: &str = "/run/netns";

/// A network namespace that stays as long as this handle does. Cheap to clone.
#[derive(Clone, Debug)]
pub struct NetNs(Arc<File>);

impl NetNs {
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self(Arc::new(File::open(path)?)))
    }

    /// The one that the calling thread is in.
    pub fn current() -> io::Result<Self> {
        Self::open("/proc/thread-self/ns/net")
    }

    pub fn of_process(pid: u32) -> io::Result<Self> {
        Self::open(format!("/proc/{pid}/ns/net"))
    }

    pub fn named(name: &str) -> io::Result<Self> {
        Self::open(path_of(name))
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// The number that tells namespaces apart.
    pub fn inode(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.ino())
    }

    /// Runs `work` on a thread of its own inside the namespace. Sockets made there belong to it and work from anywhere.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        in_a_thread(|| {
            setns(self.fd(), CloneFlags::CLONE_NEWNET)?;
            work()
        })
    }
}

/// A thread that changed its namespace must not be used for anything else: it ends with the work.
fn in_a_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("netns".into()).stack_size(256 << 10).spawn_scoped(scope, work)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("work inside a network namespace panicked")))
    })
}

pub fn path_of(name: &str) -> PathBuf {
    Path::new(NAMED).join(name)
}

/// Makes the namespace of this name, or opens the one there is. Its `lo` is down when it is new.
pub fn create(name: &str) -> io::Result<NetNs> {
    if let Some(existing) = existing(name)? {
        return Ok(existing);
    }
    fs::DirBuilder::new().recursive(true).mode(0o755).create(NAMED)?;
    let path = path_of(name);
    File::create(&path)?;
    in_a_thread(|| {
        unshare(CloneFlags::CLONE_NEWNET)?;
        mount(Some("/proc/thread-self/ns/net"), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        NetNs::current()
    })
    .inspect_err(|_| {
        // A file that is no namespace would pass for one.
        drop(fs::remove_file(&path));
    })
}

/// A file without a namespace mounted on it is what a crash between two steps left.
fn existing(name: &str) -> io::Result<Option<NetNs>> {
    let path = path_of(name);
    match is_namespace(&path) {
        Ok(true) => NetNs::open(&path).map(Some),
        Ok(false) => fs::remove_file(&path).map(|()| None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// `f_type` of the file system that namespaces live in (linux/magic.h NSFS_MAGIC).
const NSFS: i64 = 0x6e73_6673;

fn is_namespace(path: &Path) -> io::Result<bool> {
    #[expect(clippy::useless_conversion, reason = "the type's width differs between architectures")]
    Ok(i64::from(nix::sys::statfs::statfs(path)?.filesystem_type().0) == NSFS)
}

/// Removes the name. The namespace itself goes when nothing uses it any more. No such name is success.
pub fn delete(name: &str) -> io::Result<()> {
    let path = path_of(name);
    match umount2(&path, MntFlags::MNT_DETACH) {
        Ok(()) | Err(nix::Error::EINVAL | nix::Error::ENOENT) => {}
        Err(error) => return Err(error.into()),
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The names that begin so.
pub fn list(prefix: &str) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(NAMED) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<io::Result<_>>()?;
    names.retain(|name| name.starts_with(prefix));
    names.sort_unstable();
    Ok(names)
}

/// Whether this process may make and enter network namespaces at all; why not, in words.
pub fn permitted() -> Result<(), String> {
    let tried = in_a_thread(|| Ok(unshare(CloneFlags::CLONE_NEWNET)?));
    tried.map_err(|error| format!("network namespaces cannot be made ({error}); CAP_SYS_ADMIN and CAP_NET_ADMIN are needed"))
}
