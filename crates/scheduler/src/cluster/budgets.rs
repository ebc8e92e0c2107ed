//! PodDisruptionBudgets: how many pods may go (kubernetes pkg/scheduler/framework/plugins/defaultpreemption
//! filterPodsWithPDBViolation).

use crate::model::Pod;
use meta::{Doc, LabelSelector, Object};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

#[derive(Debug)]
struct Budget {
    selector: LabelSelector,
    allowed: i64,
    /// Pods on their way out that are accounted for.
    disrupted: HashSet<String>,
}

#[derive(Debug, Default)]
pub struct Budgets(HashMap<String, BTreeMap<String, Budget>>);

impl Budgets {
    pub fn set(&mut self, object: &Object, is_there: bool) {
        let budgets = self.0.entry(object.meta.namespace.clone()).or_default();
        match is_there.then(|| Budget::of(&object.to_doc())).flatten() {
            Some(budget) => drop(budgets.insert(object.meta.name.clone(), budget)),
            None => drop(budgets.remove(&object.meta.name)),
        }
        if budgets.is_empty() {
            self.0.remove(&object.meta.namespace);
        }
    }

    /// Which of the pods, taken away one after the other, would break a budget.
    pub fn broken_by(&self, pods: &[Arc<Pod>]) -> Vec<bool> {
        let mut left: HashMap<(&str, &str), i64> = HashMap::new();
        let mut breaks = |pod: &Arc<Pod>| {
            if pod.labels().is_empty() {
                return false;
            }
            let Some((namespace, budgets)) = self.0.get_key_value(pod.namespace()) else { return false };
            let covering = budgets.iter().filter(|(_, budget)| budget.covers(pod));
            covering.fold(false, |broken, (name, budget)| {
                let left = left.entry((namespace, name)).or_insert(budget.allowed);
                *left -= 1;
                broken || *left < 0
            })
        };
        pods.iter().map(&mut breaks).collect()
    }
}

impl Budget {
    fn of(doc: &Doc) -> Option<Self> {
        // The API server refuses selectors that do not parse.
        let selector = LabelSelector::from_doc(&doc["spec"]["selector"]).ok().flatten()?;
        let disrupted = doc["status"]["disruptedPods"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
        let allowed = doc["status"]["disruptionsAllowed"].as_i64().unwrap_or(0);
        Some(Self { selector, allowed, disrupted: disrupted.collect() })
    }

    /// An empty selector covers nothing here, as upstream has it.
    fn covers(&self, pod: &Pod) -> bool {
        !self.selector.is_empty() && self.selector.matches(pod.labels()) && !self.disrupted.contains(pod.name())
    }
}
