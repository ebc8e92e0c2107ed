//! Which images there are and what they are called: one file, replaced as a whole.

use super::{Removed, Wanted, create_private, layer_name, sync_dir};
use crate::digest::Digest;
use crate::manifest::Defaults;
use crate::reference::Reference;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

const FILE: &str = "index.json";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Index {
    pub entries: Vec<Entry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Of the config.
    pub id: Digest,
    /// Every manifest under which this config came.
    pub manifests: Vec<Digest>,
    pub repo_tags: Vec<String>,
    pub repo_digests: Vec<String>,
    pub size_bytes: u64,
    /// Chain ids of its layers, the lowest first.
    pub chain: Vec<Digest>,
    pub defaults: Defaults,
    /// Somebody brought it: there may be nowhere to get it again.
    #[serde(default)]
    pub loaded: bool,
}

impl Index {
    pub fn read(dir: &Path) -> io::Result<Self> {
        match fs::read(dir.join(FILE)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Readers see the old file or the new one, also after a power cut.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let next = dir.join("index.new");
        let mut file = create_private(&next)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&next, dir.join(FILE))?;
        sync_dir(dir)
    }

    /// Somebody else may have removed what the index counts on; such an image is pulled again instead of failing for ever.
    pub fn without_missing_layers(mut self, dir: &Path) -> Self {
        let there = |chain: &Digest| dir.join("layers").join(layer_name(chain)).is_dir();
        self.entries.retain(|entry| {
            let whole = entry.chain.iter().all(there);
            if !whole {
                tracing::warn!(image = %entry.id, "layers of an image are missing: forgotten");
            }
            whole
        });
        self
    }

    pub fn by_id(&self, id: &Digest) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == *id)
    }

    pub fn find(&self, wanted: &Wanted) -> Option<&Entry> {
        self.position(wanted).map(|at| &self.entries[at])
    }

    fn position(&self, wanted: &Wanted) -> Option<usize> {
        self.entries.iter().position(|entry| match wanted {
            Wanted::Id(id) => entry.id == *id,
            Wanted::Name(name) => entry.is_called(name),
        })
    }

    /// Adds an image, or further names of one that is there. A tag moves from the image that had it.
    pub fn add(&mut self, new: Entry) {
        for entry in &mut self.entries {
            entry.repo_tags.retain(|tag| !new.repo_tags.contains(tag));
        }
        match self.entries.iter_mut().find(|entry| entry.id == new.id) {
            Some(entry) => {
                merge(&mut entry.manifests, new.manifests);
                merge(&mut entry.repo_tags, new.repo_tags);
                merge(&mut entry.repo_digests, new.repo_digests);
                entry.loaded |= new.loaded;
            }
            None => self.entries.push(new),
        }
    }

    /// One name, or the image with all its names: by id, when `whole`, or when the name was its last.
    pub fn remove(&mut self, wanted: &Wanted, whole: bool) -> Option<Removed> {
        let at = self.position(wanted)?;
        let id = self.entries[at].id.to_string();
        let name = match wanted {
            Wanted::Id(id) => id.to_string(),
            Wanted::Name(name) => {
                self.entries[at].forget(name);
                name.to_string()
            }
        };
        let nameless = self.entries[at].repo_tags.is_empty() && matches!(wanted, Wanted::Name(name) if name.digest.is_none())
            || self.entries[at].repo_tags.is_empty() && self.entries[at].repo_digests.is_empty();
        let deleted = whole || matches!(wanted, Wanted::Id(_)) || nameless;
        if deleted {
            self.entries.remove(at);
        }
        Some(Removed { name, deleted: deleted.then_some(id) })
    }
}

impl Entry {
    /// With a digest in the name, the tag beside it says nothing, as in containerd.
    fn is_called(&self, name: &Reference) -> bool {
        match &name.digest {
            Some(digest) => self.repo_digests.contains(&format!("{}@{digest}", name.repository())),
            None => name.repo_tag().is_some_and(|tag| self.repo_tags.contains(&tag)),
        }
    }

    fn forget(&mut self, name: &Reference) {
        match &name.digest {
            Some(digest) => {
                let gone = format!("{}@{digest}", name.repository());
                self.repo_digests.retain(|known| *known != gone);
            }
            None => {
                let gone = name.repo_tag();
                self.repo_tags.retain(|known| Some(known) != gone.as_ref());
            }
        }
    }
}

fn merge<T: PartialEq>(into: &mut Vec<T>, new: Vec<T>) {
    for one in new {
        if !into.contains(&one) {
            into.push(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, tags: &[&str]) -> Entry {
        let id = Digest::of(id.as_bytes());
        Entry {
            repo_digests: vec![format!("docker.io/library/a@{id}")],
            manifests: vec![id.clone()],
            id,
            repo_tags: tags.iter().map(|tag| format!("docker.io/library/{tag}")).collect(),
            size_bytes: 1,
            chain: vec![],
            defaults: Defaults::default(),
            loaded: false,
        }
    }

    #[test]
    fn names_come_and_go() {
        let mut index = Index::default();
        index.add(entry("one", &["a:1", "a:2"]));
        index.add(entry("one", &["b:1"]));
        index.add(entry("two", &["a:1"]));
        assert_eq!(index.entries.len(), 2);
        let one = Digest::of(b"one");
        let by_digest = format!("a@{one}");
        let with_tag = format!("a:whatever@{one}");
        for (name, expected) in [
            ("a:1", Some("two")),
            ("a:2", Some("one")),
            ("b:1", Some("one")),
            ("c", None),
            (&by_digest, Some("one")),
            (&with_tag, Some("one")),
        ] {
            let found = index.find(&Wanted::parse(name).expect(name)).map(|entry| entry.id.clone());
            assert_eq!(found, expected.map(|id| Digest::of(id.as_bytes())), "{name}");
        }
        let mut remove = |name: &str, whole| index.remove(&Wanted::parse(name).expect(name), whole).map(|r| r.deleted.is_some());
        assert_eq!([remove("c", false), remove("a:2", false), remove("b:1", false)], [None, Some(false), Some(true)]);
        assert_eq!([remove("b:1", false), remove("a:1", true)], [None, Some(true)]);
        index.add(entry("three", &["a:1", "a:2"]));
        assert_eq!(index.remove(&Wanted::Id(Digest::of(b"three")), false).map(|r| r.deleted.is_some()), Some(true));
        assert!(index.entries.is_empty());
    }
}
