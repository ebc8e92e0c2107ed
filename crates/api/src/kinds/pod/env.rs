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
    let resource = from.get("resourceFieldRef");
    if resource.is_set() {
        resource.get("resource").require(errors);
    }
    let count = SOURCES.iter().filter(|s| from.get(s).is_set()).count();
    if !variable.get("value").is_empty() {
        if count != 0 {
            errors.invalid(&from.path, "", "may not be specified when `value` is not empty");
        }
    } else if count == 0 {
        errors.invalid(
            &from.path,
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
        );
    } else if count > 1 {
        errors.invalid(&from.path, "", "may not have more than one field specified at a time");
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
    let keyed = path
        .str()
        .strip_suffix("']")
        .and_then(|p| p.strip_prefix("metadata.labels['").or_else(|| p.strip_prefix("metadata.annotations['")));
    match keyed {
        Some(key) => names::qualified_name(&key.to_lowercase()).into_iter().for_each(|p| path.invalid(errors, p)),
        None => path.one_of(errors, &FIELD_PATHS),
    }
}

fn check_key_ref(key_ref: &View<'_>, errors: &mut FieldErrors) {
    if !key_ref.is_set() {
        return;
    }
    key_ref.get("name").require(errors);
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
