//! Files that change all at once: readers see the old set or the new one (kubernetes pkg/volume/util/atomic_writer.go).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

const DATA: &str = "..data";
/// What a group may do with files that nobody may write.
const GROUP_READS: u32 = 0o440;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub bytes: Vec<u8>,
    pub mode: u32,
}

/// By relative path.
pub type Payload = BTreeMap<String, Entry>;

/// Makes the directory show exactly the payload. `group`: who may read it beside root. True when something changed.
pub fn write(directory: &Path, payload: &Payload, group: Option<u32>, stamp: &str) -> io::Result<bool> {
    if let Some(bad) = payload.keys().find(|path| !is_inside(path)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("invalid path {bad:?}: it leads out of the volume")));
    }
    let readable = if group.is_some() { GROUP_READS } else { 0 };
    let payload: Payload =
        payload.iter().map(|(path, entry)| (path.clone(), Entry { mode: entry.mode | readable, ..entry.clone() })).collect();
    fs::create_dir_all(directory)?;
    let data = directory.join(DATA);
    let before = fs::read_link(&data).ok(); // the first time there is none
    if before.is_some() && current(&data)? == payload {
        return Ok(false);
    }
    let mut name = format!("..{stamp}");
    let mut number = 0;
    while directory.join(&name).exists() {
        number += 1;
        name = format!("..{stamp}.{number}");
    }
    let fresh = directory.join(&name);
    fs::create_dir(&fresh)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755))?;
    for (path, entry) in &payload {
        let file = fresh.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&file, &entry.bytes)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(entry.mode))?;
    }
    if let Some(group) = group {
        own(&fresh, group, GROUP_READS)?;
    }
    let next = directory.join("..data_tmp");
    match fs::remove_file(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(&name, &next)?;
    fs::rename(&next, &data)?;
    show(directory, &payload)?;
    if let Some(before) = before {
        fs::remove_dir_all(directory.join(before))?;
    }
    Ok(true)
}

fn is_inside(path: &str) -> bool {
    !path.is_empty() && !path.starts_with('/') && !path.starts_with("..") && path.split('/').all(|part| part != "..")
}

fn current(data: &Path) -> io::Result<Payload> {
    let mut found = Payload::new();
    let mut queue = vec![String::new()];
    while let Some(relative) = queue.pop() {
        for entry in fs::read_dir(data.join(&relative))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if relative.is_empty() { name } else { format!("{relative}/{name}") };
            if entry.file_type()?.is_dir() {
                queue.push(path);
                continue;
            }
            let mode = entry.metadata()?.permissions().mode() & 0o777;
            found.insert(path, Entry { bytes: fs::read(entry.path())?, mode });
        }
    }
    Ok(found)
}

/// A link for each name at the top, none for those that are gone.
fn show(directory: &Path, payload: &Payload) -> io::Result<()> {
    let names: BTreeSet<&str> = payload.keys().map(|path| path.split('/').next().unwrap_or(path)).collect();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") && !names.contains(name.as_str()) {
            fs::remove_file(directory.join(name))?;
        }
    }
    for name in names {
        match symlink(format!("{DATA}/{name}"), directory.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Gives a tree to a group, as upstream's SetVolumeOwnership: `mask` for files, and passage and inheritance for directories.
pub fn own(path: &Path, group: u32, mask: u32) -> io::Result<()> {
    let facts = fs::symlink_metadata(path)?;
    std::os::unix::fs::lchown(path, None, Some(group))?;
    if facts.is_symlink() {
        return Ok(());
    }
    let mode = facts.permissions().mode() & 0o7777 | mask;
    if facts.is_dir() {
        fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o110 | 0o2000))?;
        for entry in fs::read_dir(path)? {
            own(&entry?.path(), group, mask)?;
        }
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(entries: &[(&str, &str)]) -> Payload {
        entries.iter().map(|(path, text)| ((*path).to_owned(), Entry { bytes: text.as_bytes().to_vec(), mode: 0o644 })).collect()
    }

    #[test]
    fn readers_see_one_set_or_the_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().join("v");
        assert!(write(&root, &payload(&[("a", "1"), ("d/b", "2")]), None, "t1").expect("written"));
        assert!(!write(&root, &payload(&[("a", "1"), ("d/b", "2")]), None, "t2").expect("the same"));
        assert_eq!(fs::read_link(root.join("a")).expect("a link").to_str(), Some("..data/a"));
        assert_eq!(fs::read_to_string(root.join("d/b")).expect("read"), "2");
        assert!(write(&root, &payload(&[("a", "3")]), None, "t1").expect("written"));
        assert_eq!(fs::read_to_string(root.join("a")).expect("read"), "3");
        let mut names: Vec<String> =
            fs::read_dir(&root).expect("names").map(|e| e.expect("a name").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        assert_eq!(names, ["..data", "..t1.1", "a"]);
        assert!(write(&root, &payload(&[("../x", "")]), None, "t4").is_err());
    }
}
