//! v1 Secret.

use super::config_map::{SIZE_MAX, check_key, decoded_len, immutable_when_set};
use super::row::Row;
use crate::Hooks;
use crate::doc::{View, ensure, map, remove, set, set_default};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use meta::{Doc, FieldErrors};

const ACCOUNT: &str = "kubernetes.io/service-account.name";

pub const ROW: Row =
    Row::new("v1", "Secret").sensitive().selectable(&["type"]).hooks(Hooks { default, validate, validate_update, ..Hooks::NONE });

fn default(doc: &mut Doc) {
    set_default(doc, "type", "Opaque");
    if let Some(strings) = remove(doc, "stringData") {
        for (key, value) in map(&strings) {
            set(ensure(doc, "data"), key, BASE64_STANDARD.encode(value.as_str().unwrap_or_default()));
        }
    }
}

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    let root = View::root(doc);
    let data = root.get("data");
    let mut size = 0;
    for (key, value) in data.entries() {
        check_key(key, &value.path, errors);
        size += decoded_len(value.str());
    }
    if size > SIZE_MAX {
        errors.too_long(&data.path, SIZE_MAX);
    }
    let require = |key: &str, errors: &mut FieldErrors| {
        if !data.key(key).is_set() {
            errors.required(&data.path.key(key), "");
        }
    };
    match root.get("type").str() {
        "kubernetes.io/service-account-token" => {
            root.at("metadata.annotations").key(ACCOUNT).require(errors);
        }
        "kubernetes.io/dockercfg" => check_json(&data, ".dockercfg", errors),
        "kubernetes.io/dockerconfigjson" => check_json(&data, ".dockerconfigjson", errors),
        "kubernetes.io/basic-auth" if !data.key("username").is_set() && !data.key("password").is_set() => {
            ["username", "password"].into_iter().for_each(|key| require(key, errors));
        }
        "kubernetes.io/ssh-auth" => require("ssh-privatekey", errors),
        "kubernetes.io/tls" => ["tls.crt", "tls.key"].into_iter().for_each(|key| require(key, errors)),
        _ => {}
    }
}

fn check_json(data: &View<'_>, key: &str, errors: &mut FieldErrors) {
    let value = data.key(key);
    if !value.is_set() {
        return errors.required(&value.path, "");
    }
    let parsed = BASE64_STANDARD.decode(value.str()).map(|bytes| serde_json::from_slice::<Doc>(&bytes));
    if !matches!(parsed, Ok(Ok(Doc::Object(_)))) {
        errors.invalid(&value.path, "<secret contents redacted>", "invalid character found in JSON");
    }
}

fn validate_update(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    View::root(new).get("type").immutable(&View::root(old).get("type"), errors);
    immutable_when_set(new, old, errors);
}
