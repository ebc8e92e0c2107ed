//! The files of an archive, each verified by what it is and found again by digest or by path.

use crate::digest::{Digest, Hasher};
use crate::service::PullError;
use crate::store::Work;
use crate::unpack::stream;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;
use tar::{Archive, EntryType};

/// More than any archive of images has; each costs a file while it is read.
const MAX_FILES: usize = 20_000;

pub struct Contents {
    /// By path, without `./`.
    files: HashMap<String, Kept>,
    by_digest: HashMap<Digest, PathBuf>,
}

#[derive(Clone)]
pub struct Kept {
    pub path: PathBuf,
    /// sha256, whatever the archive calls it.
    pub digest: Digest,
    pub size: u64,
}

impl Contents {
    /// Copies what is in the archive into the work's directory.
    pub fn read(work: &Work, archive: File, max_bytes: u64) -> Result<Self, PullError> {
        let mut contents = Self { files: HashMap::new(), by_digest: HashMap::new() };
        let fail = |e: io::Error| match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PullError::io("cannot unpack the archive", &e),
            _ => PullError::Internal(format!("not an archive of images: {e}")),
        };
        let mut links = Vec::new();
        let mut archive = Archive::new(stream::decompressed(archive).map_err(fail)?);
        let mut left = max_bytes;
        for entry in archive.entries().map_err(fail)? {
            let mut entry = entry.map_err(fail)?;
            let name = plain(&entry.path_bytes());
            match entry.header().entry_type() {
                EntryType::Regular | EntryType::Continuous => {
                    let (path, digest, size) = work.keep(&mut entry, left).map_err(fail)?;
                    left -= size;
                    contents.by_digest.insert(digest.clone(), path.clone());
                    contents.files.insert(name, Kept { path, digest, size });
                }
                EntryType::Symlink | EntryType::Link => {
                    links.extend(entry.link_name_bytes().map(|to| (name, entry.header().entry_type(), plain(&to))));
                }
                _ => {}
            }
            if contents.files.len() + links.len() > MAX_FILES {
                return Err(PullError::Internal(format!("not an archive of images: more than {MAX_FILES} files")));
            }
        }
        contents.follow(links);
        contents.check_names()?;
        Ok(contents)
    }

    /// Older `docker save` writes a layer once and links to it: `../<id>/layer.tar`.
    fn follow(&mut self, links: Vec<(String, EntryType, String)>) {
        for (name, kind, to) in links {
            let beside = name.rsplit_once('/').map_or("", |(parent, _)| parent);
            let target = if kind == EntryType::Link { to } else { joined(beside, &to) };
            if let Some(kept) = self.files.get(&target).cloned() {
                self.files.insert(name, kept);
            }
        }
    }

    /// A file below `blobs` is what its name says.
    fn check_names(&mut self) -> Result<(), PullError> {
        let mut more = Vec::new();
        for (name, kept) in &self.files {
            let Some((algorithm, hex)) = name.strip_prefix("blobs/").and_then(|rest| rest.split_once('/')) else { continue };
            let Ok(said) = Digest::parse(&format!("{algorithm}:{hex}")) else { continue };
            let actual = match said.algorithm() {
                "sha256" => kept.digest.clone(),
                _ => digest_of(&kept.path, &said).map_err(|e| PullError::io(name, &e))?,
            };
            if actual != said {
                return Err(PullError::Internal(format!("blob {said} of the archive is {actual}")));
            }
            more.push((said, kept.path.clone()));
        }
        self.by_digest.extend(more);
        Ok(())
    }

    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    pub fn file(&self, name: &str) -> Result<&Kept, PullError> {
        self.files.get(&plain(name.as_bytes())).ok_or_else(|| PullError::Internal(format!("the archive has no {name}")))
    }

    pub fn bytes(&self, name: &str, max: u64) -> Result<Vec<u8>, PullError> {
        bounded(&self.file(name)?.path, name, max)
    }

    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.by_digest.contains_key(digest)
    }

    pub fn blob_bytes(&self, digest: &Digest, max: u64) -> Result<Vec<u8>, PullError> {
        bounded(self.blob(digest)?, digest.as_str(), max)
    }

    /// A copy of the blob that may be consumed; several images may hold the same layer.
    pub fn layer(&self, work: &Work, digest: &Digest) -> Result<PathBuf, PullError> {
        let path = work.fresh();
        fs::hard_link(self.blob(digest)?, &path).map_err(|e| PullError::io(digest, &e))?;
        Ok(path)
    }

    fn blob(&self, digest: &Digest) -> Result<&PathBuf, PullError> {
        self.by_digest.get(digest).ok_or_else(|| PullError::Internal(format!("the archive has no blob {digest}")))
    }
}

fn bounded(path: &PathBuf, name: &str, max: u64) -> Result<Vec<u8>, PullError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| PullError::io(name, &e))?;
    file.take(max + 1).read_to_end(&mut bytes).map_err(|e| PullError::io(name, &e))?;
    if bytes.len() as u64 > max {
        return Err(PullError::Internal(format!("{name} has more than {max} bytes")));
    }
    Ok(bytes)
}

fn digest_of(path: &PathBuf, like: &Digest) -> io::Result<Digest> {
    let mut reader = crate::digest::HashingReader::new(File::open(path)?, Hasher::like(like));
    io::copy(&mut reader, &mut io::sink())?;
    Ok(reader.finish())
}

fn plain(path: &[u8]) -> String {
    joined("", &String::from_utf8_lossy(path))
}

/// A key to look up, never a path to open.
fn joined(base: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
