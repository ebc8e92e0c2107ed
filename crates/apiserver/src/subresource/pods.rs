//! What the resize and ephemeralcontainers subresources may change (kubernetes `pkg/registry/core/pod/strategy.go`).

use meta::{Doc, FieldErrors, Path};

const EPHEMERAL: &str = "ephemeralContainers";

fn named<'a>(list: &'a Doc, name: &Doc) -> Option<&'a Doc> {
    list.as_array()?.iter().find(|container| container["name"] == *name)
}

/// The stored pod with the resources of its containers as asked, and nothing else.
pub(super) fn resized(asked: &Doc, old: &Doc) -> Doc {
    let mut pod = old.clone();
    for list in ["containers", "initContainers"] {
        for container in pod["spec"].get_mut(list).and_then(Doc::as_array_mut).into_iter().flatten() {
            let Some(wanted) = named(&asked["spec"][list], &container["name"]) else { continue };
            for field in ["resources", "resizePolicy"] {
                match wanted.get(field) {
                    Some(value) => container[field] = value.clone(),
                    None => crate::verbs::prepare::remove(container, field),
                }
            }
        }
    }
    pod["metadata"] = asked["metadata"].clone();
    pod
}

/// A changed spec is a new generation, whichever way it came.
pub(super) fn raise_generation(new: &mut Doc, old: &Doc) {
    if new["spec"] != old["spec"] {
        new["metadata"]["generation"] = (old["metadata"]["generation"].as_i64().unwrap_or(0) + 1).into();
    }
}

/// Ephemeral containers come and stay as they came.
pub(crate) fn validate_ephemeral(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    let path = Path::new("spec").child(EPHEMERAL);
    let (new, old) = (&new["spec"][EPHEMERAL], &old["spec"][EPHEMERAL]);
    for before in old.as_array().into_iter().flatten() {
        let name = before["name"].as_str().unwrap_or_default();
        match named(new, &before["name"]) {
            None => errors.forbidden(&path, format!("existing ephemeral containers {name:?} may not be removed\n")),
            Some(after) if after != before => {
                errors.forbidden(&path, format!("existing ephemeral containers {name:?} may not be changed\n"));
            }
            Some(_) => {}
        }
    }
}
