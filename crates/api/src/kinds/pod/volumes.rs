//! Volumes of a pod and their mounts in containers.

use super::env::{check_field_ref, check_resource_ref};
use crate::doc::{View, map};
use crate::rules::resources;
use meta::{FieldErrors, names};
use std::collections::{BTreeMap, BTreeSet};

const MODE_TEXT: &str = "must be a number between 0 and 0777 (octal), both inclusive";
const HOST_PATH_TYPES: [&str; 8] =
    ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// Volumes by name.
pub type Volumes<'a> = BTreeMap<&'a str, View<'a>>;

pub fn check_volumes<'a>(list: &View<'a>, errors: &mut FieldErrors) -> Volumes<'a> {
    let mut volumes = Volumes::new();
    for volume in list.items() {
        let name = volume.get("name");
        check_source(&volume, errors);
        if !name.require(errors) {
            continue;
        }
        let problems = names::dns_label(name.str());
        if !problems.is_empty() {
            problems.into_iter().for_each(|p| name.invalid(errors, p));
        } else if volumes.contains_key(name.str()) {
            errors.duplicate(&name.path, name.str());
        } else {
            volumes.insert(name.str(), volume);
        }
    }
    volumes
}

fn check_source(volume: &View<'_>, errors: &mut FieldErrors) {
    let mut sources = map(volume.doc).filter(|(key, value)| *key != "name" && !value.is_null());
    let Some((kind, _)) = sources.next() else {
        return volume.required(errors, "must specify a volume type");
    };
    check_kind(kind, &volume.get(kind), errors);
    for (kind, _) in sources {
        volume.get(kind).forbidden(errors, "may not specify more than 1 volume type");
    }
}

fn check_kind(kind: &str, source: &View<'_>, errors: &mut FieldErrors) {
    match kind {
        "secret" => {
            source.get("secretName").require(errors);
            check_items(source, errors);
        }
        "configMap" => {
            source.get("name").require(errors);
            check_items(source, errors);
        }
        "hostPath" => {
            let path = source.get("path");
            if path.require(errors) && path.str().split('/').any(|part| part == "..") {
                path.invalid(errors, "must not contain '..'");
            }
            source.get("type").one_of(errors, &HOST_PATH_TYPES);
        }
        "persistentVolumeClaim" => {
            source.get("claimName").require(errors);
        }
        "emptyDir" => check_empty_dir(source, errors),
        "nfs" => check_nfs(source, errors),
        "downwardAPI" => check_downward(source, errors),
        "projected" => check_projected(source, errors),
        "csi" => {
            source.get("driver").require(errors);
        }
        "ephemeral" => {
            source.get("volumeClaimTemplate").require(errors);
        }
        "image" => {
            source.get("reference").require(errors);
            source.get("pullPolicy").one_of_if_set(errors, &["Always", "IfNotPresent", "Never"]);
        }
        _ => {}
    }
}

fn check_empty_dir(source: &View<'_>, errors: &mut FieldErrors) {
    let limit = source.get("sizeLimit");
    if limit.is_set() && resources::parse(limit.doc).is_ok_and(|q| q.is_negative()) {
        limit.forbidden(errors, "SizeLimit field must be a valid resource quantity");
    }
}

fn check_nfs(source: &View<'_>, errors: &mut FieldErrors) {
    source.get("server").require(errors);
    let path = source.get("path");
    if path.require(errors) && !path.str().starts_with('/') {
        path.invalid(errors, "must be an absolute path");
    }
}

fn check_mode(mode: &View<'_>, errors: &mut FieldErrors) {
    if mode.int().is_some_and(|m| !(0..=0o777).contains(&m)) {
        mode.invalid(errors, MODE_TEXT);
    }
}

fn check_items(source: &View<'_>, errors: &mut FieldErrors) {
    check_mode(&source.get("defaultMode"), errors);
    for item in source.get("items").items() {
        item.get("key").require(errors);
        check_mode(&item.get("mode"), errors);
        check_target(&item.get("path"), errors);
    }
}

/// A path inside a volume.
fn check_target(path: &View<'_>, errors: &mut FieldErrors) {
    if path.require(errors) {
        check_relative(path, errors);
        if path.str().starts_with("..") && !path.str().starts_with("../") && path.str() != ".." {
            path.invalid(errors, "must not start with '..'");
        }
    }
}

fn check_relative(path: &View<'_>, errors: &mut FieldErrors) {
    if path.str().starts_with('/') {
        path.invalid(errors, "must be a relative path");
    }
    if path.str().split('/').any(|part| part == "..") {
        path.invalid(errors, "must not contain '..'");
    }
}

fn check_downward(source: &View<'_>, errors: &mut FieldErrors) {
    check_mode(&source.get("defaultMode"), errors);
    for item in source.get("items").items() {
        check_target(&item.get("path"), errors);
        check_mode(&item.get("mode"), errors);
        let (field, resource) = (item.get("fieldRef"), item.get("resourceFieldRef"));
        match (field.is_set(), resource.is_set()) {
            (true, true) => {
                errors.invalid(&item.path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
            }
            (false, false) => item.required(errors, "one of fieldRef and resourceFieldRef is required"),
            (true, false) => check_field_ref(&field, errors),
            (false, true) => {
                if resource.get("containerName").require(errors) {
                    check_resource_ref(&resource, errors);
                }
            }
        }
    }
}

const PROJECTIONS: [&str; 6] =
    ["secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate"];

fn check_projected(source: &View<'_>, errors: &mut FieldErrors) {
    check_mode(&source.get("defaultMode"), errors);
    for projection in source.get("sources").items() {
        let mut kinds = PROJECTIONS.iter().map(|k| (*k, projection.get(k))).filter(|(_, p)| p.is_set());
        let Some((kind, first)) = kinds.next() else { continue };
        match kind {
            "secret" | "configMap" => {
                first.get("name").require(errors);
                check_items(&first, errors);
            }
            "downwardAPI" => check_downward(&first, errors),
            "serviceAccountToken" => check_token(&first, errors),
            _ => {}
        }
        kinds.for_each(|(_, other)| other.forbidden(errors, "may not specify more than 1 volume type"));
    }
}

fn check_token(token: &View<'_>, errors: &mut FieldErrors) {
    let seconds = token.get("expirationSeconds");
    match seconds.int().unwrap_or(0) {
        i64::MIN..600 => seconds.invalid(errors, "may not specify a duration less than 10 minutes"),
        n if n > 1 << 32 => seconds.invalid(errors, "may not specify a duration larger than 2^32 seconds"),
        _ => {}
    }
    check_target(&token.get("path"), errors);
}

pub fn check_mounts(container: &View<'_>, volumes: &Volumes<'_>, errors: &mut FieldErrors) {
    let mut paths = BTreeSet::new();
    let devices: BTreeSet<&str> = container.get("volumeDevices").items().map(|d| d.get("devicePath").str()).collect();
    let mounts = container.get("volumeMounts");
    for mount in mounts.items() {
        check_volume_name(&mount.get("name"), volumes, errors);
        let path = mount.get("mountPath");
        path.require(errors);
        if !paths.insert(path.str()) {
            path.invalid(errors, "must be unique");
        }
        if devices.contains(path.str()) {
            path.invalid(errors, "must not already exist as a path in volumeDevices");
        }
        check_sub_paths(&mounts, &mount, errors);
        check_propagation(container, &mount, errors);
    }
    check_devices(container, volumes, errors);
}

/// Upstream names these fields without the mount's index.
fn check_sub_paths(mounts: &View<'_>, mount: &View<'_>, errors: &mut FieldErrors) {
    let (sub, expression) = (mount.get("subPath"), mount.get("subPathExpr"));
    if !sub.is_empty() && !expression.is_empty() {
        expression.invalid(errors, "subPathExpr and subPath are mutually exclusive");
    }
    for (field, value) in [("subPath", sub), ("subPathExpr", expression)] {
        check_relative(&View { path: mounts.path.child(field), ..value }, errors);
    }
}

fn check_propagation(container: &View<'_>, mount: &View<'_>, errors: &mut FieldErrors) {
    let propagation = mount.get("mountPropagation");
    propagation.one_of_if_set(errors, &["Bidirectional", "HostToContainer", "None"]);
    if propagation.str() == "Bidirectional" && !container.get("securityContext").get("privileged").is_true() {
        propagation.forbidden(errors, "Bidirectional mount propagation is available only to privileged containers");
    }
}

fn check_volume_name(name: &View<'_>, volumes: &Volumes<'_>, errors: &mut FieldErrors) {
    name.require(errors);
    if !volumes.contains_key(name.str()) {
        errors.not_found(&name.path, name.str());
    }
}

fn check_devices(container: &View<'_>, volumes: &Volumes<'_>, errors: &mut FieldErrors) {
    let mut paths = BTreeSet::new();
    for device in container.get("volumeDevices").items() {
        check_volume_name(&device.get("name"), volumes, errors);
        let path = device.get("devicePath");
        if path.require(errors) && !paths.insert(path.str()) {
            path.invalid(errors, "must be unique");
        }
    }
}
