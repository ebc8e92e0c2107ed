//! The root file system of a container, from its image's layers, and what is looked up inside it without being led out.

use crate::cri::{ContainerConfig, Error, Result};
use crate::layout::ContainerDir;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Mounts the layers with a directory of the container's own on top.
pub fn mount_layers(layers: &[PathBuf], directory: &ContainerDir) -> Result<()> {
    let Some(first) = layers.first() else { return Err(Error::Create("the image has no layers".into())) };
    // A mount's options fit one page: layers are named from the directory that they share. Their own names stay, for they
    // tell the image store which layers are in use.
    let above = first.parent().unwrap_or(first).to_owned();
    let shared = layers.iter().fold(above, |shared, layer| common(&shared, layer.parent().unwrap_or(layer)));
    let lower: Vec<String> =
        layers.iter().rev().map(|layer| layer.strip_prefix(&shared).unwrap_or(layer).display().to_string()).collect();
    let options =
        format!("lowerdir={},upperdir={},workdir={}", lower.join(":"), directory.upper().display(), directory.work().display());
    let back = std::env::current_dir().map_err(internal)?;
    std::env::set_current_dir(&shared).map_err(|error| Error::Create(format!("image layers: {}: {error}", shared.display())))?;
    let rootfs = directory.rootfs();
    let mounted = mount(Some("overlay"), &rootfs, Some("overlay"), MsFlags::empty(), Some(options.as_str()));
    std::env::set_current_dir(back).map_err(internal)?;
    mounted.map_err(|error| Error::Create(format!("failed to mount the root file system: {error}")))
}

fn common(one: &Path, other: &Path) -> PathBuf {
    one.components().zip(other.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

fn internal(error: io::Error) -> Error {
    Error::Internal(error.to_string())
}

pub fn unmount(directory: &ContainerDir) -> io::Result<()> {
    match umount2(&directory.rootfs(), MntFlags::MNT_DETACH) {
        Ok(()) | Err(nix::Error::EINVAL | nix::Error::ENOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Opens a path as the container would: links lead back into its own root.
pub fn open_inside(root: &Path, path: &str, flags: OFlag) -> io::Result<File> {
    let root = File::open(root)?;
    let how =
        OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let fd = openat2(root.as_raw_fd(), path, how)?;
    // SAFETY: openat2 returned a fresh descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) }.into())
}

/// What a file of the container says; nothing when it has none.
pub fn read_inside(root: &Path, path: &str) -> String {
    const MOST: u64 = 1 << 20;
    let mut text = String::new();
    if let Ok(file) = open_inside(root, path, OFlag::O_RDONLY | OFlag::O_NONBLOCK) {
        // Not text, or not a file: as if there were none.
        drop(file.take(MOST).read_to_string(&mut text));
    }
    text
}

/// Says no, in runc's words, to a program that is not there, before anything is started for it.
pub fn check_program(
    root: &Path,
    config: &ContainerConfig,
    program: &str,
    environment: &[String],
    working_dir: &str,
) -> Result<()> {
    let unseen = |path: &str| config.mounts.iter().any(|mount| Path::new(path).starts_with(&mount.container_path));
    let refuse = |why: String| {
        Err(Error::Create(format!("unable to start container process: error during container init: exec: {program:?}: {why}")))
    };
    if program.contains('/') {
        let path = Path::new("/").join(working_dir).join(program).display().to_string();
        // What lies in a volume is seen only once that is mounted.
        if unseen(&path) {
            return Ok(());
        }
        return match executable(root, &path) {
            Ok(true) => Ok(()),
            Ok(false) => refuse("permission denied".into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => refuse(format!("stat {program}: no such file or directory")),
            Err(error) => refuse(error.to_string()),
        };
    }
    let path = environment.iter().rev().find_map(|item| item.strip_prefix("PATH=")).unwrap_or_default();
    let found = path.split(':').any(|directory| {
        let candidate = Path::new("/").join(directory).join(program).display().to_string();
        unseen(&candidate) || executable(root, &candidate).is_ok_and(|yes| yes)
    });
    if found { Ok(()) } else { refuse("executable file not found in $PATH".into()) }
}

fn executable(root: &Path, path: &str) -> io::Result<bool> {
    let facts = open_inside(root, path, OFlag::O_PATH)?.metadata()?;
    Ok(facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn programs_are_looked_up_inside() {
        let root = std::env::temp_dir().join(format!("pilothouse-root-{}", std::process::id()));
        fs::create_dir_all(root.join("bin")).expect("a directory");
        fs::write(root.join("bin/tool"), "").expect("a file");
        fs::set_permissions(root.join("bin/tool"), fs::Permissions::from_mode(0o755)).expect("a mode");
        fs::write(root.join("bin/text"), "words").expect("a file");
        symlink("/bin/tool", root.join("bin/linked")).expect("a link");
        symlink("/usr/bin/env", root.join("bin/outside")).expect("a link");
        let config = ContainerConfig::default();
        let environment = ["PATH=/nowhere:/bin".to_owned()];
        for (program, refused) in [
            ("tool", None),
            ("/bin/tool", None),
            ("./tool", None),
            ("linked", None),
            ("text", Some("exec: \"text\": executable file not found in $PATH")),
            ("outside", Some("exec: \"outside\": executable file not found in $PATH")),
            ("/bin/text", Some("exec: \"/bin/text\": permission denied")),
            ("/no", Some("exec: \"/no\": stat /no: no such file or directory")),
        ] {
            let answer = check_program(&root, &config, program, &environment, "bin").map_err(|error| error.to_string());
            assert_eq!(
                answer.as_ref().err().map(|text| text.ends_with(refused.unwrap_or("?"))),
                refused.map(|_| true),
                "{program}: {answer:?}"
            );
        }
        assert_eq!(read_inside(&root, "/bin/text"), "words");
        assert_eq!(read_inside(&root, "/bin/../../../etc/hostname"), "");
        fs::remove_dir_all(root).expect("removed");
    }
}
