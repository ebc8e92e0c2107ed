//! What happens to every object before its kind's own hooks: status isolation and `metadata.generation`
//! (k8s.io/apiserver `pkg/registry/rest` and the `strategy.go` files it calls).

use crate::def::{Generation, ResourceDef};
use crate::doc::{ensure, int_at, map, remove, restore, same, set};
use meta::Doc;

impl ResourceDef {
    /// Before create: a new object has no status of its creator's and the first generation.
    pub fn prepare_for_create(&self, doc: &mut Doc) {
        if self.has_status() && !self.keeps_status_on_create {
            remove(doc, "status");
        }
        match self.generation {
            Generation::Spec => set(ensure(doc, "metadata"), "generation", 1),
            Generation::Untracked => drop(remove(ensure(doc, "metadata"), "generation")),
        }
        (self.hooks.prepare_create)(doc);
    }

    /// Before update of the main resource: the status stays as it was, and a changed spec raises the generation.
    pub fn prepare_for_update(&self, new: &mut Doc, old: &Doc) {
        if self.has_status() {
            restore(new, old, "status");
        }
        (self.hooks.prepare_update)(new, old);
        self.set_generation(new, old);
    }

    /// Before update of the status subresource: nothing but status and metadata changes.
    pub fn prepare_for_status_update(&self, new: &mut Doc, old: &Doc) {
        let members: Vec<String> = map(old).chain(map(new)).map(|(key, _)| key.clone()).collect();
        for key in members.iter().filter(|key| !matches!(key.as_str(), "metadata" | "status" | "apiVersion" | "kind")) {
            restore(new, old, key);
        }
        let (meta, old_meta) = (ensure(new, "metadata"), &old["metadata"]);
        for key in ["generation", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences"] {
            restore(meta, old_meta, key);
        }
    }

    fn set_generation(&self, new: &mut Doc, old: &Doc) {
        let before = int_at(old, "/metadata/generation");
        let raised = self.generation == Generation::Spec && spec_changed(new, old);
        match before {
            Some(before) => set(ensure(new, "metadata"), "generation", before + i64::from(raised)),
            None if raised => set(ensure(new, "metadata"), "generation", 1),
            None => drop(remove(ensure(new, "metadata"), "generation")),
        }
    }
}

/// Whether anything but metadata and status differs.
fn spec_changed(new: &Doc, old: &Doc) -> bool {
    let keys = map(new).chain(map(old)).map(|(key, _)| key.as_str());
    keys.filter(|key| !matches!(*key, "metadata" | "status" | "apiVersion" | "kind"))
        .any(|key| !same(new.get(key).unwrap_or(&Doc::Null), old.get(key).unwrap_or(&Doc::Null)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn status_and_generation_are_the_servers() {
        let def = ResourceDef::record("test.example/v1", "Thing", "things").status();
        let mut doc = json!({"metadata": {"name": "a", "generation": 9}, "spec": {"n": 1}, "status": {"x": 1}});
        def.prepare_for_create(&mut doc);
        assert_eq!(doc, json!({"metadata": {"name": "a", "generation": 1}, "spec": {"n": 1}}));

        let old = json!({"metadata": {"generation": 1}, "spec": {"n": 1}, "status": {"x": 1}});
        for (new, generation) in [
            (json!({"metadata": {"labels": {"a": "b"}}, "spec": {"n": 1}, "status": {"x": 2}}), 1),
            (json!({"metadata": {}, "spec": {"n": 2}}), 2),
            (json!({"metadata": {"generation": 7}, "spec": {"n": 1, "empty": []}}), 1),
        ] {
            let mut new = new;
            def.prepare_for_update(&mut new, &old);
            assert_eq!(new["metadata"]["generation"], generation, "{new}");
            assert_eq!(new["status"], json!({"x": 1}));
        }

        let mut new = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"n": 5}, "status": {"x": 2}, "extra": 1});
        def.prepare_for_status_update(&mut new, &old);
        let expected = json!({"metadata": {"labels": {"a": "b"}, "generation": 1}, "spec": {"n": 1}, "status": {"x": 2}});
        assert_eq!(new, expected);
    }
}
