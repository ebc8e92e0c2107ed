//! Paths of the node's own file system, never led out of it (kubernetes pkg/volume/hostpath, pkg/volume/util/subpath).

use meta::Doc;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::path::{Component, Path, PathBuf};

/// The machine's, for every node on it: there is nothing of a node's own to show there.
const OF_THE_MACHINE: &[&str] = &["/proc", "/sys", "/dev"];

/// A hostPath volume's place, checked and made as its type asks.
pub fn resolve(root: &Path, volume: &Doc) -> Result<PathBuf, String> {
    let path = volume["path"].as_str().unwrap_or_default();
    let kind = volume["type"].as_str().unwrap_or_default();
    let machine = OF_THE_MACHINE.iter().any(|top| Path::new(path).starts_with(top)) && !path.contains("..");
    let place = if machine { Ok(PathBuf::from(path)) } else { inside(root, path.trim_start_matches('/'), false) };
    let place = place.map_err(|why| format!("hostPath type check failed: {path}: {why}"))?;
    let facts = match fs::metadata(&place) {
        Ok(facts) => Some(facts),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(format!("hostPath type check failed: {path}: {error}")),
    };
    let made = |made: io::Result<()>| made.map_err(|error| format!("hostPath {path} cannot be made: {error}"));
    let found = facts.as_ref().map(fs::Metadata::file_type);
    let refuse = |what: &str| Err(format!("hostPath type check failed: {path} is not a {what}"));
    match (kind, found) {
        ("", None) | ("DirectoryOrCreate", None) => made(fs::DirBuilder::new().recursive(true).mode(0o755).create(&place))?,
        ("FileOrCreate", None) => {
            let parent = place.parent().map_or(Ok(()), fs::create_dir_all);
            made(parent.and_then(|()| fs::File::options().create(true).append(true).open(&place).map(drop)))?;
        }
        ("", Some(_)) => {}
        ("DirectoryOrCreate" | "Directory", Some(found)) if found.is_dir() => {}
        ("FileOrCreate" | "File", Some(found)) if found.is_file() => {}
        ("Socket", Some(found)) if found.is_socket() => {}
        ("CharDevice", Some(found)) if found.is_char_device() => {}
        ("BlockDevice", Some(found)) if found.is_block_device() => {}
        ("DirectoryOrCreate" | "Directory", _) => return refuse("directory"),
        ("FileOrCreate" | "File", _) => return refuse("file"),
        ("Socket", _) => return refuse("socket file"),
        ("CharDevice", _) => return refuse("character device"),
        ("BlockDevice", _) => return refuse("block device"),
        (other, _) => return Err(format!("{other:?} is an invalid volume type")),
    }
    Ok(place)
}

/// A path beneath `base`, with links followed only where they stay there. `make`: directories that are missing.
pub fn inside(base: &Path, path: &str, make: bool) -> Result<PathBuf, String> {
    let whole = |error: io::Error| error.to_string();
    let base = base.canonicalize().map_err(whole)?;
    let mut at = base.clone();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => at.push(name),
            Component::CurDir => continue,
            _ => return Err("must not contain \"..\"".into()),
        }
        match at.canonicalize() {
            Ok(real) if real.starts_with(&base) => at = real,
            Ok(_) => return Err("it leads out of the volume".into()),
            // A link to nowhere could later lead anywhere.
            Err(error) if error.kind() == io::ErrorKind::NotFound && at.is_symlink() => return Err("it is a broken link".into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if make {
                    fs::DirBuilder::new().mode(0o755).create(&at).map_err(whole)?;
                }
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_leads_out() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("a path");
        symlink("/etc", root.join("out")).expect("a link");
        symlink("nowhere", root.join("broken")).expect("a link");
        fs::create_dir(root.join("real")).expect("a directory");
        symlink("real", root.join("alias")).expect("a link");
        assert_eq!(inside(&root, "alias/new", true), Ok(root.join("real/new")));
        assert!(root.join("real/new").is_dir());
        for path in ["out/passwd", "../x", "broken"] {
            assert!(inside(&root, path, true).is_err(), "{path}");
        }
    }

    #[test]
    fn types_are_checked() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        let ask = |path: &str, kind: &str| resolve(root, &json!({"path": path, "type": kind}));
        assert!(ask("/var/demo", "DirectoryOrCreate").is_ok_and(|path| path.is_dir()));
        assert!(ask("/var/demo", "Directory").is_ok());
        assert_eq!(ask("/var/demo", "File"), Err("hostPath type check failed: /var/demo is not a file".into()));
        assert_eq!(ask("/var/none", "Socket"), Err("hostPath type check failed: /var/none is not a socket file".into()));
        assert!(ask("/run/file", "FileOrCreate").is_ok_and(|path| path.is_file()));
        assert_eq!(ask("/proc", "Directory"), Ok("/proc".into()));
        assert!(ask("/dev/null", "CharDevice").is_ok());
        assert!(ask("/x", "Odd").is_err());
    }
}
