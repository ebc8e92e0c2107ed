//! Puts the entries of a layer below a directory, and nowhere else.
//!
//! Nobody else writes there meanwhile, so looking before stepping is safe. A parent that is a relative symlink inside the
//! layer is followed, as containerd does; one that is absolute or leads out is refused.

use super::{Budget, Error, io};
use nix::sys::stat::{Mode, SFlag, UtimensatFlags, makedev, mknod, utimensat};
use nix::sys::time::TimeSpec;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self as stdio, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use tar::{Entry, EntryType};

/// AUFS's marks, which the OCI layer format keeps (image-spec, layer.md: Whiteouts).
const WHITEOUT: &[u8] = b".wh.";
const AUFS_OWN: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const XATTR: &str = "SCHILY.xattr.";
/// As many as the kernel follows.
const MAX_SYMLINKS: usize = 40;
const CHUNK_BYTES: usize = 128 << 10;

pub struct Tree<'a> {
    root: &'a Path,
    lower: &'a [PathBuf],
    /// Only root may give files away and make devices; who may not has an image that is his own throughout.
    privileged: bool,
    /// Directories get theirs last: a read-only one must take its files, and each file in it moves its time.
    directories: BTreeMap<PathBuf, Attributes>,
    chunk: Vec<u8>,
}

/// What an entry says of its owner, mode, time and extended attributes.
struct Attributes {
    mode: u32,
    uid: u32,
    gid: u32,
    modified_seconds: i64,
    extended: Vec<(String, Vec<u8>)>,
}

impl<'a> Tree<'a> {
    pub fn new(root: &'a Path, lower: &'a [PathBuf]) -> stdio::Result<Self> {
        fs::set_permissions(root, Permissions::from_mode(0o755))?;
        let privileged = nix::unistd::geteuid().is_root();
        let mut tree = Self { root, lower, privileged, directories: BTreeMap::new(), chunk: vec![0; CHUNK_BYTES] };
        // A layer need not say again what the one below it said of the root.
        tree.inherit(Path::new(""))?;
        Ok(tree)
    }

    pub fn apply(&mut self, entry: &mut Entry<'_, impl Read>, budget: &mut Budget) -> Result<(), Error> {
        let bytes = entry.path_bytes().into_owned();
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let refuse = |why| Error::Refused { path: shown.clone(), why };
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            return Ok(());
        }
        let mut parents = components(&bytes).map_err(refuse)?;
        let Some(name) = parents.pop() else {
            if !kind.is_dir() {
                return Err(refuse("only a directory can be the root"));
            }
            let attributes = Attributes::of(entry).map_err(io(shown.clone()))?;
            self.directories.insert(self.root.to_owned(), attributes);
            return Ok(());
        };
        let parent = self.parent(&parents, true, &shown)?;
        if name.as_bytes().starts_with(WHITEOUT) {
            return self.whiteout(&parent, &name, &shown);
        }
        let target = parent.join(&name);
        self.make_room(&target, kind.is_dir()).map_err(io(shown.clone()))?;
        match kind {
            EntryType::Link => self.hard_link(entry, &target, &shown),
            EntryType::Directory => {
                let attributes = Attributes::of(entry).map_err(io(shown.clone()))?;
                if !target.is_dir() {
                    DirBuilder::new().mode(0o755).create(&target).map_err(io(shown))?;
                }
                self.directories.insert(target, attributes);
                Ok(())
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => self.file(entry, &target, &shown, budget),
            EntryType::Symlink => {
                let to = entry.link_name_bytes().ok_or_else(|| refuse("a symbolic link to nothing"))?.into_owned();
                symlink(OsStr::from_bytes(&to), &target).map_err(io(shown.clone()))?;
                self.dress(entry, &target, false).map_err(io(shown))
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => self.device(entry, &target).map_err(io(shown)),
            _ => Err(refuse("unhandled tar header type")),
        }
    }

    /// Gives directories what their entries said.
    pub fn finish(self) -> Result<(), Error> {
        // The deepest first: setting a child's attributes does not move the parent's time, but a closed parent would shut it.
        for (path, attributes) in self.directories.iter().rev() {
            attributes.put_on(path, self.privileged, true).map_err(io(path.display().to_string()))?;
        }
        Ok(())
    }

    /// The directory that these components lead to, made where it is missing.
    fn parent(&mut self, parts: &[OsString], create: bool, shown: &str) -> Result<PathBuf, Error> {
        let refuse = |why| Error::Refused { path: shown.to_owned(), why };
        let mut ahead: VecDeque<OsString> = parts.iter().cloned().collect();
        let (mut at, mut links) = (PathBuf::new(), 0);
        while let Some(part) = ahead.pop_front() {
            match part.as_bytes() {
                b"" | b"." => continue,
                b".." if at.pop() => continue,
                b".." => return Err(refuse("a symbolic link leads out of the layer")),
                _ => {}
            }
            let next = at.join(&part);
            match fs::symlink_metadata(self.root.join(&next)) {
                Ok(seen) if seen.is_dir() => at = next,
                Ok(seen) if seen.is_symlink() => {
                    links += 1;
                    let to = fs::read_link(self.root.join(&next)).map_err(io(shown))?;
                    if to.is_absolute() {
                        return Err(refuse("its parent is an absolute symbolic link"));
                    }
                    if links > MAX_SYMLINKS {
                        return Err(refuse("too many levels of symbolic links"));
                    }
                    for part in to.as_os_str().as_bytes().split(|b| *b == b'/').rev() {
                        ahead.push_front(OsStr::from_bytes(part).to_owned());
                    }
                }
                Ok(_) => return Err(refuse("its parent is not a directory")),
                Err(error) if error.kind() == ErrorKind::NotFound && create => {
                    fs::create_dir(self.root.join(&next)).map_err(io(shown))?;
                    self.inherit(&next).map_err(io(shown))?;
                    at = next;
                }
                Err(error) => return Err(io(shown)(error)),
            }
        }
        Ok(self.root.join(at))
    }

    /// A directory that the layer only implies looks as it does below: /tmp must not lose its mode to a file in it.
    fn inherit(&mut self, relative: &Path) -> stdio::Result<()> {
        let Some((path, seen)) = self.lower.iter().rev().find_map(|lower| plain_directory(lower, relative)) else {
            return Ok(());
        };
        let mut extended = Vec::new();
        for name in xattr::list(&path)? {
            let Some(name) = name.to_str().filter(|name| !is_overlays_own(name)) else { continue };
            if let Some(value) = xattr::get(&path, name)? {
                extended.push((name.to_owned(), value));
            }
        }
        let (mode, uid, gid) = (seen.mode() & 0o7777, seen.uid(), seen.gid());
        let attributes = Attributes { mode, uid, gid, modified_seconds: seen.mtime(), extended };
        self.directories.insert(self.root.join(relative), attributes);
        Ok(())
    }

    /// A later entry of the same name wins; a directory stays with what is in it.
    fn make_room(&mut self, target: &Path, for_directory: bool) -> stdio::Result<()> {
        let seen = match fs::symlink_metadata(target) {
            Ok(seen) => seen,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if !seen.is_dir() {
            return fs::remove_file(target);
        }
        if for_directory {
            return Ok(());
        }
        // Whatever comes to stand there must not get the attributes of what was below.
        let below = self.directories.range(target.to_owned()..).take_while(|(path, _)| path.starts_with(target));
        for path in below.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            self.directories.remove(&path);
        }
        fs::remove_dir_all(target)
    }

    fn whiteout(&mut self, parent: &Path, name: &OsStr, shown: &str) -> Result<(), Error> {
        let refuse = |why| Error::Refused { path: shown.to_owned(), why };
        if name.as_bytes() == OPAQUE {
            return set_opaque(parent).map_err(io(shown));
        }
        if name.as_bytes().starts_with(AUFS_OWN) {
            return Ok(());
        }
        let hidden = &name.as_bytes()[WHITEOUT.len()..];
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(refuse("a whiteout of nothing"));
        }
        let target = parent.join(OsStr::from_bytes(hidden));
        self.make_room(&target, false).map_err(io(shown))?;
        mknod(&target, SFlag::S_IFCHR, Mode::empty(), makedev(0, 0)).map_err(|e| io(shown)(e.into()))
    }

    fn hard_link(&mut self, entry: &Entry<'_, impl Read>, target: &Path, shown: &str) -> Result<(), Error> {
        let refuse = |why| Error::Refused { path: shown.to_owned(), why };
        let to = entry.link_name_bytes().ok_or_else(|| refuse("a hard link to nothing"))?.into_owned();
        let mut parents = components(&to).map_err(refuse)?;
        let name = parents.pop().ok_or_else(|| refuse("a hard link to the root"))?;
        let from = self.parent(&parents, false, shown)?.join(name);
        fs::hard_link(from, target).map_err(io(shown))
    }

    fn file(&mut self, entry: &mut Entry<'_, impl Read>, target: &Path, shown: &str, budget: &mut Budget) -> Result<(), Error> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target).map_err(io(shown))?;
        loop {
            let read = entry.read(&mut self.chunk).map_err(io(shown))?;
            if read == 0 {
                break;
            }
            budget.take_bytes(read as u64)?;
            file.write_all(&self.chunk[..read]).map_err(io(shown))?;
        }
        drop::<File>(file);
        self.dress(entry, target, true).map_err(io(shown))
    }

    fn device(&self, entry: &mut Entry<'_, impl Read>, target: &Path) -> stdio::Result<()> {
        let header = entry.header();
        let kind = match header.entry_type() {
            EntryType::Char => SFlag::S_IFCHR,
            EntryType::Block => SFlag::S_IFBLK,
            _ => SFlag::S_IFIFO,
        };
        // Pipes have no number.
        let number = |part: stdio::Result<Option<u32>>| part.ok().flatten().map_or(0, u64::from);
        let device = makedev(number(header.device_major()), number(header.device_minor()));
        match mknod(target, kind, Mode::from_bits_truncate(0o600), device) {
            // A container's devices are the runtime's; those of an image are a curiosity.
            Err(nix::errno::Errno::EPERM) if !self.privileged => return Ok(()),
            other => other?,
        }
        self.dress(entry, target, true)
    }

    fn dress(&self, entry: &mut Entry<'_, impl Read>, target: &Path, mode: bool) -> stdio::Result<()> {
        Attributes::of(entry)?.put_on(target, self.privileged, mode)
    }
}

impl Attributes {
    fn of(entry: &mut Entry<'_, impl Read>) -> stdio::Result<Self> {
        let header = entry.header();
        let id = |value: u64| u32::try_from(value).map_err(|_| stdio::Error::new(ErrorKind::InvalidData, "owner out of range"));
        let old = header.as_old();
        let mode = if is_unset(&old.mode) { 0 } else { header.mode()? & 0o7777 };
        let uid = if is_unset(&old.uid) { 0 } else { id(header.uid()?)? };
        let gid = if is_unset(&old.gid) { 0 } else { id(header.gid()?)? };
        let modified = if is_unset(&old.mtime) { 0 } else { header.mtime()? };
        let modified_seconds = i64::try_from(modified).unwrap_or(0); // a time that no file system keeps
        let mut extended = Vec::new();
        for record in entry.pax_extensions()?.into_iter().flatten() {
            let record = record?;
            let Ok(key) = record.key() else { continue };
            if let Some(name) = key.strip_prefix(XATTR).filter(|name| !is_overlays_own(name)) {
                extended.push((name.to_owned(), record.value_bytes().to_vec()));
            }
        }
        Ok(Self { mode, uid, gid, modified_seconds, extended })
    }

    /// The owner first, since a change of owner takes set-user-ID bits and capabilities away.
    fn put_on(&self, path: &Path, privileged: bool, mode: bool) -> stdio::Result<()> {
        match lchown(path, Some(self.uid), Some(self.gid)) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied && !privileged => {}
            other => other?,
        }
        if mode {
            fs::set_permissions(path, Permissions::from_mode(self.mode))?;
        }
        for (name, value) in &self.extended {
            match xattr::set(path, name, value) {
                // As containerd: an attribute that this file system or this user cannot have is left out.
                Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                    tracing::debug!(path = %path.display(), name, %error, "an extended attribute is left out");
                }
                other => other?,
            }
        }
        let time = TimeSpec::new(self.modified_seconds, 0);
        utimensat(None, path, &time, &time, UtimensatFlags::NoFollowSymlink).map_err(stdio::Error::from)
    }
}

/// A number that nobody wrote stands for zero, as in Go's archive/tar.
fn is_unset(field: &[u8]) -> bool {
    field.iter().all(|byte| matches!(byte, 0 | b' '))
}

/// The parts of a path below the root. Where it begins does not matter, `..` is never meant well.
fn components(path: &[u8]) -> Result<Vec<OsString>, &'static str> {
    if path.contains(&0) {
        return Err("a path with a zero byte");
    }
    let parts = path.split(|b| *b == b'/').filter(|part| !matches!(*part, b"" | b"."));
    let check = |part: &[u8]| if part == b".." { Err("a path with ..") } else { Ok(OsStr::from_bytes(part).to_owned()) };
    parts.map(check).collect()
}

/// overlayfs steers by these: an image must not.
fn is_overlays_own(name: &str) -> bool {
    name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.")
}

/// Root's mark, or the one for overlays that others mount.
fn set_opaque(path: &Path) -> stdio::Result<()> {
    match xattr::set(path, "trusted.overlay.opaque", b"y") {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            xattr::set(path, "user.overlay.opaque", b"y")
        }
        other => other,
    }
}

/// The directory of that path, reached by directories only.
fn plain_directory(root: &Path, relative: &Path) -> Option<(PathBuf, Metadata)> {
    let mut path = root.to_owned();
    let mut seen = fs::symlink_metadata(&path).ok()?; // a lower layer without it has nothing to say
    for part in relative {
        path.push(part);
        seen = fs::symlink_metadata(&path).ok()?; // likewise
        if !seen.is_dir() || seen.file_type().is_char_device() {
            return None;
        }
    }
    Some((path, seen))
}
