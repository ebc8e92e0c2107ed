//! What pods use: memory and processes by the runtime's account, disk by walking their files.

use super::rank::{ContainerUse, Usage};
use crate::pods::cx::Cx;
use crate::pods::shown::ShownPod;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes of one of `stat`'s blocks, whatever the file system's are.
const BLOCK_BYTES: u64 = 512;

/// Disk space and files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Disk {
    bytes: u64,
    inodes: u64,
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// None: nothing of it runs any more, or nobody can say what it uses.
pub async fn usage(cx: &Cx, shown: &ShownPod) -> Option<Usage> {
    let mut usage = Usage::default();
    for status in shown.observed.alive() {
        let stats = cx.runtime.container_stats(&status.config.id).await.ok()?;
        let logs = walked(log_directory(cx, shown, &status.config.name)).await;
        let disk = signed(stats.writable_layer_bytes.saturating_add(logs.bytes));
        let memory = signed(stats.memory_working_set_bytes);
        usage.memory += memory;
        usage.processes += signed(stats.pids);
        usage.disk += disk;
        usage.inodes += signed(stats.writable_layer_inodes.saturating_add(logs.inodes));
        usage.containers.push(ContainerUse { name: status.config.name.clone(), memory, disk });
    }
    for (name, directory) in volumes(cx, shown) {
        let disk = walked(directory).await;
        usage.disk += signed(disk.bytes);
        usage.inodes += signed(disk.inodes);
        usage.volumes.insert(name, signed(disk.bytes));
    }
    (!usage.containers.is_empty()).then_some(usage)
}

fn log_directory(cx: &Cx, shown: &ShownPod, container: &str) -> PathBuf {
    let pod = &shown.pod;
    cx.config.log_directory(pod.namespace(), pod.name(), pod.uid()).join(container)
}

/// Those that lie on the node's disk: what is in memory counts as memory, and ends at its own size.
fn volumes(cx: &Cx, shown: &ShownPod) -> Vec<(String, PathBuf)> {
    let directory = cx.config.pod_directory(shown.pod.uid()).join("volumes/kubernetes.io~empty-dir");
    let on_disk = shown.pod.volumes().iter().filter(|v| v["emptyDir"].is_object() && v["emptyDir"]["medium"] != "Memory");
    let named = on_disk.filter_map(|volume| volume["name"].as_str());
    named.map(|name| (name.to_owned(), directory.join(name))).collect()
}

async fn walked(directory: PathBuf) -> Disk {
    // A walk that panics has measured nothing.
    tokio::task::spawn_blocking(move || walk(&directory)).await.unwrap_or_default()
}

/// As `du`: what is not there, or goes meanwhile, takes no space.
fn walk(top: &Path) -> Disk {
    let mut disk = Disk::default();
    let mut left = vec![top.to_owned()];
    while let Some(path) = left.pop() {
        let Ok(seen) = fs::symlink_metadata(&path) else { continue };
        disk.bytes += seen.blocks() * BLOCK_BYTES;
        disk.inodes += 1;
        if seen.is_dir() {
            left.extend(entries(&path).unwrap_or_default()); // gone meanwhile
        }
    }
    disk
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_counts_what_lies_on_the_disk() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("inner")).expect("a directory");
        fs::write(directory.path().join("inner/file"), vec![1; 1 << 20]).expect("a file");
        std::os::unix::fs::symlink("/", directory.path().join("root")).expect("a link");
        let disk = walk(directory.path());
        assert_eq!(disk.inodes, 4, "links are not followed");
        assert!((1 << 20..2 << 20).contains(&disk.bytes), "{disk:?}");
        assert_eq!(walk(Path::new("/nowhere")), Disk::default());
    }
}
