//! Whether a node is one that a pod spec asks for, and whether the pod stands the node's taints
//! (k8s.io/component-helpers `scheduling/corev1`).

use crate::labels::{LabelSelector, LabelSet, Requirement};
use crate::{Doc, Labels};

/// `nodeSelector` and the required node affinity of a pod spec, read once for many nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeConstraints {
    selector: LabelSelector,
    /// None: no required affinity. Of several terms one must match.
    terms: Option<Vec<Term>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    labels: LabelSelector,
    fields: LabelSelector,
}

impl NodeConstraints {
    pub fn of(spec: &Doc) -> Self {
        let selector = spec["nodeSelector"].as_object().into_iter().flatten();
        let equals =
            |(key, value): (&String, &Doc)| Requirement::In(key.clone(), value.as_str().map(str::to_owned).into_iter().collect());
        let required = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        let terms = required.is_object().then(|| list(&required["nodeSelectorTerms"]).iter().filter_map(Term::of).collect());
        Self { selector: LabelSelector(selector.map(equals).collect()), terms }
    }

    pub fn match_node(&self, name: &str, labels: &Labels) -> bool {
        let name = Name(name);
        let fits = |term: &Term| term.labels.matches(labels) && term.fields.matches(&name);
        self.selector.matches(labels) && self.terms.as_ref().is_none_or(|terms| terms.iter().any(fits))
    }
}

impl Term {
    /// None for one that matches nothing: without requirements, or with one that cannot be read.
    fn of(term: &Doc) -> Option<Self> {
        let (labels, fields) = (requirements(&term["matchExpressions"])?, requirements(&term["matchFields"])?);
        (!labels.is_empty() || !fields.is_empty()).then_some(Self { labels, fields })
    }
}

/// A node's fields, in the form a selector looks into.
struct Name<'a>(&'a str);

impl LabelSet for Name<'_> {
    fn value_of(&self, key: &str) -> Option<&str> {
        (key == "metadata.name").then_some(self.0)
    }
}

fn list(doc: &Doc) -> &[Doc] {
    doc.as_array().map_or(&[], Vec::as_slice)
}

fn requirements(expressions: &Doc) -> Option<LabelSelector> {
    list(expressions).iter().map(requirement).collect::<Option<_>>().map(LabelSelector)
}

fn requirement(expression: &Doc) -> Option<Requirement> {
    let key = expression["key"].as_str()?.to_owned();
    let values: Vec<String> = list(&expression["values"]).iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
    let bound = || values.first()?.parse().ok();
    Some(match expression["operator"].as_str()? {
        "In" => Requirement::In(key, values),
        "NotIn" => Requirement::NotIn(key, values),
        "Exists" => Requirement::Exists(key),
        "DoesNotExist" => Requirement::NotExists(key),
        "Gt" => Requirement::GreaterThan(key, bound()?),
        "Lt" => Requirement::LessThan(key, bound()?),
        _ => return None,
    })
}

/// Whether a toleration stands a taint. Without an effect it stands all, without a key (and `Exists`) every taint.
pub fn tolerates(toleration: &Doc, taint: &Doc) -> bool {
    let text = |doc: &Doc, field: &str| doc[field].as_str().unwrap_or("").to_owned();
    let (key, effect) = (text(toleration, "key"), text(toleration, "effect"));
    if (!effect.is_empty() && effect != text(taint, "effect")) || (!key.is_empty() && key != text(taint, "key")) {
        return false;
    }
    match text(toleration, "operator").as_str() {
        "Exists" => true,
        "" | "Equal" => text(toleration, "value") == text(taint, "value"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn nodes_match_what_a_spec_asks_for() {
        let labels: Labels = serde_json::from_value(json!({"zone": "a", "cores": "4"})).expect("labels");
        let term = |part: &str, key: &str, operator: &str, values: Doc| json!({ part: [{"key": key, "operator": operator, "values": values}] });
        let affinity = |terms: Doc| json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}});
        let label = |key: &str, operator: &str, values: Doc| affinity(json!([term("matchExpressions", key, operator, values)]));
        for (spec, expected) in [
            (json!({}), true),
            (json!({"nodeSelector": {"zone": "a"}}), true),
            (json!({"nodeSelector": {"zone": "b"}}), false),
            (label("zone", "In", json!(["a", "b"])), true),
            (label("zone", "NotIn", json!(["a"])), false),
            (label("none", "NotIn", json!(["a"])), true),
            (label("zone", "Exists", json!(null)), true),
            (label("zone", "DoesNotExist", json!(null)), false),
            (label("cores", "Gt", json!(["3"])), true),
            (label("cores", "Lt", json!(["3"])), false),
            (label("cores", "Lt", json!(["x"])), false),
            (affinity(json!([term("matchFields", "metadata.name", "In", json!(["n"]))])), true),
            (affinity(json!([term("matchFields", "metadata.name", "In", json!(["m"]))])), false),
            (affinity(json!([])), false),
            (affinity(json!([{}])), false),
            (affinity(json!([{}, term("matchExpressions", "zone", "Exists", json!(null))])), true),
        ] {
            assert_eq!(NodeConstraints::of(&spec).match_node("n", &labels), expected, "{spec}");
        }
    }

    #[test]
    fn tolerations_stand_taints() {
        let taint = json!({"key": "k", "value": "v", "effect": "NoSchedule"});
        let cases: BTreeMap<&str, bool> = [
            (r#"{"operator": "Exists"}"#, true),
            (r#"{"key": "k", "operator": "Exists"}"#, true),
            (r#"{"key": "k", "operator": "Exists", "effect": "NoExecute"}"#, false),
            (r#"{"key": "other", "operator": "Exists"}"#, false),
            (r#"{"key": "k", "value": "v"}"#, true),
            (r#"{"key": "k", "operator": "Equal", "value": "w", "effect": "NoSchedule"}"#, false),
        ]
        .into();
        for (toleration, expected) in cases {
            let toleration: Doc = serde_json::from_str(toleration).expect("JSON");
            assert_eq!(tolerates(&toleration, &taint), expected, "{toleration}");
        }
    }
}
