//! Environment variables of a container.

use crate::doc::View;
use meta::{FieldErrors, names};

const FIELD_PATHS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
const SOURCES: [&str; 5] = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
const RESOURCES: [&str; 6] =
    ["limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"];
const NAME_TEXT: &str = "a valid environment variable name must consist only of printable ASCII characters other than '='";

fn env_name(name: &str) -> Vec<String> {
    let valid = name.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=');
    if valid { Vec::new() } else { vec![NAME_TEXT.to_owned()] }
}

pub fn check_env(env: &View<'_>, errors: &mut FieldErrors) {
    for variable in env.items() {
        let name = variable.get("name");
        if name.require(errors) {
            name.check(errors, env_name);
        }
        check_value_from(&variable, errors);
    }
}

fn check_value_from(variable: &View<'_>, errors: &mut FieldErrors) {
    let from = variable.get("valueFrom");
    if !from.is_set() {
        return;
    }
    check_field_ref(&from.get("fieldRef"), errors);
    for key_ref in ["configMapKeyRef", "secretKeyRef"] {
        check_key_ref(&from.get(key_ref), errors);
    }
    check_resource_ref(&from.get("resourceFieldRef"), errors);
    match SOURCES.iter().filter(|s| from.get(s).is_set()).count() {
        0 => errors.invalid(
            &from.path,
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
        ),
        _ if !variable.get("value").is_empty() => {
            errors.invalid(&from.path, "", "may not be specified when `value` is not empty");
        }
        1 => {}
        _ => errors.invalid(&from.path, "", "may not have more than one field specified at a time"),
    }
}

pub fn check_resource_ref(reference: &View<'_>, errors: &mut FieldErrors) {
    if !reference.is_set() {
        return;
    }
    let resource = reference.get("resource");
    let huge = ["limits.hugepages-", "requests.hugepages-"].iter().any(|prefix| resource.str().starts_with(prefix));
    if resource.require(errors) && !huge {
        resource.one_of(errors, &RESOURCES);
    }
}

/// `metadata.labels['app']` and annotations are allowed with a key, the rest by name.
pub fn check_field_ref(field: &View<'_>, errors: &mut FieldErrors) {
    if !field.is_set() {
        return;
    }
    field.get("apiVersion").require(errors);
    let path = field.get("fieldPath");
    if !path.require(errors) {
        return;
    }
    let subscript = |map: &str| path.str().strip_prefix(map)?.strip_prefix("['")?.strip_suffix("']").map(str::to_owned);
    let label = subscript("metadata.labels");
    match label.or_else(|| subscript("metadata.annotations").map(|key| key.to_lowercase())) {
        Some(key) => names::qualified_name(&key).into_iter().for_each(|p| errors.invalid(&field.path, key.as_str(), p)),
        None => path.one_of(errors, &FIELD_PATHS),
    }
}

fn check_key_ref(key_ref: &View<'_>, errors: &mut FieldErrors) {
    if !key_ref.is_set() {
        return;
    }
    key_ref.get("name").check(errors, names::dns_subdomain);
    let key = key_ref.get("key");
    if key.require(errors) {
        key.check(errors, names::config_map_key);
    }
}

pub fn check_env_from(env_from: &View<'_>, errors: &mut FieldErrors) {
    for source in env_from.items() {
        source.get("prefix").check_if_set(errors, env_name);
        let refs = [source.get("configMapRef"), source.get("secretRef")];
        let set: Vec<&View<'_>> = refs.iter().filter(|r| r.is_set()).collect();
        for reference in &set {
            reference.get("name").require(errors);
        }
        match set.len() {
            0 => errors.invalid(&env_from.path, "", "must specify one of: `configMapRef` or `secretRef`"),
            1 => {}
            _ => errors.invalid(&env_from.path, "", "may not have more than one field specified at a time"),
        }
    }
}
