//! `spec.topologySpreadConstraints` (kubernetes pkg/scheduler/framework/plugins/podtopologyspread/common.go).

use super::document::SpreadDoc;
use super::terms::{Scope, Term};
use meta::labels::Requirement;
use meta::{LabelSelector, Labels};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpreadConstraint {
    /// Which pods are spread, over which domains.
    pub term: Term,
    pub max_skew: i64,
    pub min_domains: i64,
    /// `DoNotSchedule` rather than `ScheduleAnyway`.
    pub required: bool,
    /// Nodes that the pod's node affinity leaves out do not count.
    pub honors_affinity: bool,
    /// Nor do those with taints that it does not tolerate.
    pub honors_taints: bool,
}

impl SpreadConstraint {
    pub fn of(namespace: &str, labels: &Labels, doc: SpreadDoc) -> Self {
        // The API server refuses selectors that do not parse.
        let mut selector = doc.label_selector.and_then(|doc| LabelSelector::from_doc(&doc).ok().flatten());
        if let Some(selector) = &mut selector {
            for key in doc.match_label_keys {
                if let Some(value) = labels.get(&key) {
                    selector.0.push(Requirement::In(key, vec![value.to_owned()]));
                }
            }
        }
        Self {
            term: Term::new(Scope::within(namespace, selector), doc.topology_key),
            max_skew: doc.max_skew,
            min_domains: doc.min_domains.max(1),
            required: doc.when_unsatisfiable == "DoNotSchedule",
            honors_affinity: doc.node_affinity_policy != "Ignore",
            honors_taints: doc.node_taints_policy == "Honor",
        }
    }

    /// As the scheduler itself asks for pods that ask for nothing.
    pub fn preferred(namespace: &str, selector: LabelSelector, topology_key: &str, max_skew: i64) -> Self {
        Self {
            term: Term::new(Scope::within(namespace, Some(selector)), topology_key.into()),
            max_skew,
            min_domains: 1,
            required: false,
            honors_affinity: true,
            honors_taints: false,
        }
    }
}
