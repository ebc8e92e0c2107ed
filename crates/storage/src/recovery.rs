//! Opening a state directory: the newest snapshot of each cluster, then the log replayed over them.
//!
//! The rule for damage: a frame that does not check out is a torn tail, and cut off, only if it is in the last segment
//! and no intact frame follows it. The log is synced frame by frame, so such a frame was never acknowledged, unless the
//! medium itself lost it. Any other damage is refused: it was once complete. A last segment without a frame whose header
//! does not check out was cut off while being made; it is removed.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use crate::backend::Backend;
use crate::cluster::{Cluster, State};
use crate::crypto::{DataKey, MasterKeys};
use crate::engine::EngineOptions;
use crate::error::{Error, Result};
use crate::frame::{self, HEADER_LEN, LOG_MAGIC, Seed};
use crate::log::{Closed, LOG_DIR, Log, segment_path};
use crate::record::{Fields, Record, Stored};
use crate::snapshot::{self, PARTIAL, SNAPSHOT_DIR};
use crate::store::Revision;

pub(crate) struct Recovered {
    pub clusters: HashMap<Arc<str>, Arc<Cluster>>,
    pub next_number: u32,
    pub log: Log,
    pub closed: VecDeque<Closed>,
}

pub(crate) fn recover(backend: &Arc<dyn Backend>, masters: &MasterKeys, options: &EngineOptions) -> Result<Recovered> {
    for dir in [LOG_DIR, SNAPSHOT_DIR] {
        backend.create_dir(dir).map_err(Error::io("create directory", dir))?;
    }
    let clusters = load_snapshots(&**backend, masters)?;
    let next_number = clusters.keys().max().map_or(1, |number| number + 1);
    let had_snapshots = !clusters.is_empty();
    let mut replay = Replay { backend: &**backend, masters, clusters, next_number, orphans: BTreeMap::new() };
    let mut closed = VecDeque::new();
    let mut last = None;
    for (sequence, is_last) in segments(&**backend)? {
        let Some(segment) = read_segment(&**backend, sequence, is_last)? else { continue };
        replay.segment(&segment)?;
        if let Some(Segment { sequence, length, .. }) = last.replace(segment) {
            closed.push_back(Closed { sequence, bytes: length as u64 });
        }
    }
    replay.finish()?;
    let log = match last {
        Some(Segment { sequence, seed, length, torn, .. }) => {
            Log::resume(backend.clone(), options.segment_bytes, sequence, seed, length as u64, torn)?
        }
        None if had_snapshots => return Err(Error::corrupt(LOG_DIR, 0, "there are snapshots, but no log")),
        None => Log::create(backend.clone(), options.segment_bytes, 1)?,
    };
    let next_number = replay.next_number;
    Ok(Recovered { clusters: by_id(replay.clusters)?, next_number, log, closed })
}

fn by_id(clusters: HashMap<u32, Arc<Cluster>>) -> Result<HashMap<Arc<str>, Arc<Cluster>>> {
    let mut ids = HashMap::with_capacity(clusters.len());
    for cluster in clusters.into_values() {
        if let Some(other) = ids.insert(cluster.id.clone(), cluster) {
            return Err(Error::corrupt(LOG_DIR, 0, format!("cluster {} exists twice", other.id)));
        }
    }
    Ok(ids)
}

/// Loads the newest snapshot of each cluster and removes what crashes left beside them.
fn load_snapshots(backend: &dyn Backend, masters: &MasterKeys) -> Result<HashMap<u32, Arc<Cluster>>> {
    let mut newest: BTreeMap<u32, Revision> = BTreeMap::new();
    let mut stale = Vec::new();
    for name in backend.list(SNAPSHOT_DIR).map_err(Error::io("list", SNAPSHOT_DIR))? {
        if name.ends_with(PARTIAL) {
            stale.push(format!("{SNAPSHOT_DIR}/{name}"));
        } else if let Some((number, revision)) = snapshot::parse_name(&name) {
            // Names sort by revision, so a later one replaces an earlier one.
            if let Some(older) = newest.insert(number, revision) {
                stale.push(snapshot::path(number, older));
            }
        } else {
            return Err(Error::corrupt(&format!("{SNAPSHOT_DIR}/{name}"), 0, "the file does not belong here"));
        }
    }
    let mut clusters = HashMap::with_capacity(newest.len());
    for (number, revision) in newest {
        clusters.insert(number, snapshot::load(backend, masters, number, revision)?);
    }
    for path in stale {
        backend.remove(&path).map_err(Error::io("remove", &path))?;
    }
    // Also makes durable the names that were just relied upon.
    backend.sync_dir(SNAPSHOT_DIR).map_err(Error::io("sync directory", SNAPSHOT_DIR))?;
    Ok(clusters)
}

/// The sequence numbers of the segments, in order, and which is the last.
fn segments(backend: &dyn Backend) -> Result<Vec<(u64, bool)>> {
    let mut sequences = Vec::new();
    for name in backend.list(LOG_DIR).map_err(Error::io("list", LOG_DIR))? {
        let sequence = name.strip_suffix(".log").and_then(|number| number.parse::<u64>().ok());
        let sequence = sequence.filter(|sequence| segment_path(*sequence) == format!("{LOG_DIR}/{name}"));
        let Some(sequence) = sequence else {
            return Err(Error::corrupt(&format!("{LOG_DIR}/{name}"), 0, "the file does not belong here"));
        };
        if let Some(previous) = sequences.last().copied()
            && sequence != previous + 1
        {
            return Err(Error::corrupt(&segment_path(previous + 1), 0, "the segment is missing"));
        }
        sequences.push(sequence);
    }
    let last = sequences.last().copied();
    Ok(sequences.into_iter().map(|sequence| (sequence, Some(sequence) == last)).collect())
}

struct Segment {
    sequence: u64,
    seed: Seed,
    bytes: Vec<u8>,
    /// Where the payloads of the intact frames lie.
    frames: Vec<Range<usize>>,
    /// The intact part.
    length: usize,
    torn: bool,
}

/// Reads and checks a segment; `None` if it was cut off while being made.
fn read_segment(backend: &dyn Backend, sequence: u64, is_last: bool) -> Result<Option<Segment>> {
    let path = segment_path(sequence);
    let mut bytes = Vec::new();
    let read = backend.read(&path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(Error::io("read", &path))?;
    let seed = match frame::parse_header(&bytes, LOG_MAGIC, sequence) {
        Ok(seed) => seed,
        Err(_) if is_last && bytes.len() <= HEADER_LEN => {
            backend.remove(&path).map_err(Error::io("remove", &path))?;
            backend.sync_dir(LOG_DIR).map_err(Error::io("sync directory", LOG_DIR))?;
            return Ok(None);
        }
        Err(damage) => return Err(Error::corrupt(&path, 0, damage)),
    };
    let mut length = HEADER_LEN;
    let mut frames = Vec::new();
    let torn = loop {
        match frame::parse(seed, &bytes, length) {
            Ok(Some((payload, next))) => {
                frames.push(next - payload.len()..next);
                length = next;
            }
            Ok(None) => break false,
            Err(damage) if is_last && !frame::intact_frame_behind(seed, &bytes, length) => {
                tracing::warn!(%path, offset = length, damage, "cutting off a write that a crash interrupted");
                break true;
            }
            Err(damage) => return Err(Error::corrupt(&path, length as u64, damage)),
        }
    };
    Ok(Some(Segment { sequence, seed, bytes, frames, length, torn }))
}

struct Replay<'a> {
    backend: &'a dyn Backend,
    masters: &'a MasterKeys,
    clusters: HashMap<u32, Arc<Cluster>>,
    next_number: u32,
    /// Records of unknown clusters: right only if the record of their deletion follows.
    orphans: BTreeMap<u32, (u64, usize)>,
}

impl Replay<'_> {
    fn segment(&mut self, segment: &Segment) -> Result<()> {
        for frame in &segment.frames {
            let corrupt = |what: String| Error::corrupt(&segment_path(segment.sequence), frame.start as u64, what);
            let mut fields = Fields(&segment.bytes[frame.clone()]);
            while !fields.0.is_empty() {
                let (number, record) = fields.record().ok_or_else(|| corrupt("the record cannot be read".into()))?;
                self.record(segment.sequence, frame.start, number, record, corrupt)?;
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        sequence: u64,
        offset: usize,
        number: u32,
        record: Record<'_>,
        corrupt: impl Fn(String) -> Error,
    ) -> Result<()> {
        self.next_number = self.next_number.max(number + 1);
        match (record, self.clusters.get(&number)) {
            (Record::Create { .. }, Some(_)) => {}
            (Record::Create { id, wrapped_key }, None) => {
                let mut state = State::default();
                state.note_segment(sequence, state.index.revision());
                let key = DataKey::unwrap(self.masters, id, wrapped_key)?;
                self.clusters.insert(number, Cluster::new(number, id.into(), key, state));
            }
            (Record::Delete, None) => drop(self.orphans.remove(&number)),
            (Record::Delete, Some(cluster)) => {
                let snapshot = cluster.state.read().snapshot;
                self.clusters.remove(&number);
                if let Some(revision) = snapshot {
                    self.remove_snapshot(&snapshot::path(number, revision))?;
                }
            }
            (Record::Txn { .. } | Record::Compact { .. }, None) => {
                self.orphans.entry(number).or_insert((sequence, offset));
            }
            (Record::Txn { revision, writes }, Some(cluster)) => txn(cluster, sequence, revision, &writes).map_err(corrupt)?,
            (Record::Compact { upto }, Some(cluster)) => {
                let index = &mut cluster.state.write().index;
                index.compact(upto.min(index.revision()));
                index.prune(usize::MAX);
            }
        }
        Ok(())
    }

    fn remove_snapshot(&self, path: &str) -> Result<()> {
        self.backend.remove(path).map_err(Error::io("remove", path))?;
        self.backend.sync_dir(SNAPSHOT_DIR).map_err(Error::io("sync directory", SNAPSHOT_DIR))
    }

    fn finish(&self) -> Result<()> {
        match self.orphans.first_key_value() {
            None => Ok(()),
            Some((number, (sequence, offset))) => {
                let what = format!("the record belongs to cluster number {number}, which nothing creates");
                Err(Error::corrupt(&segment_path(*sequence), *offset as u64, what))
            }
        }
    }
}

/// Applies one transaction unless the snapshot has it already.
fn txn(cluster: &Cluster, sequence: u64, revision: Revision, writes: &[(&str, Stored<'_>)]) -> Result<(), String> {
    let mut state = cluster.state.write();
    if state.snapshot.is_some_and(|snapshot| revision <= snapshot) {
        return Ok(());
    }
    let expected = state.index.revision() + 1;
    if revision != expected {
        return Err(format!("cluster {} goes on at revision {revision} instead of {expected}", cluster.id));
    }
    let mut effects = Vec::with_capacity(writes.len());
    for (key, stored) in writes {
        let value = snapshot::reveal(&cluster.key, key, *stored).ok_or_else(|| format!("the value of {key} does not decrypt"))?;
        effects.push((Arc::from(*key), value));
    }
    state.index.apply(revision, effects);
    state.note_segment(sequence, revision);
    Ok(())
}
