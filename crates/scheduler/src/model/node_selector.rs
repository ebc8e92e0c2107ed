//! Which nodes a pod asks for (k8s.io/component-helpers scheduling/corev1/nodeaffinity).

use super::Node;
use super::document::{ExpressionDoc, NodeAffinityDoc, NodeTermDoc};
use meta::LabelSet;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Gt,
    Lt,
    /// The API server lets none pass; nothing satisfies it.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRequirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

impl NodeRequirement {
    fn of(doc: ExpressionDoc) -> Self {
        let operator = match doc.operator.as_str() {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            "Gt" => Operator::Gt,
            "Lt" => Operator::Lt,
            _ => Operator::Unknown,
        };
        Self { key: doc.key, operator, values: doc.values }
    }

    fn satisfied(&self, value: Option<&str>) -> bool {
        let listed = |value: &str| self.values.iter().any(|known| known == value);
        match self.operator {
            Operator::In => value.is_some_and(listed),
            Operator::NotIn => !value.is_some_and(listed),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt => self.compares(value, |value, bound| value > bound),
            Operator::Lt => self.compares(value, |value, bound| value < bound),
            Operator::Unknown => false,
        }
    }

    /// What is no number compares with nothing.
    fn compares(&self, value: Option<&str>, with: fn(i64, i64) -> bool) -> bool {
        let (Some(value), Some(bound)) = (value, self.values.first()) else { return false };
        matches!((value.parse(), bound.parse()), (Ok(value), Ok(bound)) if with(value, bound))
    }
}

/// All requirements must hold; a term without any matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTerm {
    labels: Vec<NodeRequirement>,
    fields: Vec<NodeRequirement>,
}

impl NodeTerm {
    fn of(doc: NodeTermDoc) -> Self {
        let requirements = |docs: Vec<ExpressionDoc>| docs.into_iter().map(NodeRequirement::of).collect();
        Self { labels: requirements(doc.match_expressions), fields: requirements(doc.match_fields) }
    }

    pub fn matches(&self, node: &Node) -> bool {
        let field = |key: &str| (key == "metadata.name").then_some(node.name());
        !(self.labels.is_empty() && self.fields.is_empty())
            && self.labels.iter().all(|r| r.satisfied(node.labels().value_of(&r.key)))
            && self.fields.iter().all(|r| r.satisfied(field(&r.key)))
    }

    /// The names that the term is satisfied with. None: any.
    fn names(&self) -> Option<BTreeSet<&str>> {
        let named = self.fields.iter().filter(|r| r.key == "metadata.name" && r.operator == Operator::In);
        named.map(|r| r.values.iter().map(String::as_str).collect()).reduce(|a: BTreeSet<&str>, b| &a & &b)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedNodeTerm {
    pub weight: i64,
    pub term: NodeTerm,
}

/// `spec.nodeSelector` and `spec.affinity.nodeAffinity`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    labels: Vec<(String, String)>,
    /// One of the terms must match. None: nothing is required.
    required: Option<Vec<NodeTerm>>,
    pub preferred: Vec<WeightedNodeTerm>,
}

impl Placement {
    pub fn of(labels: BTreeMap<String, String>, affinity: NodeAffinityDoc) -> Self {
        let required = affinity.required.map(|r| r.node_selector_terms.into_iter().map(NodeTerm::of).collect());
        // Upstream's ParseNodeSelector skips preferences without weight, which say nothing.
        let preferred = affinity.preferred.into_iter().filter(|p| p.weight != 0);
        let preferred = preferred.map(|p| WeightedNodeTerm { weight: p.weight, term: NodeTerm::of(p.preference) });
        Self { labels: labels.into_iter().collect(), required, preferred: preferred.collect() }
    }

    pub fn is_required(&self) -> bool {
        !self.labels.is_empty() || self.required.is_some()
    }

    pub fn matches(&self, node: &Node) -> bool {
        self.labels.iter().all(|(key, value)| node.labels().get(key) == Some(value.as_str()))
            && self.required.as_ref().is_none_or(|terms| terms.iter().any(|term| term.matches(node)))
    }

    /// The only nodes that can match, if every term names some: how pods of a DaemonSet ask for theirs.
    pub fn names(&self) -> Option<BTreeSet<&str>> {
        let terms = self.required.as_ref().filter(|terms| !terms.is_empty())?;
        terms.iter().map(NodeTerm::names).reduce(|a, b| Some(&a? | &b?)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn placement(required: meta::Doc) -> Placement {
        let doc = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": required}});
        Placement::of(BTreeMap::new(), serde_json::from_value(doc).expect("an affinity"))
    }

    #[test]
    fn terms_match_labels_and_names() {
        let node = Node::for_test(json!({"metadata": {"name": "n", "labels": {"zone": "a", "cores": "4"}}}));
        let expression = |key: &str, operator: &str, values: &[&str]| json!({"key": key, "operator": operator, "values": values});
        for (field, one, matches) in [
            ("matchExpressions", expression("zone", "In", &["a", "b"]), true),
            ("matchExpressions", expression("zone", "In", &["b"]), false),
            ("matchExpressions", expression("zone", "NotIn", &["a"]), false),
            ("matchExpressions", expression("rack", "NotIn", &["a"]), true),
            ("matchExpressions", expression("zone", "Exists", &[]), true),
            ("matchExpressions", expression("rack", "Exists", &[]), false),
            ("matchExpressions", expression("rack", "DoesNotExist", &[]), true),
            ("matchExpressions", expression("cores", "Gt", &["3"]), true),
            ("matchExpressions", expression("cores", "Gt", &["4"]), false),
            ("matchExpressions", expression("cores", "Lt", &["5"]), true),
            ("matchExpressions", expression("zone", "Lt", &["5"]), false),
            ("matchExpressions", expression("zone", "Near", &["a"]), false),
            ("matchFields", expression("metadata.name", "In", &["n"]), true),
            ("matchFields", expression("metadata.name", "In", &["m"]), false),
            ("matchFields", expression("metadata.name", "NotIn", &["m"]), true),
            ("matchFields", expression("metadata.uid", "In", &["n"]), false),
        ] {
            assert_eq!(placement(json!([{ field: [one] }])).matches(&node), matches, "{field} {one}");
        }
        assert!(!placement(json!([{}])).matches(&node), "an empty term matches nothing");
        assert!(!placement(json!([])).matches(&node), "nor does a list without terms");
        let rack = json!({"matchExpressions": [expression("rack", "Exists", &[])]});
        let zone = json!({"matchExpressions": [expression("zone", "Exists", &[])]});
        assert!(placement(json!([rack, zone])).matches(&node), "one term is enough");
        let selector = |value: &str| Placement::of([("zone".into(), value.into())].into(), NodeAffinityDoc::default());
        assert!(selector("a").matches(&node) && !selector("b").matches(&node));
    }

    #[test]
    fn names_narrow_the_search() {
        let named = |names: &[&str]| json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": names}]});
        let open = json!({"matchExpressions": [{"key": "zone", "operator": "Exists"}]});
        for (terms, names) in [
            (json!([named(&["a"])]), Some(vec!["a"])),
            (json!([named(&["a"]), named(&["b", "a"])]), Some(vec!["a", "b"])),
            (json!([named(&["a"]), open]), None),
            (json!([]), None),
        ] {
            let placement = placement(terms.clone());
            assert_eq!(placement.names().map(|names| names.into_iter().collect::<Vec<_>>()), names, "{terms}");
        }
    }
}
