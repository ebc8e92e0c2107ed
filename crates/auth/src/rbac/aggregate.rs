//! Rules of aggregated ClusterRoles (kubernetes `pkg/controller/clusterroleaggregation`).

use super::rule::{PolicyRule, rules_of};
use meta::{Doc, LabelSelector};
use std::collections::BTreeMap;

/// What the rules of `role` should be, or `None` when it has no aggregation rule.
/// Fails on a selector that is no selector.
pub fn aggregated_rules<'a>(
    role: &Doc,
    cluster_roles: impl IntoIterator<Item = &'a Doc>,
) -> Result<Option<Vec<PolicyRule>>, String> {
    if role["aggregationRule"].is_null() {
        return Ok(None);
    }
    let others: BTreeMap<&str, (BTreeMap<String, String>, &Doc)> = cluster_roles
        .into_iter()
        .filter_map(|other| other["metadata"]["name"].as_str().map(|name| (name, other)))
        .filter(|(name, other)| other["kind"] != "Role" && role["metadata"]["name"] != *name)
        .map(|(name, other)| (name, (labels(other), other)))
        .collect();
    let mut rules: Vec<PolicyRule> = Vec::new();
    for selector in role["aggregationRule"]["clusterRoleSelectors"].as_array().into_iter().flatten() {
        let Some(selector) = LabelSelector::from_doc(selector)? else { continue };
        for (_, other) in others.values().filter(|(labels, _)| selector.matches(labels)) {
            for rule in rules_of(other) {
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
        }
    }
    Ok(Some(rules))
}

fn labels(doc: &Doc) -> BTreeMap<String, String> {
    let map = doc["metadata"]["labels"].as_object();
    map.into_iter().flatten().filter_map(|(k, v)| v.as_str().map(|v| (k.clone(), v.to_owned()))).collect()
}
