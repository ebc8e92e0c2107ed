//! Persistent volumes, claims and storage.k8s.io/v1 (light: defaults, required and immutable fields).

use super::row::Row;
use crate::Hooks;
use crate::doc::{View, difference, ensure, is_empty, restore, same, set, set_default, with};
use crate::rules::resources::{canonical, canonical_list, check_list, parse};
use meta::{Doc, FieldErrors, names};
use serde_json::json;

const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const CLAIM_FORBIDDEN: &str =
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

pub const PERSISTENT_VOLUME_ROW: Row = Row::new("v1", "PersistentVolume").hooks(Hooks {
    default: default_volume,
    prepare_create: |doc| set(doc, "status", json!({ "phase": "Pending" })),
    validate: validate_volume,
    validate_update: |new, old, errors| {
        let (new, old) = (View::root(new).get("spec"), View::root(old).get("spec"));
        new.get("volumeMode").immutable(&old.get("volumeMode"), errors);
    },
    ..Hooks::NONE
});

pub const PERSISTENT_VOLUME_CLAIM_ROW: Row = Row::new("v1", "PersistentVolumeClaim").hooks(Hooks {
    default: default_claim,
    prepare_create: |doc| set(doc, "status", json!({ "phase": "Pending" })),
    validate: validate_claim,
    validate_update: validate_claim_update,
    ..Hooks::NONE
});

pub const STORAGE_CLASS_ROW: Row = Row::new("storage.k8s.io/v1", "StorageClass").hooks(Hooks {
    default: |doc| {
        set_default(doc, "reclaimPolicy", "Delete");
        set_default(doc, "volumeBindingMode", "Immediate");
    },
    validate: |doc, errors| {
        let root = View::root(doc);
        root.get("provisioner").require(errors);
        root.get("reclaimPolicy").one_of(errors, &["Delete", "Retain"]);
        root.get("volumeBindingMode").one_of(errors, &["Immediate", "WaitForFirstConsumer"]);
    },
    validate_update: |new, old, errors| {
        let (new, old) = (View::root(new), View::root(old));
        let parameters = new.get("parameters");
        if !same(parameters.doc, old.get("parameters").doc) {
            parameters.forbidden(errors, "updates to parameters are forbidden.");
        }
        let provisioner = new.get("provisioner");
        if provisioner.str() != old.get("provisioner").str() {
            provisioner.forbidden(errors, "updates to provisioner are forbidden.");
        }
        for field in ["reclaimPolicy", "volumeBindingMode"] {
            new.get(field).immutable(&old.get(field), errors);
        }
    },
    ..Hooks::NONE
});

pub const CSI_DRIVER_ROW: Row = Row::new("storage.k8s.io/v1", "CSIDriver").generation().conditional_update().hooks(Hooks {
    default: |doc| {
        let spec = ensure(doc, "spec");
        for (field, value) in [
            ("attachRequired", json!(true)),
            ("podInfoOnMount", json!(false)),
            ("storageCapacity", json!(false)),
            ("fsGroupPolicy", json!("ReadWriteOnceWithFSType")),
            ("volumeLifecycleModes", json!(["Persistent"])),
            ("requiresRepublish", json!(false)),
            ("seLinuxMount", json!(false)),
        ] {
            set_default(spec, field, value);
        }
    },
    validate_update: |new, old, errors| {
        let (new, old) = (View::root(new).get("spec"), View::root(old).get("spec"));
        for field in ["attachRequired", "fsGroupPolicy", "volumeLifecycleModes"] {
            new.get(field).immutable(&old.get(field), errors);
        }
    },
    ..Hooks::NONE
});

pub const CSI_NODE_ROW: Row = Row::new("storage.k8s.io/v1", "CSINode").conditional_update();
pub const CSI_STORAGE_CAPACITY_ROW: Row = Row::new("storage.k8s.io/v1", "CSIStorageCapacity").conditional_update().hooks(Hooks {
    default: |doc| {
        for field in ["capacity", "maximumVolumeSize"] {
            with(doc, field, |quantity| canonical(quantity, false));
        }
    },
    validate: |doc, errors| {
        View::root(doc).get("storageClassName").require(errors);
    },
    ..Hooks::NONE
});
pub const VOLUME_ATTACHMENT_ROW: Row = Row::new("storage.k8s.io/v1", "VolumeAttachment").conditional_update().hooks(Hooks {
    validate: |doc, errors| {
        let spec = View::root(doc).get("spec");
        spec.get("attacher").require(errors);
        spec.get("nodeName").require(errors);
    },
    validate_update: |new, old, errors| View::root(new).get("spec").immutable(&View::root(old).get("spec"), errors),
    ..Hooks::NONE
});

fn default_volume(doc: &mut Doc) {
    set_default(ensure(doc, "status"), "phase", "Pending");
    let spec = ensure(doc, "spec");
    set_default(spec, "persistentVolumeReclaimPolicy", "Retain");
    set_default(spec, "volumeMode", "Filesystem");
    with(spec, "capacity", canonical_list);
    with(spec, "hostPath", |path| set_default(path, "type", ""));
}

fn validate_volume(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    check_access_modes(&spec.get("accessModes"), "", errors);
    let capacity = spec.get("capacity");
    if capacity.require(errors) {
        if !capacity.get("storage").is_set() || capacity.len() > 1 {
            errors.not_supported(&capacity.path, capacity.doc.clone(), &["storage"]);
        }
        check_list(&capacity, errors);
    }
    spec.get("persistentVolumeReclaimPolicy").one_of(errors, &["Delete", "Recycle", "Retain"]);
    spec.get("volumeMode").one_of(errors, &["Block", "Filesystem"]);
}

/// A claim, also one inside a StatefulSet.
pub fn default_claim(doc: &mut Doc) {
    set_default(ensure(doc, "status"), "phase", "Pending");
    default_claim_spec(ensure(doc, "spec"));
}

pub fn default_claim_spec(spec: &mut Doc) {
    set_default(spec, "volumeMode", "Filesystem");
    with(spec, "resources", |resources| {
        with(resources, "requests", canonical_list);
        with(resources, "limits", canonical_list);
    });
    // The older field carries the same reference for the two kinds that it knows.
    if let Some(source) = spec.get("dataSource").cloned().filter(Doc::is_object) {
        set_default(spec, "dataSourceRef", source);
    }
}

fn check_access_modes(modes: &View<'_>, detail: &str, errors: &mut FieldErrors) {
    modes.require_because(errors, detail);
    for mode in modes.items() {
        if !ACCESS_MODES.contains(&mode.str()) {
            errors.not_supported(&modes.path, mode.str(), &ACCESS_MODES);
        }
    }
}

fn validate_claim(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    check_access_modes(&spec.get("accessModes"), "at least 1 access mode is required", errors);
    let storage = spec.at("resources.requests").key("storage");
    let path = spec.get("resources").path.key("storage");
    match parse(storage.doc) {
        _ if !storage.is_set() => errors.required(&path, ""),
        Ok(quantity) if quantity.is_negative() || quantity.is_zero() => {
            errors.invalid(&path, quantity.to_string(), "must be greater than zero");
        }
        Ok(_) => {}
        Err(error) => errors.invalid(&path, storage.doc.clone(), error.to_string()),
    }
    spec.get("storageClassName").check_if_set(errors, names::dns_subdomain);
    spec.get("volumeMode").one_of(errors, &["Block", "Filesystem"]);
}

fn validate_claim_update(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    let (mut rest, before) = (new.get("spec").cloned().unwrap_or_default(), old.get("spec").cloned().unwrap_or_default());
    // Binding sets the volume's name once; the class may be filled in once.
    for field in ["volumeName", "storageClassName"] {
        if is_empty(before.get(field).unwrap_or(&Doc::Null)) {
            restore(&mut rest, &before, field);
        }
    }
    let size = |spec: &Doc| parse(&spec["resources"]["requests"]["storage"]).unwrap_or_default();
    let actual = parse(&old["status"]["capacity"]["storage"]).unwrap_or_default();
    let (wanted, was) = (size(&rest), size(&before));
    if new["status"]["phase"] == "Bound" {
        restore(&mut rest, &before, "volumeAttributesClassName");
        with(&mut rest, "resources", |resources| {
            with(resources, "requests", |requests| restore(requests, &before["resources"]["requests"], "storage"));
        });
    }
    if !same(&rest, &before) {
        errors.forbidden(&meta::Path::new("spec"), format!("{CLAIM_FORBIDDEN}\n{}", difference(&rest, &before)));
    }
    // A failed expansion may be taken back, but never below what the volume has.
    if wanted < was && wanted <= actual {
        let path = meta::Path::new("spec").child("resources").child("requests").child("storage");
        errors.forbidden(&path, "field can not be less than status.capacity");
    }
}
