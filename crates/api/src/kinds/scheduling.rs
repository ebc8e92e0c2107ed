//! scheduling.k8s.io/v1 PriorityClass and node.k8s.io/v1 RuntimeClass.

use super::row::Row;
use crate::Hooks;
use crate::doc::{View, set_default, with};
use crate::rules::resources::canonical_list;
use meta::{Doc, FieldErrors, names};

/// Above this only the system's own classes are.
pub const HIGHEST_USER_PRIORITY: i64 = 1_000_000_000;
pub const SYSTEM_CLASSES: [(&str, i64); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];

pub const PRIORITY_CLASS_ROW: Row = Row::new("scheduling.k8s.io/v1", "PriorityClass").generation().hooks(Hooks {
    default: |doc| set_default(doc, "preemptionPolicy", "PreemptLowerPriority"),
    validate: validate_priority,
    validate_update: |new, old, errors| {
        let (new, old) = (View::root(new), View::root(old));
        if new.get("value").int() != old.get("value").int() {
            errors.forbidden(&meta::Path::new("value"), "may not be changed in an update.");
        }
        new.get("preemptionPolicy").immutable(&old.get("preemptionPolicy"), errors);
    },
    ..Hooks::NONE
});

pub const RUNTIME_CLASS_ROW: Row = Row::new("node.k8s.io/v1", "RuntimeClass").conditional_update().hooks(Hooks {
    default: |doc| with(doc, "overhead", |overhead| with(overhead, "podFixed", canonical_list)),
    validate: |doc, errors| View::root(doc).get("handler").check(errors, names::dns_label),
    validate_update: |new, old, errors| View::root(new).get("handler").immutable(&View::root(old).get("handler"), errors),
    ..Hooks::NONE
});

fn validate_priority(doc: &Doc, errors: &mut FieldErrors) {
    let root = View::root(doc);
    let (name, value) = (root.at("metadata.name"), root.get("value"));
    let number = value.int().unwrap_or(0);
    if name.str().starts_with("system-") {
        if !SYSTEM_CLASSES.contains(&(name.str(), number)) {
            let text = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {} is not a known system priority class",
                name.str()
            );
            errors.forbidden(&name.path, text);
        }
    } else if number > HIGHEST_USER_PRIORITY {
        value.forbidden(errors, format!("maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"));
    }
    root.get("preemptionPolicy").one_of_if_set(errors, &["PreemptLowerPriority", "Never"]);
}
