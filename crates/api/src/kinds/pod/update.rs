//! What may change in a pod once it exists.

use crate::doc::{View, difference, list, remove, restore, same, set, str_at};
use meta::{Doc, FieldErrors, names};

const UPDATABLE: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub fn validate_update(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    let (new_spec, old_spec) = (View::root(new).get("spec"), View::root(old).get("spec"));
    for containers in ["containers", "initContainers"] {
        let (new, old) = (new_spec.get(containers), old_spec.get(containers));
        if new.len() != old.len() {
            return new.forbidden(errors, "pod updates may not add or remove containers");
        }
        for container in new.items() {
            let image = container.get("image");
            if image.require(errors) && image.str().trim() != image.str() {
                image.invalid(errors, "must not have leading or trailing whitespace");
            }
        }
    }
    if !check_deadline(&new_spec, &old_spec, errors) {
        return;
    }
    check_tolerations(&new_spec.get("tolerations"), &old_spec.get("tolerations"), errors);
    check_gates(&new_spec.get("schedulingGates"), &old_spec.get("schedulingGates"), errors);
    let rest = without_updatable(new_spec.doc, old_spec.doc);
    if !same(&rest, old_spec.doc) {
        new_spec.forbidden(errors, format!("{UPDATABLE}\n{}", difference(&rest, old_spec.doc)));
    }
}

/// Returns whether to go on.
fn check_deadline(new: &View<'_>, old: &View<'_>, errors: &mut FieldErrors) -> bool {
    let field = new.get("activeDeadlineSeconds");
    match (field.int(), old.get("activeDeadlineSeconds").int()) {
        (Some(seconds), _) if !(0..=i64::from(i32::MAX)).contains(&seconds) => {
            field.in_range(errors, 0, i64::from(i32::MAX));
            return false;
        }
        (Some(seconds), Some(before)) if before < seconds => {
            field.invalid(errors, "must be less than or equal to previous value");
            return false;
        }
        (None, Some(_)) => field.invalid(errors, "must not update from a positive integer to nil value"),
        _ => {}
    }
    true
}

fn check_tolerations(new: &View<'_>, old: &View<'_>, errors: &mut FieldErrors) {
    let without_seconds = |toleration: &Doc| {
        let mut toleration = toleration.clone();
        remove(&mut toleration, "tolerationSeconds");
        toleration
    };
    let kept: Vec<Doc> = list(new.doc).iter().map(without_seconds).collect();
    if list(old.doc).iter().any(|o| !kept.iter().any(|n| same(n, &without_seconds(o)))) {
        new.forbidden(errors, "existing toleration can not be modified except its tolerationSeconds");
    }
}

fn check_gates(new: &View<'_>, old: &View<'_>, errors: &mut FieldErrors) {
    let known: Vec<&str> = old.items().map(|gate| gate.get("name").str()).collect();
    for name in new.items().map(|gate| gate.get("name")).filter(|name| !known.contains(&name.str())) {
        name.forbidden(errors, format!("only deletion is allowed, but found new scheduling gate '{}'", name.str()));
    }
}

/// The new spec with all that may change put back as it was.
fn without_updatable(new: &Doc, old: &Doc) -> Doc {
    let mut rest = new.clone();
    for containers in ["containers", "initContainers"] {
        let before = list(old.get(containers).unwrap_or(&Doc::Null));
        if let Some(items) = rest.get_mut(containers).and_then(Doc::as_array_mut) {
            items.iter_mut().zip(before).for_each(|(container, old)| restore(container, old, "image"));
        }
    }
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        restore(&mut rest, old, field);
    }
    let grace = "terminationGracePeriodSeconds";
    if old[grace].as_i64().is_some_and(|g| g < 0) && rest[grace] == 1 {
        restore(&mut rest, old, grace);
    }
    // A gated pod may still narrow where it runs.
    if !list(old.get("schedulingGates").unwrap_or(&Doc::Null)).is_empty() {
        if only_adds(&rest["nodeSelector"], old.get("nodeSelector").unwrap_or(&Doc::Null)) {
            restore(&mut rest, old, "nodeSelector");
        }
        restore_node_affinity(&mut rest, old);
    }
    rest
}

fn only_adds(new: &Doc, old: &Doc) -> bool {
    crate::doc::map(old).all(|(key, value)| new.get(key) == Some(value))
}

fn restore_node_affinity(rest: &mut Doc, old: &Doc) {
    let before = old.pointer("/affinity/nodeAffinity").cloned();
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let narrowed = before.as_ref().is_none_or(|b| b.get(required).is_none());
    if narrowed && rest.get("affinity").is_some_and(Doc::is_object) {
        match before {
            Some(before) => set(&mut rest["affinity"], "nodeAffinity", before),
            None => drop(remove(&mut rest["affinity"], "nodeAffinity")),
        }
    }
}

pub fn validate_status(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    let (new_status, old_status) = (View::root(new).get("status"), View::root(old).get("status"));
    if str_at(new, "/spec/nodeName") != str_at(old, "/spec/nodeName") {
        new_status.get("nodeName").forbidden(errors, "may not be changed directly");
    }
    let nominated = new_status.get("nominatedNodeName");
    if nominated.str() != old_status.get("nominatedNodeName").str() {
        nominated.check_if_set(errors, names::dns_subdomain);
    }
    let class = new_status.get("qosClass");
    if class.str() != old_status.get("qosClass").str() {
        errors.invalid(&class.path, class.str(), crate::doc::IMMUTABLE);
    }
    let policy = str_at(old, "/spec/restartPolicy");
    for (statuses, policy) in [("containerStatuses", policy), ("ephemeralContainerStatuses", "Never")] {
        check_transitions(&new_status.get(statuses), &old_status.get(statuses), policy, errors);
    }
}

/// A container that has ended for good does not come back.
fn check_transitions(new: &View<'_>, old: &View<'_>, policy: &str, errors: &mut FieldErrors) {
    if policy == "Always" {
        return;
    }
    for before in old.items() {
        let ended = before.at("state.terminated");
        let may_restart = policy == "OnFailure" && ended.get("exitCode").int() != Some(0);
        if !ended.is_set() || may_restart {
            continue;
        }
        let back = |now: &View<'_>| now.get("name").str() == before.get("name").str() && !now.at("state.terminated").is_set();
        if new.items().any(|now| back(&now)) {
            before.get("state").forbidden(errors, "may not be transitioned to non-terminated state");
        }
    }
}
