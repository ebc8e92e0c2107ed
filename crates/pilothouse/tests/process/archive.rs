//! Images as `docker save` writes them.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;
use tar::{Builder, EntryType, Header};

/// What lies at a path in an image.
pub enum Entry<'a> {
    File(&'a str, &'a [u8]),
    Program(&'a str, &'a [u8]),
    Link(&'a str, &'a str),
}

fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for entry in entries {
        let (path, mode, bytes) = match entry {
            Entry::File(path, bytes) => (path, 0o644, *bytes),
            Entry::Program(path, bytes) => (path, 0o755, *bytes),
            Entry::Link(path, _) => (path, 0o777, &[][..]),
        };
        let mut header = Header::new_gnu();
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        let appended = match entry {
            Entry::Link(_, target) => {
                header.set_entry_type(EntryType::Symlink);
                tar.append_link(&mut header, path, target)
            }
            _ => tar.append_data(&mut header, path, bytes),
        };
        appended.expect("an entry");
    }
    tar.into_inner().expect("a tar")
}

/// An image of one layer.
pub fn archive(name: &str, entries: &[Entry]) -> Vec<u8> {
    let layer = tar(entries);
    let hex: String = digest(&SHA256, &layer).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let rootfs = json!({"type": "layers", "diff_ids": [format!("sha256:{hex}")]});
    let config = json!({"os": "linux", "config": {"Env": ["PATH=/bin"]}, "rootfs": rootfs}).to_string();
    let list = json!([{"Config": "c.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).to_string();
    let files = [("layer.tar", layer.as_slice()), ("c.json", config.as_bytes()), ("manifest.json", list.as_bytes())];
    tar(&files.map(|(path, bytes)| Entry::File(path, bytes)))
}
