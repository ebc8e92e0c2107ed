//! Which other pods a pod wants near, or away (kubernetes pkg/scheduler/framework/types.go AffinityTerm).

use super::Pod;
use super::document::{PodAffinityDoc, PodTermDoc};
use meta::{LabelSelector, Labels};

/// A set of pods: by namespace and label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub namespaces: Vec<String>,
    pub namespace_selector: Option<LabelSelector>,
    /// None: nothing.
    pub selector: Option<LabelSelector>,
}

impl Scope {
    /// Pods of one namespace.
    pub fn within(namespace: &str, selector: Option<LabelSelector>) -> Self {
        Self { namespaces: vec![namespace.into()], namespace_selector: None, selector }
    }

    /// `of_namespace`: the labels of the pod's namespace.
    pub fn contains(&self, pod: &Pod, of_namespace: Option<&Labels>) -> bool {
        let covers =
            |selector: &LabelSelector| selector.is_empty() || of_namespace.is_some_and(|labels| selector.matches(labels));
        let here = self.namespaces.iter().any(|namespace| namespace == pod.namespace())
            || self.namespace_selector.as_ref().is_some_and(covers);
        here && self.selector.as_ref().is_some_and(|selector| selector.matches(pod.labels()))
    }
}

/// A scope, and the domain in which it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub scope: Scope,
    pub topology_key: String,
    /// Equal for terms that say the same.
    pub identity: String,
}

impl Term {
    pub fn new(scope: Scope, topology_key: String) -> Self {
        let identity = format!("{topology_key} {scope:?}");
        Self { scope, topology_key, identity }
    }

    fn of(namespace: &str, doc: PodTermDoc) -> Self {
        // The API server refuses selectors that do not parse; a selector that is not there selects nothing.
        let selector = |doc: Option<meta::Doc>| doc.and_then(|doc| LabelSelector::from_doc(&doc).ok().flatten());
        let namespace_selector = selector(doc.namespace_selector);
        let mut namespaces = doc.namespaces;
        if namespaces.is_empty() && namespace_selector.is_none() {
            namespaces.push(namespace.into());
        }
        Self::new(Scope { namespaces, namespace_selector, selector: selector(doc.label_selector) }, doc.topology_key)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedTerm {
    pub weight: i64,
    pub term: Term,
}

/// `spec.affinity.podAffinity` and `spec.affinity.podAntiAffinity`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodTerms {
    pub affinity: Vec<Term>,
    pub anti_affinity: Vec<Term>,
    /// Anti-affinity has a negative weight.
    pub preferred: Vec<WeightedTerm>,
}

impl PodTerms {
    /// None: the pod does not care.
    pub fn of(namespace: &str, affinity: PodAffinityDoc, anti_affinity: PodAffinityDoc) -> Option<Box<Self>> {
        let (near, away) = (Side::of(namespace, affinity, 1), Side::of(namespace, anti_affinity, -1));
        let preferred: Vec<WeightedTerm> = near.preferred.into_iter().chain(away.preferred).collect();
        let terms = Self { affinity: near.required, anti_affinity: away.required, preferred };
        (terms != Self::default()).then(|| Box::new(terms))
    }
}

struct Side {
    required: Vec<Term>,
    preferred: Vec<WeightedTerm>,
}

impl Side {
    fn of(namespace: &str, doc: PodAffinityDoc, sign: i64) -> Self {
        let preferred = doc.preferred.into_iter();
        Self {
            required: doc.required.into_iter().map(|term| Term::of(namespace, term)).collect(),
            preferred: preferred
                .map(|p| WeightedTerm { weight: p.weight * sign, term: Term::of(namespace, p.pod_affinity_term) })
                .collect(),
        }
    }
}
