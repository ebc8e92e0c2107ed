//! Which layers containers stand on: overlay mounts live in the mount namespaces of their shims, whoever started them.

use std::collections::HashSet;
use std::fs;
use std::io;

/// Takes out of `layers` the names that some process's mount table mentions.
pub fn retain_unmounted(layers: &mut HashSet<String>) -> io::Result<()> {
    let mut seen = HashSet::new();
    for entry in fs::read_dir("/proc")? {
        let process = entry?.path();
        if !process.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit)) {
            continue;
        }
        // Processes come and go; those of others may not be looked at, and cannot have mounted what is ours.
        let Ok(namespace) = fs::read_link(process.join("ns/mnt")) else { continue };
        if !seen.insert(namespace) {
            continue;
        }
        let Ok(table) = fs::read_to_string(process.join("mountinfo")) else { continue };
        mentioned(&table, layers);
    }
    Ok(())
}

/// Overlay's options name lower directories, escaped or not; a layer's name has nothing to escape.
fn mentioned(table: &str, layers: &mut HashSet<String>) {
    let overlays: Vec<&str> = table.lines().filter(|line| line.contains(" - overlay ")).collect();
    layers.retain(|name| !overlays.iter().any(|line| line.contains(name.as_str())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounted_layers_are_found() {
        let table = "36 35 98:0 / / rw - ext4 /dev/root rw,errors=c\n\
            40 36 0:40 / /merged rw - overlay overlay rw,lowerdir=/s/layers/bb:/s/layers/aa,upperdir=/u,workdir=/w\n";
        let mut layers: HashSet<String> = ["aa", "bb", "cc"].map(str::to_owned).into();
        mentioned(table, &mut layers);
        assert_eq!(layers, HashSet::from(["cc".to_owned()]));
    }
}
