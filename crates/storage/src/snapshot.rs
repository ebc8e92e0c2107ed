//! Snapshot files: `snapshots/<cluster number>-<revision>.snap`, every retained version of one cluster.
//!
//! Written under another name, synced, renamed, then the directory synced: under its own name a snapshot is complete.

use std::sync::Arc;

use bytes::Bytes;

use crate::backend::Backend;
use crate::cluster::{Cluster, State};
use crate::crypto::{DataKey, MasterKeys};
use crate::error::{Error, Result};
use crate::frame::{self, FrameBuffer, FrameReader, HEADER_LEN, SNAPSHOT_MAGIC};
use crate::index::{Index, Version};
use crate::record::{self, Fields, Stored};
use crate::store::Revision;

pub(crate) const SNAPSHOT_DIR: &str = "snapshots";
pub(crate) const PARTIAL: &str = ".tmp";

/// A frame is written when it is this large.
const FRAME_BYTES: usize = 256 << 10;

/// What a frame holds.
const HEAD: u8 = 1;
const VERSIONS: u8 = 2;
const END: u8 = 3;

pub(crate) fn path(number: u32, revision: Revision) -> String {
    format!("{SNAPSHOT_DIR}/{number:010}-{revision:020}.snap")
}

/// The number and revision in a snapshot's file name.
pub(crate) fn parse_name(name: &str) -> Option<(u32, Revision)> {
    let (number, revision) = name.strip_suffix(".snap")?.split_once('-')?;
    Some((number.parse().ok()?, revision.parse().ok()?))
}

pub(crate) fn write(backend: &dyn Backend, cluster: &Cluster, index: &Index) -> Result<()> {
    let path = path(cluster.number, index.revision());
    let partial = format!("{path}{PARTIAL}");
    let (header, seed) = frame::header(SNAPSHOT_MAGIC, cluster.number.into())?;
    let mut file = backend.create(&partial).map_err(Error::io("create", &partial))?;
    file.append(&header).map_err(Error::io("write", &partial))?;

    let mut frame = FrameBuffer::new();
    let mut offset = HEADER_LEN as u64;
    let mut flush = |frame: &mut FrameBuffer| {
        let bytes = frame.finish(seed, offset);
        offset += bytes.len() as u64;
        file.append(bytes).map_err(Error::io("write", &partial))?;
        frame.clear();
        Ok(())
    };
    put_head(frame.payload(), cluster, index);
    let mut count: u64 = 0;
    for (key, version) in index.versions() {
        if count == 0 || frame.payload_len() > FRAME_BYTES {
            flush(&mut frame)?;
            frame.payload().push(VERSIONS);
        }
        put_version(frame.payload(), &cluster.key, key, version)?;
        count += 1;
    }
    flush(&mut frame)?;
    frame.payload().push(END);
    frame.payload().extend_from_slice(&count.to_le_bytes());
    flush(&mut frame)?;

    file.sync_data().map_err(Error::io("sync", &partial))?;
    backend.rename(&partial, &path).map_err(Error::io("rename", &partial))?;
    backend.sync_dir(SNAPSHOT_DIR).map_err(Error::io("sync directory", SNAPSHOT_DIR))
}

fn put_head(out: &mut Vec<u8>, cluster: &Cluster, index: &Index) {
    out.push(HEAD);
    out.extend_from_slice(&index.revision().to_le_bytes());
    out.extend_from_slice(&index.compacted().to_le_bytes());
    record::put_bytes(out, cluster.id.as_bytes());
    record::put_bytes(out, cluster.key.wrapped());
}

fn put_version(out: &mut Vec<u8>, data_key: &DataKey, key: &str, version: &Version) -> Result<()> {
    record::put_bytes(out, key.as_bytes());
    out.extend_from_slice(&version.created.to_le_bytes());
    out.extend_from_slice(&version.modified.to_le_bytes());
    record::put_value(out, data_key, key, version.value.as_deref(), version.sensitive)
}

/// What a stored value says in memory: the value and whether it is sensitive; `None` when it does not decrypt.
pub(crate) fn reveal(data_key: &DataKey, key: &str, stored: Stored<'_>) -> Option<Option<(Bytes, bool)>> {
    match stored {
        Stored::Deleted => Some(None),
        Stored::Plain(bytes) => Some(Some((Bytes::copy_from_slice(bytes), false))),
        Stored::Sealed { key_id: DataKey::ID, bytes } => Some(Some((data_key.open(key, bytes)?.into(), true))),
        Stored::Sealed { .. } => None,
    }
}

struct Head {
    revision: Revision,
    compacted: Revision,
    id: Arc<str>,
    key: DataKey,
}

/// Reads a snapshot. It was complete when it got its name, so any damage is refused.
pub(crate) fn load(backend: &dyn Backend, masters: &MasterKeys, number: u32, revision: Revision) -> Result<Arc<Cluster>> {
    let path = path(number, revision);
    let input = backend.read(&path).map_err(Error::io("open", &path))?;
    let opened = FrameReader::new(input, SNAPSHOT_MAGIC, number.into()).map_err(Error::io("read", &path))?;
    let mut frames = opened.map_err(|damage| Error::corrupt(&path, 0, damage))?;
    let mut head = None;
    let mut versions = Vec::new();
    loop {
        let offset = frames.offset();
        let corrupt = |damage: &str| Error::corrupt(&path, offset, damage);
        let frame = frames.next().map_err(Error::io("read", &path))?.map_err(corrupt)?;
        let payload = frame.ok_or_else(|| corrupt("the snapshot ends early"))?;
        let unreadable = || corrupt("the record cannot be read");
        let (kind, body) = payload.split_first().ok_or_else(unreadable)?;
        let mut fields = Fields(body);
        match (*kind, &head) {
            (HEAD, None) => {
                let (revision, compacted) = fields.u64().zip(fields.u64()).ok_or_else(unreadable)?;
                let (id, wrapped) = fields.text().zip(fields.bytes()).ok_or_else(unreadable)?;
                head = Some(Head { revision, compacted, id: id.into(), key: DataKey::unwrap(masters, id, wrapped)? });
            }
            (VERSIONS, Some(head)) => {
                while !fields.0.is_empty() {
                    versions.push(take_version(&mut fields, &head.key).ok_or_else(unreadable)?);
                }
            }
            (END, Some(_)) if fields.u64() == Some(versions.len() as u64) => break,
            _ => return Err(unreadable()),
        }
        if let Some(head) = &head
            && head.revision != revision
        {
            return Err(corrupt("the file's name does not match its revision"));
        }
    }
    let offset = frames.offset();
    match frames.next().map_err(Error::io("read", &path))? {
        Ok(None) => {}
        _ => return Err(Error::corrupt(&path, offset, "there is something behind the end")),
    }
    let head = head.ok_or_else(|| Error::corrupt(&path, offset, "the snapshot has no head"))?;
    let index = Index::restore(head.revision, head.compacted, versions);
    Ok(Cluster::new(number, head.id, head.key, State { index, snapshot: Some(revision), ..State::default() }))
}

fn take_version(fields: &mut Fields<'_>, data_key: &DataKey) -> Option<(Arc<str>, Version)> {
    let key = fields.text()?;
    let (created, modified) = (fields.u64()?, fields.u64()?);
    let revealed = reveal(data_key, key, fields.value()?)?;
    let sensitive = revealed.as_ref().is_some_and(|(_, sensitive)| *sensitive);
    let value = revealed.map(|(value, _)| value);
    Some((key.into(), Version { created, modified, sensitive, value }))
}
