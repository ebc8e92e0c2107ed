//! Security contexts of pods and containers.

use crate::doc::View;
use meta::FieldErrors;

const ID_MAX: i64 = i32::MAX as i64;

pub fn check_container(context: &View<'_>, errors: &mut FieldErrors) {
    if !context.is_set() {
        return;
    }
    check_ids(context, &["runAsUser", "runAsGroup"], errors);
    check_profile(&context.get("seccompProfile"), errors);
    let escalation = context.get("allowPrivilegeEscalation");
    if escalation.doc.as_bool() != Some(false) {
        return;
    }
    let mut refuse = |with: &str| {
        escalation.invalid(errors, format!("cannot set `allowPrivilegeEscalation` to false and {with}"));
    };
    if context.get("privileged").is_true() {
        refuse("`privileged` to true");
    }
    if context.get("capabilities").get("add").items().any(|c| c.str() == "CAP_SYS_ADMIN") {
        refuse("`capabilities.Add` CAP_SYS_ADMIN");
    }
}

pub fn check_pod(context: &View<'_>, errors: &mut FieldErrors) {
    check_ids(context, &["runAsUser", "runAsGroup", "fsGroup"], errors);
    for group in context.get("supplementalGroups").items() {
        group.in_range(errors, 0, ID_MAX);
    }
    check_profile(&context.get("seccompProfile"), errors);
    context.get("fsGroupChangePolicy").one_of_if_set(errors, &["Always", "OnRootMismatch"]);
    context.get("supplementalGroupsPolicy").one_of_if_set(errors, &["Merge", "Strict"]);
}

fn check_ids(context: &View<'_>, fields: &[&str], errors: &mut FieldErrors) {
    for field in fields {
        context.get(field).in_range(errors, 0, ID_MAX);
    }
}

fn check_profile(profile: &View<'_>, errors: &mut FieldErrors) {
    if !profile.is_set() {
        return;
    }
    let kind = profile.get("type");
    if kind.is_empty() {
        kind.required(errors, "type is required when seccompProfile is set");
    } else {
        kind.one_of(errors, &["Localhost", "RuntimeDefault", "Unconfined"]);
    }
    let local = profile.get("localhostProfile");
    match (kind.str() == "Localhost", local.is_set()) {
        (true, false) => local.required(errors, "must be set when seccomp type is Localhost"),
        (false, true) => errors.invalid(&local.path, profile.doc.clone(), "can only be set when seccomp type is Localhost"),
        _ => {}
    }
}
