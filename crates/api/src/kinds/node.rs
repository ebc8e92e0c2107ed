//! v1 Node.

use super::pod::check_taints;
use super::row::Row;
use crate::Hooks;
use crate::doc::{View, is_empty, set, with};
use crate::rules::resources::{canonical_list, check_list};
use meta::{Doc, FieldErrors};

pub const ROW: Row = Row::new("v1", "Node").selectable(&["spec.unschedulable"]).keeps_status_on_create().hooks(Hooks {
    default,
    validate,
    validate_update,
    ..Hooks::NONE
});

fn default(doc: &mut Doc) {
    with(doc, "status", |status| {
        with(status, "capacity", canonical_list);
        with(status, "allocatable", canonical_list);
        let capacity = status.get("capacity").cloned().filter(|c| !is_empty(c));
        if let Some(capacity) = capacity.filter(|_| status.get("allocatable").is_none_or(Doc::is_null)) {
            set(status, "allocatable", capacity);
        }
    });
}

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    let root = View::root(doc);
    check_taints(&root.at("spec.taints"), errors);
    let cidrs = root.at("spec.podCIDRs");
    for cidr in cidrs.items() {
        if cidr.str().parse::<ipnet::IpNet>().is_err() {
            cidr.invalid(errors, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
        }
    }
    if cidrs.len() > 2 {
        cidrs.invalid(errors, "may specify no more than one CIDR for each IP family");
    }
    for list in ["status.capacity", "status.allocatable"] {
        check_list(&root.at(list), errors);
    }
}

fn validate_update(new: &Doc, old: &Doc, errors: &mut FieldErrors) {
    let (new, old) = (View::root(new).get("spec"), View::root(old).get("spec"));
    if !old.get("podCIDRs").is_empty() {
        for (i, (after, before)) in new.get("podCIDRs").items().zip(old.get("podCIDRs").items()).enumerate() {
            if after.str() != before.str() {
                let path = meta::Path::new("spec").child("podCIDRs").index(i);
                errors.forbidden(&path, "node updates may not change podCIDR except from \"\" to valid");
            }
        }
        if new.get("podCIDRs").len() != old.get("podCIDRs").len() {
            new.get("podCIDRs").forbidden(errors, "node updates may not change podCIDR except from \"\" to valid");
        }
    }
    let (id, before) = (new.get("providerID"), old.get("providerID"));
    if !before.is_empty() && id.str() != before.str() {
        id.forbidden(errors, "node updates may not change providerID except from \"\" to valid");
    }
}
