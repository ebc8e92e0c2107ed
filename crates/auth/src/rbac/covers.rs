//! Whether one set of rules covers another (k8s.io/component-helpers `auth/rbac/validation`).

use super::rule::{PolicyRule, url_covers};

/// The parts of `servants` that no rule of `owners` covers, each with one verb and one resource or URL.
pub fn covers(owners: &[PolicyRule], servants: &[PolicyRule]) -> Vec<PolicyRule> {
    let mut missing = Vec::new();
    for part in servants.iter().flat_map(breakdown) {
        if !owners.iter().any(|owner| rule_covers(owner, &part)) {
            missing.push(part);
        }
    }
    missing
}

fn breakdown(rule: &PolicyRule) -> Vec<PolicyRule> {
    let one = |text: &String| vec![text.clone()];
    let mut parts = Vec::new();
    for group in &rule.api_groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                let part =
                    PolicyRule { api_groups: one(group), resources: one(resource), verbs: one(verb), ..PolicyRule::default() };
                match rule.resource_names.is_empty() {
                    true => parts.push(part),
                    false => {
                        parts.extend(rule.resource_names.iter().map(|n| PolicyRule { resource_names: one(n), ..part.clone() }))
                    }
                }
            }
        }
    }
    for url in &rule.non_resource_urls {
        parts.extend(rule.verbs.iter().map(|verb| PolicyRule {
            non_resource_urls: one(url),
            verbs: one(verb),
            ..PolicyRule::default()
        }));
    }
    parts
}

fn rule_covers(owner: &PolicyRule, part: &PolicyRule) -> bool {
    let has_all = |owned: &[String], wanted: &[String]| wanted.iter().all(|w| owned.contains(w));
    let star = |owned: &[String], wanted: &[String]| owned.iter().any(|o| o == "*") || has_all(owned, wanted);
    star(&owner.verbs, &part.verbs)
        && star(&owner.api_groups, &part.api_groups)
        && part.resources.iter().all(|r| resource_covered(&owner.resources, r))
        && part.non_resource_urls.iter().all(|url| owner.non_resource_urls.iter().any(|o| url_covers(o, url)))
        && (owner.resource_names.is_empty()
            || (!part.resource_names.is_empty() && has_all(&owner.resource_names, &part.resource_names)))
}

fn resource_covered(owned: &[String], resource: &str) -> bool {
    let by_subresource = |owner: &String| {
        resource.split_once('/').is_some_and(|(_, subresource)| owner.strip_prefix("*/").is_some_and(|s| s == subresource))
    };
    owned.iter().any(|owner| owner == "*" || owner == resource || by_subresource(owner))
}

/// Joins parts that differ only in their verb (kubernetes `pkg/registry/rbac/validation/policy_compact.go`).
pub(super) fn compact(parts: Vec<PolicyRule>) -> Vec<PolicyRule> {
    let mut joined: Vec<PolicyRule> = Vec::new();
    for part in parts {
        let same = |rule: &&mut PolicyRule| {
            !part.resources.is_empty()
                && rule.api_groups == part.api_groups
                && rule.resources == part.resources
                && rule.resource_names == part.resource_names
        };
        match joined.iter_mut().find(same) {
            Some(rule) => rule.verbs.extend(part.verbs),
            None => joined.push(part),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> PolicyRule {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        PolicyRule {
            verbs: owned(verbs),
            api_groups: owned(groups),
            resources: owned(resources),
            resource_names: owned(names),
            ..PolicyRule::default()
        }
    }

    #[test]
    fn coverage_is_per_verb_and_resource() {
        let star = rule(&["*"], &["*"], &["*"], &[]);
        for (owner, servant, missing) in [
            (rule(&["get", "list"], &[""], &["pods"], &[]), rule(&["get"], &[""], &["pods"], &["a"]), 0),
            (rule(&["get"], &[""], &["pods"], &["a"]), rule(&["get"], &[""], &["pods"], &[]), 1),
            (rule(&["get"], &[""], &["pods"], &["a"]), rule(&["get"], &[""], &["pods"], &["a", "b"]), 1),
            (rule(&["get"], &["apps"], &["*/scale"], &[]), rule(&["get"], &["apps"], &["deployments/scale"], &[]), 0),
            (rule(&["get"], &[""], &["pods"], &[]), rule(&["*"], &["", "apps"], &["pods", "nodes"], &[]), 4),
            (star.clone(), rule(&["*"], &["*"], &["*"], &[]), 0),
            (rule(&["get"], &["*"], &["*"], &[]), star, 1),
        ] {
            assert_eq!(covers(std::slice::from_ref(&owner), std::slice::from_ref(&servant)).len(), missing, "{owner} {servant}");
        }
    }

    #[test]
    fn two_owners_cover_together() {
        let owners = [rule(&["get"], &[""], &["pods"], &[]), rule(&["list"], &[""], &["pods"], &[])];
        assert_eq!(covers(&owners, &[rule(&["get", "list"], &[""], &["pods"], &[])]), []);
    }
}
