//! The keys of one cluster in memory, with the versions that are still retained. Cloning is O(1) and shares everything.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, Vector};

use crate::error::{Error, Result};
use crate::store::{Change, Entry, Page, Revision};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub created: Revision,
    pub modified: Revision,
    pub sensitive: bool,
    /// `None`: deleted at `modified`.
    pub value: Option<Bytes>,
}

impl Version {
    fn size(&self, key: &str) -> u64 {
        (key.len() + self.value.as_ref().map_or(0, Bytes::len)) as u64
    }
    fn entry(&self, key: &Arc<str>) -> Option<Entry> {
        let value = self.value.clone()?;
        Some(Entry { key: key.clone(), value, create_revision: self.created, mod_revision: self.modified })
    }
}

/// The versions of one key. Most have one, which costs no allocation of its own.
#[derive(Clone)]
struct Slot {
    newest: Version,
    /// Oldest first.
    older: Option<Arc<Vec<Version>>>,
}

impl Slot {
    fn older(&self) -> &[Version] {
        self.older.as_ref().map_or(&[], |older| older.as_slice())
    }
    fn at(&self, revision: Revision) -> Option<&Version> {
        if self.newest.modified <= revision {
            return Some(&self.newest);
        }
        let older = self.older();
        older[..older.partition_point(|version| version.modified <= revision)].last()
    }
    fn push(&mut self, version: Version) {
        let previous = std::mem::replace(&mut self.newest, version);
        Arc::make_mut(self.older.get_or_insert_default()).push(previous);
    }
    /// Drops what no read at `upto` or later can see. The sizes freed, and whether nothing is left.
    fn prune(&mut self, key: &str, upto: Revision) -> (u64, bool) {
        if self.newest.modified <= upto {
            let freed = self.older().iter().map(|version| version.size(key)).sum();
            self.older = None;
            return if self.newest.value.is_none() { (freed + self.newest.size(key), true) } else { (freed, false) };
        }
        let seen = self.older().partition_point(|version| version.modified <= upto);
        if seen == 0 {
            return (0, false);
        }
        // The last version seen at `upto` stays, unless it says that there is none.
        let drop = if self.older()[seen - 1].value.is_some() { seen - 1 } else { seen };
        let freed = self.older()[..drop].iter().map(|version| version.size(key)).sum();
        let kept = self.older()[drop..].to_vec();
        self.older = (!kept.is_empty()).then(|| Arc::new(kept));
        (freed, false)
    }
}

/// One write of a committed transaction: the value and whether it is sensitive, or a deletion.
pub(crate) type Effect = (Arc<str>, Option<(Bytes, bool)>);

#[derive(Clone)]
pub(crate) struct Index {
    slots: OrdMap<Arc<str>, Slot>,
    /// What changed above `compacted`, in order.
    changes: Vector<(Revision, Arc<str>)>,
    revision: Revision,
    compacted: Revision,
    bytes: u64,
}

impl Default for Index {
    fn default() -> Self {
        Self { slots: OrdMap::new(), changes: Vector::new(), revision: 1, compacted: 0, bytes: 0 }
    }
}

impl Index {
    pub fn revision(&self) -> Revision {
        self.revision
    }
    pub fn compacted(&self) -> Revision {
        self.compacted
    }
    /// The size of all retained keys and values: what the quota counts.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn current(&self, key: &str) -> Option<Entry> {
        let (key, slot) = self.slots.get_key_value(key)?;
        slot.newest.entry(key)
    }

    /// Resolves `at` to a revision that reads may use.
    pub fn readable(&self, at: Option<Revision>) -> Result<Revision> {
        match at {
            None => Ok(self.revision),
            Some(requested) if requested > self.revision => Err(Error::FutureRevision { requested, current: self.revision }),
            Some(requested) if requested < self.compacted => Err(Error::Compacted { requested, compacted: self.compacted }),
            Some(requested) => Ok(requested),
        }
    }

    pub fn get(&self, key: &str, at: Revision) -> Option<Entry> {
        let (key, slot) = self.slots.get_key_value(key)?;
        slot.at(at)?.entry(key)
    }

    pub fn range(&self, prefix: &str, after: Option<&str>, limit: usize, at: Revision) -> Page {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut entries = Vec::new();
        let keys = self.slots.range::<_, str>((start, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(prefix));
        for entry in keys.filter_map(|(key, slot)| slot.at(at)?.entry(key)) {
            if limit != 0 && entries.len() == limit {
                return Page { entries, revision: at, more: true };
            }
            entries.push(entry);
        }
        Page { entries, revision: at, more: false }
    }

    /// Makes a transaction visible. The effects are in the order of their keys, which exist if they are deleted.
    pub fn apply(&mut self, revision: Revision, effects: Vec<Effect>) -> Vec<Change> {
        self.revision = revision;
        effects.into_iter().filter_map(|(key, value)| self.apply_one(revision, key, value)).collect()
    }

    fn apply_one(&mut self, revision: Revision, key: Arc<str>, value: Option<(Bytes, bool)>) -> Option<Change> {
        let (value, sensitive) = value.map_or((None, false), |(value, sensitive)| (Some(value), sensitive));
        let mut version = Version { created: revision, modified: revision, sensitive, value };
        let (key, previous) = match self.slots.get_key_value_mut(&*key) {
            None if version.value.is_none() => return None,
            None => {
                self.slots.insert(key.clone(), Slot { newest: version.clone(), older: None });
                (key, None)
            }
            Some((shared, slot)) => {
                let previous = slot.newest.entry(shared);
                version.created = previous.as_ref().map_or(revision, |entry| entry.create_revision);
                slot.push(version.clone());
                (shared.clone(), previous)
            }
        };
        self.bytes += version.size(&key);
        self.changes.push_back((revision, key.clone()));
        Some(Change { revision, value: version.entry(&key), previous, key })
    }

    /// The position in the change list of the first change above `after`.
    pub fn first_change_after(&self, after: Revision) -> usize {
        let search = self
            .changes
            .binary_search_by(|(revision, _)| revision.cmp(&after.saturating_add(1)).then(std::cmp::Ordering::Greater));
        search.unwrap_or_else(|position| position)
    }

    /// The change at a position, told again from the versions.
    pub fn change(&self, position: usize) -> Option<Change> {
        let (revision, key) = self.changes.get(position)?;
        let slot = self.slots.get(&**key)?;
        let value = slot.at(*revision).and_then(|version| version.entry(key));
        let previous = slot.at(revision - 1).and_then(|version| version.entry(key));
        Some(Change { key: key.clone(), revision: *revision, value, previous })
    }

    /// Refuses reads from before `upto` from now on; [`Index::prune`] then frees what they would have seen.
    pub fn compact(&mut self, upto: Revision) {
        self.compacted = self.compacted.max(upto);
    }

    /// Frees up to `steps` compacted changes' worth of versions; true when all is done.
    pub fn prune(&mut self, steps: usize) -> bool {
        for _ in 0..steps {
            if self.changes.front().is_none_or(|(revision, _)| *revision > self.compacted) {
                return true;
            }
            let Some((_, key)) = self.changes.pop_front() else { return true };
            let Some(slot) = self.slots.get_mut(&*key) else { continue };
            let (freed, empty) = slot.prune(&key, self.compacted);
            self.bytes -= freed;
            if empty {
                self.slots.remove(&*key);
            }
        }
        false
    }

    /// Every retained version, by key and oldest first.
    pub fn versions(&self) -> impl Iterator<Item = (&Arc<str>, &Version)> {
        self.slots.iter().flat_map(|(key, slot)| slot.older().iter().chain([&slot.newest]).map(move |version| (key, version)))
    }

    /// An index from what [`Index::versions`] gave.
    pub fn restore(revision: Revision, compacted: Revision, versions: Vec<(Arc<str>, Version)>) -> Self {
        let mut index = Self { revision, compacted, ..Self::default() };
        let mut changes = Vec::new();
        for (key, version) in versions {
            if version.modified > compacted {
                changes.push((version.modified, key.clone()));
            }
            index.restore_one(key, version);
        }
        changes.sort();
        index.changes = changes.into_iter().collect();
        index
    }
}

impl Index {
    /// Adds the next version of a key, dropping what compaction had given up but not yet freed.
    fn restore_one(&mut self, key: Arc<str>, version: Version) {
        let given_up = version.modified <= self.compacted;
        if given_up && let Some(slot) = self.slots.remove(&*key) {
            self.bytes -= slot.newest.size(&key);
        }
        if given_up && version.value.is_none() {
            return;
        }
        self.bytes += version.size(&key);
        match self.slots.get_mut(&*key) {
            Some(slot) => slot.push(version),
            None => drop(self.slots.insert(key, Slot { newest: version, older: None })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies a script like `a=1 b=2; -a; b=3`: one transaction per part, from revision 2 on.
    fn index(script: &str) -> Index {
        let mut index = Index::default();
        for part in script.split(';') {
            let effects = part.split_whitespace().map(|write| match write.split_once('=') {
                Some((key, value)) => (Arc::from(key), Some((Bytes::copy_from_slice(value.as_bytes()), false))),
                None => (Arc::from(write.trim_start_matches('-')), None),
            });
            index.apply(index.revision() + 1, effects.collect());
        }
        index
    }

    fn show(entries: &[Entry]) -> String {
        let parts = entries.iter().map(|entry| {
            let value = String::from_utf8_lossy(&entry.value);
            format!("{}={value}@{}/{}", entry.key, entry.create_revision, entry.mod_revision)
        });
        parts.collect::<Vec<_>>().join(" ")
    }

    fn changes(index: &Index, after: Revision) -> String {
        let list = (index.first_change_after(after)..).map_while(|position| index.change(position));
        let text = list.map(|change| {
            let part =
                |entry: &Option<Entry>| entry.as_ref().map_or("-".into(), |e| String::from_utf8_lossy(&e.value).into_owned());
            format!("{}:{}:{}>{}", change.revision, change.key, part(&change.previous), part(&change.value))
        });
        text.collect::<Vec<_>>().join(" ")
    }

    const SCRIPT: &str = "a=1 b=1; b=2; -a; a=3 c=1; -c; b=4";

    #[test]
    fn reads_at_each_revision() {
        let index = index(SCRIPT);
        assert_eq!(index.revision(), 7);
        for (at, expected) in [
            (0, ""),
            (1, ""),
            (2, "a=1@2/2 b=1@2/2"),
            (3, "a=1@2/2 b=2@2/3"),
            (4, "b=2@2/3"),
            (5, "a=3@5/5 b=2@2/3 c=1@5/5"),
            (6, "a=3@5/5 b=2@2/3"),
            (7, "a=3@5/5 b=4@2/7"),
        ] {
            assert_eq!(show(&index.range("", None, 0, at).entries), expected, "at {at}");
        }
    }

    #[test]
    fn range_takes_prefix_limit_and_after() {
        let index = index("/a/1=x /a/2=x /a/3=x /b/1=x; -/a/2");
        for (prefix, after, limit, at, keys, more) in [
            ("", None, 0, 3, "/a/1 /a/3 /b/1", false),
            ("/a/", None, 0, 3, "/a/1 /a/3", false),
            ("/a/", None, 2, 3, "/a/1 /a/3", false),
            ("/a/", None, 1, 3, "/a/1", true),
            ("/a/", None, 2, 2, "/a/1 /a/2", true),
            ("/a/", Some("/a/1"), 1, 3, "/a/3", false),
            ("/a/", Some("/a/1"), 1, 2, "/a/2", true),
            ("/a/", Some("/a/2"), 0, 3, "/a/3", false),
            ("/a/", Some("/a/9"), 0, 3, "", false),
            ("/b/", Some("/a/1"), 0, 3, "/b/1", false),
            ("/c/", None, 0, 3, "", false),
        ] {
            let page = index.range(prefix, after, limit, at);
            let found = page.entries.iter().map(|entry| &*entry.key).collect::<Vec<_>>().join(" ");
            assert_eq!((found.as_str(), page.more, page.revision), (keys, more, at), "{prefix} {after:?} {limit} {at}");
        }
    }

    #[test]
    fn changes_are_told_again_from_any_revision() {
        let all = ["2:a:->1", "2:b:->1", "3:b:1>2", "4:a:1>-", "5:a:->3", "5:c:->1", "6:c:1>-", "7:b:2>4"];
        let index = index(SCRIPT);
        for (after, skip) in [(0, 0), (1, 0), (2, 2), (3, 3), (4, 4), (5, 6), (6, 7), (7, 8), (99, 8)] {
            assert_eq!(changes(&index, after), all[skip..].join(" "), "after {after}");
        }
    }

    #[test]
    fn compaction_keeps_what_later_reads_see_and_a_copy_restores_the_same() {
        let whole = index(SCRIPT);
        for upto in 0..=7 {
            let mut compacted = whole.clone();
            compacted.compact(upto);
            while !compacted.prune(1) {}
            // The copy is taken of the unpruned index: a snapshot may come between compacting and pruning.
            let versions = whole.versions().map(|(key, version)| (key.clone(), version.clone())).collect();
            let restored = Index::restore(compacted.revision(), compacted.compacted(), versions);
            assert_eq!(restored.bytes(), compacted.bytes());
            for index in [&compacted, &restored] {
                for at in upto..=7 {
                    let (now, before) = (index.range("", None, 0, at), whole.range("", None, 0, at));
                    assert_eq!(show(&now.entries), show(&before.entries), "compacted {upto}, at {at}");
                    assert_eq!(changes(index, at), changes(&whole, at), "compacted {upto}, after {at}");
                }
                if let Some(early) = upto.checked_sub(1) {
                    assert!(matches!(index.readable(Some(early)), Err(Error::Compacted { .. })));
                }
                assert!(matches!(index.readable(Some(8)), Err(Error::FutureRevision { .. })));
            }
            if upto == 7 {
                assert_eq!(compacted.bytes(), 4, "a=3 b=4");
                assert_eq!(compacted.versions().count(), 2);
            }
        }
    }
}
