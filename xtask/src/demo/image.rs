//! The demo's image: Debian's static busybox packed as an OCI archive, with a user, a group and a place to write.

use crate::process::{self, Failure, Result};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

pub const NAME: &str = "docker.io/library/busybox:demo";

/// Where the package busybox-static puts it.
pub const BUSYBOX: &str = "/bin/busybox";
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";
const SEARCH_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const DIRECTORIES: &[(&str, u32)] =
    &[("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777), ("var", 0o755), ("var/run", 0o755), ("www", 0o755)];
/// `p_type` of the program header that names a dynamic loader.
const PT_INTERP: u32 = 3;

/// Writes the archive into the directory `into`; the same busybox gives the same bytes.
pub fn pack(into: &Path) -> Result<PathBuf> {
    let busybox = fs::read(BUSYBOX).map_err(|error| Failure::io(BUSYBOX, &error))?;
    if !is_static(&busybox) {
        return Err(format!("{BUSYBOX} is not a static program: apt-get install busybox-static").into());
    }
    let applets = process::output(BUSYBOX, &["--list"])?;
    let path = into.join("busybox.tar");
    let write = || -> io::Result<()> {
        let archive = archive(&layer(&busybox, &applets)?)?;
        fs::write(&path, archive)
    };
    write().map_err(|error| Failure::io(path.display(), &error))?;
    Ok(path)
}

fn layer(busybox: &[u8], applets: &str) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    for (name, mode) in DIRECTORIES {
        append(&mut tar, EntryType::Directory, &format!("{name}/"), *mode, &[])?;
    }
    append(&mut tar, EntryType::Regular, "bin/busybox", 0o755, busybox)?;
    append(&mut tar, EntryType::Regular, "etc/passwd", 0o644, PASSWD.as_bytes())?;
    append(&mut tar, EntryType::Regular, "etc/group", 0o644, GROUP.as_bytes())?;
    for applet in applets.lines().filter(|applet| !applet.is_empty() && *applet != "busybox") {
        let mut header = header(EntryType::Symlink, 0o777, 0);
        tar.append_link(&mut header, format!("bin/{applet}"), "busybox")?;
    }
    tar.into_inner()
}

/// An OCI image layout (image-spec, image-layout.md) in a tar.
fn archive(layer: &[u8]) -> io::Result<Vec<u8>> {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": [SEARCH_PATH], "Cmd": ["sh"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer)]},
    })
    .to_string();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", config.as_bytes()),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
    })
    .to_string();
    let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes());
    entry["platform"] = json!({"os": "linux", "architecture": architecture});
    entry["annotations"] = json!({"io.containerd.image.name": NAME, "org.opencontainers.image.ref.name": NAME});
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]});
    let mut tar = Builder::new(Vec::new());
    for (name, bytes) in [
        ("oci-layout".to_owned(), json!({"imageLayoutVersion": "1.0.0"}).to_string().as_bytes()),
        ("index.json".to_owned(), index.to_string().as_bytes()),
        (blob(config.as_bytes()), config.as_bytes()),
        (blob(manifest.as_bytes()), manifest.as_bytes()),
        (blob(layer), layer),
    ] {
        append(&mut tar, EntryType::Regular, &name, 0o644, bytes)?;
    }
    tar.into_inner()
}

/// Owned by root, made at the epoch.
fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn append(tar: &mut Builder<impl Write>, kind: EntryType, name: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
    tar.append_data(&mut header(kind, mode, bytes.len() as u64), name, bytes)
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": sha256(bytes), "size": bytes.len()})
}

fn blob(bytes: &[u8]) -> String {
    format!("blobs/{}", sha256(bytes).replace(':', "/"))
}

fn sha256(bytes: &[u8]) -> String {
    let hex: String = digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Whether a 64-bit little-endian ELF file asks for no dynamic loader (elf.h: Elf64_Ehdr, Elf64_Phdr).
fn is_static(program: &[u8]) -> bool {
    let number = |at: usize, bytes: usize| -> Option<usize> {
        let field = program.get(at..at + bytes)?;
        Some(field.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    let headers = || {
        let (start, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        (0..count).map(|index| number(start.checked_add(index * size)?, 4)).collect::<Option<Vec<usize>>>()
    };
    program.starts_with(b"\x7fELF\x02\x01") && headers().is_some_and(|types| !types.contains(&(PT_INTERP as usize)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn elf(kinds: &[u32]) -> Vec<u8> {
        let mut program = b"\x7fELF\x02\x01".to_vec();
        program.resize(64, 0);
        (program[32], program[54], program[56]) = (64, 56, kinds.len() as u8);
        for kind in kinds {
            program.extend(kind.to_le_bytes());
            program.resize(program.len() + 52, 0);
        }
        program
    }

    #[test]
    fn dynamic_programs_are_told_apart() {
        assert!(is_static(&elf(&[1, 1])));
        for other in [elf(&[1, PT_INTERP]), elf(&[1])[..66].to_vec(), b"#!/bin/sh".to_vec(), Vec::new()] {
            assert!(!is_static(&other));
        }
    }

    #[test]
    fn the_archive_holds_what_its_index_says() {
        let packed = archive(&layer(b"program", "sh\nls\nbusybox\n").expect("a layer")).expect("an archive");
        assert_eq!(packed, archive(&layer(b"program", "sh\nls\n").expect("a layer")).expect("an archive"));
        let mut names = Vec::new();
        for entry in tar::Archive::new(packed.as_slice()).entries().expect("entries") {
            let mut entry = entry.expect("an entry");
            let name = entry.path().expect("a path").display().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("bytes");
            if name.starts_with("blobs/") {
                assert_eq!(name, blob(&bytes));
            }
            names.push(name);
        }
        assert_eq!((names.len(), names[1].as_str()), (5, "index.json"));
    }
}
