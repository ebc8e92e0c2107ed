//! What field selectors see: the value of a selectable field as text.

use crate::def::ResourceDef;
use crate::kinds::RENAMED_EVENT_FIELDS;
use meta::Doc;

impl ResourceDef {
    /// The text of `field` (`metadata.name` or one of `selectable`); nothing there reads as upstream prints Go's zero value.
    pub fn field_value(&self, doc: &Doc, field: &str) -> String {
        // Two fields are not where their names say.
        let field = match (self.kind.as_str(), field) {
            ("Event", "source") => "source.component",
            ("Job", "status.successful") => "status.succeeded",
            ("Pod", "status.podIPs") => "status.podIP",
            _ => field,
        };
        let value = field.split('.').fold(doc, |doc, key| doc.get(key).unwrap_or(&Doc::Null));
        match value {
            Doc::String(text) => text.clone(),
            Doc::Null => zero_value(field).to_owned(),
            other => other.to_string(),
        }
    }

    /// Whether field selectors may name this field.
    pub fn is_selectable(&self, field: &str) -> bool {
        field == "metadata.name" || (field == "metadata.namespace" && self.namespaced) || self.selectable.contains(&field)
    }

    /// The name that a field of a served form has in the stored form.
    pub fn stored_field(&self, field: &str) -> String {
        if self.gvr.group != "events.k8s.io" {
            return field.to_owned();
        }
        let (first, rest) = field.split_once('.').map_or((field, ""), |(first, rest)| (first, rest));
        let stored = RENAMED_EVENT_FIELDS.iter().find(|(events, _)| *events == first).map_or(first, |(_, core)| core);
        if rest.is_empty() { stored.to_owned() } else { format!("{stored}.{rest}") }
    }
}

/// Booleans and numbers print even when they are not set.
fn zero_value(field: &str) -> &'static str {
    match field {
        "spec.unschedulable" | "spec.hostNetwork" => "false",
        "status.replicas" | "status.succeeded" => "0",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use crate::Catalog;
    use serde_json::json;

    #[test]
    fn fields_read_as_upstream_prints_them() {
        let catalog = Catalog::new(36).expect("a supported minor");
        let doc = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n", "unschedulable": true},
            "status": {"succeeded": 2}, "source": {"component": "kubelet"}});
        for (group, version, plural, field, expected) in [
            ("", "v1", "pods", "metadata.name", "a"),
            ("", "v1", "pods", "spec.nodeName", "n"),
            ("", "v1", "pods", "spec.hostNetwork", "false"),
            ("", "v1", "pods", "status.phase", ""),
            ("", "v1", "nodes", "spec.unschedulable", "true"),
            ("apps", "v1", "replicasets", "status.replicas", "0"),
            ("batch", "v1", "jobs", "status.successful", "2"),
            ("", "v1", "events", "source", "kubelet"),
        ] {
            let def = catalog.by_path(group, version, plural).expect("served");
            assert!(def.is_selectable(field), "{plural} {field}");
            assert_eq!(def.field_value(&doc, field), expected, "{plural} {field}");
        }
        let events = catalog.by_path("events.k8s.io", "v1", "events").expect("served");
        assert_eq!(events.stored_field("regarding.kind"), "involvedObject.kind");
        assert_eq!(events.stored_field("reportingController"), "reportingComponent");
        assert_eq!(events.stored_field("metadata.name"), "metadata.name");
    }
}
