//! A disk that is full, and layers that a container stands on: in mount namespaces of their own.

use crate::content::{Home, Made, load, open, tidy};
use images::ImageService;
use nix::mount::{MsFlags, mount};
use std::path::{Path, PathBuf};
use std::process::Command;

const DIRECTORY: &str = "IMAGES_TEST_SMALL_DISK";

/// Not a test of its own: runs where it may mount.
#[test]
fn inside() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    mount(Some("tmpfs"), &directory, Some("tmpfs"), MsFlags::empty(), Some("size=2m")).expect("a small disk");
    let outside = tempfile::tempdir().expect("a directory");
    let store = open(&directory);
    load(&store, outside.path(), &Made::simple(b"small").archive(&["small"]), None).expect("an image");
    // The archive is small, what it unpacks to is not.
    let large = Made::new(&[("a", &vec![0; 3 << 20])], "amd64").archive(&["large"]);
    let many = Made::new(&[("a", &vec![0; 1 << 20]), ("b", &vec![0; 1 << 20])], "amd64").archive(&["many"]);
    for archive in [large, many] {
        let full = load(&store, outside.path(), &archive, None).expect_err("a full disk");
        assert!(full.starts_with("no space left on device: "), "{full}");
        assert!(tidy(&directory.join("images"), &store));
    }
    load(&store, outside.path(), &Made::simple(b"another").archive(&["another"]), None).expect("an image");
    mounted(outside.path());
}

/// Removed while a container runs from it, and again after.
fn mounted(outside: &Path) {
    let home = Home::new();
    let image = home.load(&Made::simple(b"x").archive(&["a"]), None).expect("an image").remove(0);
    let merged = outside.join("merged");
    std::fs::create_dir(&merged).expect("a directory");
    let options = format!("lowerdir={}:{}", image.layers[1].display(), image.layers[0].display());
    if mount(Some("overlay"), &merged, Some("overlay"), MsFlags::empty(), Some(options.as_str())).is_err() {
        return eprintln!("skipped: no overlayfs here");
    }
    assert!(image.pinned, "somebody loaded it");
    let threads = tokio::runtime::Builder::new_current_thread().build().expect("a thread");
    let refused = threads.block_on(home.store.remove_image("a")).expect_err("a container stands on it");
    assert_eq!(refused.to_string(), "image a is used by a container of this host");
    home.store.remove("a").expect("a store");
    assert!(home.find("a").is_none() && home.layers() == 2);
    assert_eq!(std::fs::read(merged.join("top")).expect("a file"), b"x");
    let home = home.reopen();
    assert_eq!(home.layers(), 2);
    nix::mount::umount(&merged).expect("unmounted");
    assert_eq!(home.reopen().layers(), 0);
}

#[test]
fn a_full_disk_and_mounted_layers() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--fork", "--kill-child"]).arg(program).args(["--exact", "full_disk::inside", "--nocapture"]);
    let output = command.env(DIRECTORY, directory.path()).output().expect("unshare");
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    if said.contains("unshare failed") {
        return eprintln!("skipped: {said}");
    }
    assert!(output.status.success(), "{said}");
}
