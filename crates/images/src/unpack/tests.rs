use super::*;
use crate::store::Stop;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use tar::{Builder, EntryType, Header};

/// An entry: kind, path, link target, mode, content.
type Row<'a> = (EntryType, &'a str, &'a str, u32, &'a [u8]);
const FILE: EntryType = EntryType::Regular;
const DIR: EntryType = EntryType::Directory;
const SYMLINK: EntryType = EntryType::Symlink;
const LINK: EntryType = EntryType::Link;

/// Paths go into the header as they are: the tar library would refuse the evil ones.
fn header((kind, path, link, mode, content): Row<'_>) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    header.set_mtime(1_000_000);
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
    // The group stays unset, which stands for root's.
    header.set_uid(if kind == FILE { 7 } else { 0 });
    header.set_device_major(1).expect("a device");
    header.set_device_minor(3).expect("a device");
    header.set_cksum();
    header
}

fn tar(rows: &[Row<'_>]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for row in rows {
        tar.append(&header(*row), row.4).expect("an entry");
    }
    tar.into_inner().expect("a tar")
}

struct World {
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn unpack_as(&self, into: &str, blob: &[u8], plain: &[u8], lower: &[PathBuf], budget: &mut Budget) -> Result<PathBuf, Error> {
        let path = self.path("blob");
        fs::write(&path, blob).expect("a blob");
        let layer = Layer { blob: &path, diff_id: &Digest::of(plain), lower, stop: &Stop::default() };
        layer.unpack(&self.path(into), budget).map(|()| self.path(into))
    }

    fn unpack(&self, into: &str, rows: &[Row<'_>], lower: &[PathBuf]) -> Result<PathBuf, Error> {
        let plain = tar(rows);
        self.unpack_as(into, &plain, &plain, lower, &mut budget())
    }
}

fn budget() -> Budget {
    Budget { bytes: 1 << 30, entries: 1000 }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn everything_a_layer_may_hold() {
    let world = World::new();
    let rows: &[Row<'_>] = &[
        (DIR, "./", "", 0o751, b""),
        (DIR, "bin/", "", 0o555, b""),
        (FILE, "/bin/su", "", 0o4755, b"suid"),
        (LINK, "bin/sudo", "bin/su", 0o4755, b""),
        (SYMLINK, "bin/sh", "/bin/busybox", 0o777, b""),
        (SYMLINK, "lib", "usr/lib", 0o777, b""),
        (DIR, "usr/lib", "", 0o755, b""),
        (FILE, "lib/x", "", 0o644, b"through a link"),
        (FILE, "gone", "", 0o644, b"first"),
        (FILE, "gone", "", 0o600, b"second"),
        (EntryType::Fifo, "pipe", "", 0o644, b""),
        (EntryType::Char, "null", "", 0o666, b""),
        (FILE, "etc/.wh.shadow", "", 0o644, b""),
        (DIR, "var", "", 0o755, b""),
        (FILE, "var/.wh..wh..opq", "", 0o644, b""),
        (FILE, ".wh..wh.plnk", "", 0o644, b""),
        (EntryType::XGlobalHeader, "pax_global_header", "", 0o644, b"19 comment=whatever\n"),
    ];
    let root = world.unpack("layer", rows, &[]).expect("a layer");
    let seen = |name: &str| fs::symlink_metadata(root.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(fs::symlink_metadata(&root).expect("the root").mode() & 0o7777, 0o751);
    assert_eq!((seen("bin").mode() & 0o7777, seen("bin").mtime()), (0o555, 1_000_000));
    assert_eq!((seen("bin/su").mode() & 0o7777, seen("bin/su").mtime()), (0o4755, 1_000_000));
    assert_eq!((seen("bin/su").ino(), seen("bin/su").nlink()), (seen("bin/sudo").ino(), 2));
    assert_eq!(fs::read_link(root.join("bin/sh")).expect("a link"), Path::new("/bin/busybox"));
    assert_eq!(fs::read(root.join("usr/lib/x")).expect("a file"), b"through a link");
    assert_eq!((fs::read(root.join("gone")).expect("a file"), seen("gone").mode() & 0o777), (b"second".to_vec(), 0o600));
    assert!(seen("pipe").file_type().is_fifo());
    assert!(seen("etc/shadow").file_type().is_char_device() && seen("etc/shadow").rdev() == 0);
    assert!(!root.join(".wh..wh.plnk").exists() && !root.join("pax_global_header").exists());
    if is_root() {
        assert_eq!(seen("bin/su").uid(), 7);
        assert!(seen("null").file_type().is_char_device() && seen("null").rdev() == nix::sys::stat::makedev(1, 3));
        let opaque = xattr::get(root.join("var"), "trusted.overlay.opaque").expect("attributes");
        assert_eq!(opaque.as_deref(), Some(&b"y"[..]));
    }
}

#[test]
fn extended_attributes_but_not_those_that_steer_the_overlay() {
    let world = World::new();
    let mut tar = Builder::new(Vec::new());
    let records: &[(&str, &[u8])] = &[
        ("SCHILY.xattr.user.mine", b"yes"),
        ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
        ("SCHILY.xattr.user.overlay.opaque", b"y"),
    ];
    tar.append_pax_extensions(records.iter().copied()).expect("records");
    tar.append(&header((FILE, "file", "", 0o644, b"x")), &b"x"[..]).expect("an entry");
    let plain = tar.into_inner().expect("a tar");
    let root = world.unpack_as("layer", &plain, &plain, &[], &mut budget()).expect("a layer");
    let names: Vec<_> = xattr::list(root.join("file")).expect("attributes").collect();
    // A file system without such attributes keeps none.
    assert!(names.iter().all(|name| name == "user.mine"), "{names:?}");
}

/// Each of these stays inside and is refused, or does something harmless inside.
#[test]
fn evil_archives() {
    let world = World::new();
    let outside = world.path("outside");
    fs::create_dir(&outside).expect("a directory");
    fs::write(outside.join("precious"), "mine").expect("a file");
    fs::set_permissions(&outside, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("permissions");
    let absolute = outside.display().to_string();
    let precious = format!("{absolute}/precious");
    let dots = "../outside/precious";
    let refusals: &[(&[Row<'_>], &str)] = &[
        (&[(FILE, dots, "", 0o644, b"evil")], "a path with .."),
        (&[(FILE, "a/../../outside/precious", "", 0o644, b"evil")], "a path with .."),
        (&[(FILE, "..", "", 0o644, b"evil")], "a path with .."),
        (&[(SYMLINK, "a", &absolute, 0o777, b""), (FILE, "a/precious", "", 0o644, b"evil")], "absolute symbolic link"),
        (&[(SYMLINK, "a", "../outside", 0o777, b""), (FILE, "a/precious", "", 0o644, b"evil")], "leads out"),
        (
            &[(SYMLINK, "a", "b/../../outside", 0o777, b""), (DIR, "b", "", 0o755, b""), (FILE, "a/x", "", 0o644, b"")],
            "leads out",
        ),
        (&[(SYMLINK, "a", "a", 0o777, b""), (FILE, "a/x", "", 0o644, b"evil")], "too many levels"),
        (&[(LINK, "a", dots, 0o644, b"")], "a path with .."),
        (&[(SYMLINK, "s", "../outside", 0o777, b""), (LINK, "a", "s/precious", 0o644, b"")], "leads out"),
        (&[(LINK, "a", &precious, 0o644, b"")], "No such file"),
        (&[(FILE, "a", "", 0o644, b""), (FILE, "a/b", "", 0o644, b"evil")], "not a directory"),
        (&[(FILE, ".wh...", "", 0o644, b"")], "a whiteout of nothing"),
        (&[(FILE, ".wh.", "", 0o644, b"")], "a whiteout of nothing"),
        (&[(SYMLINK, "a", &absolute, 0o777, b""), (FILE, "a/.wh.precious", "", 0o644, b"")], "absolute symbolic link"),
        (&[(FILE, "/", "", 0o644, b"evil")], "only a directory"),
        (&[(EntryType::new(b'Z'), "a", "", 0o644, b"")], "unhandled tar header type"),
    ];
    for (number, (rows, expected)) in refusals.iter().enumerate() {
        let refused = world.unpack(&format!("refused{number}"), rows, &[]).expect_err(expected).to_string();
        assert!(refused.contains(expected), "{refused}, not {expected}");
    }
    let harmless: &[&[Row<'_>]] = &[
        // The last part of a path is never followed.
        &[(SYMLINK, "a", &precious, 0o777, b""), (FILE, "a", "", 0o644, b"evil")],
        &[(SYMLINK, "a", &absolute, 0o777, b""), (DIR, "a", "", 0o777, b"")],
        &[(SYMLINK, "a", &precious, 0o777, b""), (LINK, "b", "a", 0o644, b"")],
        // What a directory was to look like must not reach what a link in its place points to.
        &[(DIR, "d", "", 0o755, b""), (DIR, "d/e", "", 0o777, b""), (SYMLINK, "d", "../..", 0o777, b"")],
        &[(DIR, "outside", "", 0o777, b""), (SYMLINK, "outside", &absolute, 0o777, b"")],
    ];
    for (number, rows) in harmless.iter().enumerate() {
        world.unpack(&format!("harmless{number}"), rows, &[]).unwrap_or_else(|e| panic!("{number}: {e}"));
    }
    assert_eq!(fs::read_to_string(outside.join("precious")).expect("a file"), "mine");
    assert_eq!(fs::metadata(&outside).expect("a directory").mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(&outside).expect("a directory").count(), 1);
}

#[test]
fn an_implied_directory_looks_as_it_does_below() {
    let world = World::new();
    let base = world.unpack("base", &[(DIR, "./", "", 0o711, b""), (DIR, "tmp", "", 0o1777, b"")], &[]).expect("a layer");
    let upper =
        world.unpack("upper", &[(FILE, "tmp/x", "", 0o644, b""), (FILE, "new/x", "", 0o644, b"")], &[base]).expect("a layer");
    let mode = |name: &str| fs::metadata(upper.join(name)).expect("a directory").mode() & 0o7777;
    assert_eq!((mode(""), mode("tmp"), mode("new")), (0o711, 0o1777, 0o755));
}

#[test]
fn compressions_and_their_ends() {
    let world = World::new();
    let plain = tar(&[(FILE, "a", "", 0o644, &[b'x'; 100_000])]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("written");
    let gzip = gzip.finish().expect("gzip");
    let zstd = zstd::encode_all(plain.as_slice(), 1).expect("zstd");
    for (name, blob) in [("plain", &plain), ("gzip", &gzip), ("zstd", &zstd)] {
        let root = world.unpack_as(name, blob, &plain, &[], &mut budget()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(fs::metadata(root.join("a")).expect("a file").len(), 100_000);
        let cut = &blob[..blob.len() / 2];
        world.unpack_as(&format!("{name}-cut"), cut, &plain, &[], &mut budget()).expect_err("half a layer");
        let other = world.unpack_as(&format!("{name}-other"), blob, b"other", &[], &mut budget());
        assert!(matches!(other, Err(Error::DiffId { .. })), "{other:?}");
    }
}

#[test]
fn bombs_end_at_the_limits() {
    let world = World::new();
    let zeros = tar(&[(FILE, "a", "", 0o644, &[0; 1 << 20])]);
    let long = "n".repeat(3 << 20);
    let mut name = Builder::new(Vec::new());
    name.append(&header((EntryType::GNULongName, "././@LongLink", "", 0o644, long.as_bytes())), long.as_bytes())
        .expect("an entry");
    name.append(&header((FILE, "a", "", 0o644, b"")), &b""[..]).expect("an entry");
    let name = name.into_inner().expect("a tar");
    let mut trailing = tar(&[(FILE, "a", "", 0o644, b"")]);
    trailing.resize(4 << 20, 1);
    let many: Vec<Row<'_>> = vec![(FILE, "a", "", 0o644, b""); 20];
    for (label, plain, expected) in [
        ("bytes", zeros, "more than the permitted bytes"),
        ("name", name, "tar header too large"),
        ("trailing", trailing, "more than the permitted bytes"),
        ("entries", tar(&many), "more than the permitted files"),
    ] {
        let mut small = Budget { bytes: 1 << 19, entries: 10 };
        let refused = world.unpack_as(label, &plain, &plain, &[], &mut small).expect_err(label).to_string();
        assert!(refused.contains(expected), "{label}: {refused}");
    }
}
