//! Events: v1, and events.k8s.io/v1 over the same stored objects (kubernetes `pkg/apis/core/validation/events.go`).

use super::row::Row;
use crate::Hooks;
use crate::def::Conversion;
use crate::doc::{View, remove, set};
use meta::{Doc, FieldErrors};

/// events.k8s.io's name of a field, core's name of it.
pub const RENAMED: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// Its selectable fields begin as those of the other version do: a stored object's values are found by position.
pub const CORE_ROW: Row = Row::new("v1", "Event")
    .create_on_update()
    .selectable(&[
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "type",
        "source",
    ])
    .hooks(Hooks { validate, ..Hooks::NONE });

pub const EVENTS_ROW: Row = Row::new("events.k8s.io/v1", "Event")
    .create_on_update()
    .selectable(&[
        "regarding.kind",
        "regarding.namespace",
        "regarding.name",
        "regarding.uid",
        "regarding.apiVersion",
        "regarding.resourceVersion",
        "regarding.fieldPath",
        "reason",
        "reportingController",
        "type",
    ])
    .hooks(Hooks { validate: validate_events, ..Hooks::NONE })
    .stored_as("v1", "events", Conversion { to_storage, from_storage });

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    check_namespace(doc, "involvedObject", errors);
}

/// An event lives beside what it is about; those about cluster-wide objects live in the default namespaces.
fn check_namespace(doc: &Doc, object: &str, errors: &mut FieldErrors) {
    let root = View::root(doc);
    let (own, about) = (root.at("metadata.namespace"), root.get(object).get("namespace"));
    let fine = match about.str() {
        "" => ["", "default", "kube-system"].contains(&own.str()),
        namespace => namespace == own.str(),
    };
    if !fine {
        errors.invalid(&meta::Path::new("involvedObject").child("namespace"), about.str(), "does not match event.namespace");
    }
}

fn validate_events(doc: &Doc, errors: &mut FieldErrors) {
    check_namespace(doc, "regarding", errors);
    let root = View::root(doc);
    for field in ["eventTime", "reportingController", "reportingInstance", "action", "reason"] {
        root.get(field).require(errors);
    }
    let kind = root.get("type");
    if !["Normal", "Warning"].contains(&kind.str()) {
        errors.invalid(&kind.path, kind.str(), "has invalid value: ".to_owned() + kind.str());
    }
}

fn rename(mut doc: Doc, api_version: &str, names: impl Iterator<Item = (&'static str, &'static str)>) -> Doc {
    for (from, to) in names {
        if let Some(value) = remove(&mut doc, from) {
            set(&mut doc, to, value);
        }
    }
    set(&mut doc, "apiVersion", api_version);
    doc
}

fn to_storage(doc: Doc) -> Doc {
    rename(doc, "v1", RENAMED.into_iter())
}

fn from_storage(doc: Doc) -> Doc {
    rename(doc, "events.k8s.io/v1", RENAMED.into_iter().map(|(events, core)| (core, events)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_apis_show_one_event() {
        let core = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "a"}, "message": "m", "count": 2,
            "involvedObject": {"kind": "Pod"}, "source": {"component": "kubelet"}, "reason": "Started"});
        let shown = from_storage(core.clone());
        assert_eq!(shown["note"], "m");
        assert_eq!(shown["regarding"], json!({"kind": "Pod"}));
        assert_eq!(shown["deprecatedCount"], 2);
        assert_eq!(shown["apiVersion"], "events.k8s.io/v1");
        assert_eq!(to_storage(shown), core);
    }
}
