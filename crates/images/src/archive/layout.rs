//! An OCI image layout (image-spec, image-layout.md): `index.json` and `blobs/<algorithm>/<hex>`.

use super::Found;
use super::contents::Contents;
use crate::digest::Digest;
use crate::manifest::{self, Descriptor, Document, IMAGE_NAME, MAX_INDEX_DEPTH, MAX_MANIFEST_BYTES, REF_NAME};
use crate::service::PullError;

/// The images of the layout that this machine runs, each with all names that the index gives it.
pub fn images(contents: &Contents) -> Result<Vec<Found>, PullError> {
    let refuse = |why: String| PullError::Internal(why);
    let Document::Index(top) = Document::parse(&contents.bytes("index.json", MAX_MANIFEST_BYTES)?).map_err(refuse)? else {
        return Err(refuse("index.json is not an index".into()));
    };
    let here = |entry: &&Descriptor| manifest::pick(std::slice::from_ref(*entry)).is_some();
    let mut wanted: Vec<&Descriptor> = top.iter().filter(here).filter(|entry| name(entry).is_some()).collect();
    if wanted.is_empty() {
        wanted.extend(manifest::pick(&top));
    }
    let mut found: Vec<(Digest, Found)> = Vec::new();
    for entry in wanted {
        let (manifest_bytes, manifest) = resolve(contents, &entry.digest, 0)?;
        let digest = Digest::of(&manifest_bytes);
        match found.iter_mut().find(|(known, _)| *known == digest) {
            Some((_, known)) => known.names.extend(name(entry)),
            None => found.push((digest, Found { manifest_bytes, manifest, names: name(entry).into_iter().collect() })),
        }
    }
    if found.is_empty() {
        return Err(refuse("no match for platform in manifest: not found".into()));
    }
    Ok(found.into_iter().map(|(_, image)| image).collect())
}

/// containerd's annotation is a whole name; the standard one is a name for some tools, a bare tag for others.
fn name(entry: &Descriptor) -> Option<String> {
    let whole = |name: &&str| name.contains(['/', ':']);
    entry.annotation(IMAGE_NAME).or_else(|| entry.annotation(REF_NAME).filter(whole)).map(str::to_owned)
}

fn resolve(contents: &Contents, digest: &Digest, depth: usize) -> Result<(Vec<u8>, manifest::Manifest), PullError> {
    let bytes = contents.blob_bytes(digest, MAX_MANIFEST_BYTES)?;
    match Document::parse(&bytes).map_err(PullError::Internal)? {
        Document::Image(manifest) => Ok((bytes, manifest)),
        Document::Index(entries) => {
            let there: Vec<Descriptor> = entries.into_iter().filter(|entry| contents.has_blob(&entry.digest)).collect();
            match manifest::pick(&there) {
                Some(entry) if depth < MAX_INDEX_DEPTH => resolve(contents, &entry.digest, depth + 1),
                _ => Err(PullError::Internal("no match for platform in manifest: not found".into())),
            }
        }
    }
}
