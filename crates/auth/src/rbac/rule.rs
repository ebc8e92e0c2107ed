//! Policy rules and what they match (kubernetes `pkg/apis/rbac/v1/evaluation_helpers.go`).

use crate::authorizer::Attributes;
use meta::Doc;
use serde::{Deserialize, Serialize};
use std::fmt;

const ALL: &str = "*";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyRule {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "Vec::is_empty")]
    pub non_resource_urls: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    pub verbs: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleRef {
    pub api_group: String,
    pub kind: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subject {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    pub kind: String,
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

impl PolicyRule {
    pub fn to_doc(&self) -> Doc {
        serde_json::to_value(self).expect("a rule is plain strings")
    }

    pub fn allows(&self, attributes: &Attributes<'_>) -> bool {
        let verb = || self.verbs.iter().any(|v| v == ALL || v == attributes.verb);
        if !attributes.is_resource {
            return verb() && self.non_resource_urls.iter().any(|url| url_covers(url, attributes.path));
        }
        // The group first: it is short and rules most rules out.
        self.api_groups.iter().any(|g| g == ALL || g == attributes.group)
            && verb()
            && self.resources.iter().any(|r| resource_matches(r, attributes))
            && (self.resource_names.is_empty() || self.resource_names.iter().any(|n| n == attributes.name))
    }
}

fn resource_matches(rule: &str, attributes: &Attributes<'_>) -> bool {
    let any_with_subresource =
        || !attributes.subresource.is_empty() && rule.strip_prefix("*/").is_some_and(|s| s == attributes.subresource);
    rule == ALL || attributes.is_combined(rule) || any_with_subresource()
}

/// `/healthz/*` covers `/healthz/x`; `*` covers every path.
pub(super) fn url_covers(owner: &str, path: &str) -> bool {
    owner == path || (owner.ends_with('*') && path.starts_with(owner.trim_end_matches('*')))
}

pub fn rules_allow(rules: &[PolicyRule], attributes: &Attributes<'_>) -> bool {
    rules.iter().any(|r| r.allows(attributes))
}

/// The rules of a Role or ClusterRole document.
pub fn rules_of(role: &Doc) -> Vec<PolicyRule> {
    list_of(role, "rules")
}

/// A list member of a document that the schema has checked; an entry of the wrong shape grants nothing.
pub(super) fn list_of<T: for<'de> Deserialize<'de>>(doc: &Doc, member: &str) -> Vec<T> {
    doc[member].as_array().into_iter().flatten().filter_map(|entry| T::deserialize(entry).ok()).collect()
}

/// `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}`, as escalation errors print a rule.
impl fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.non_resource_urls),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ];
        let shown: Vec<String> = members
            .iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(name, list)| format!("{name}:{}", go_strings(list)))
            .collect();
        write!(f, "{{{}}}", shown.join(", "))
    }
}

/// A list as Go's `%q` prints it: `["a" "b"]`.
pub(crate) fn go_strings(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|s| format!("{s:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::User;
    use serde_json::json;

    fn rule(doc: Doc) -> PolicyRule {
        PolicyRule::deserialize(&doc).expect("a rule")
    }

    #[test]
    fn resource_rules_match_as_upstream() {
        let user = User::anonymous();
        let pods = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
        let named = json!({"apiGroups": [""], "resources": ["pods"], "resourceNames": ["web"], "verbs": ["*"]});
        let any_scale = json!({"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["update"]});
        let all = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]});
        for (rule_doc, verb, group, resource, subresource, name, allowed) in [
            (&pods, "get", "", "pods", "", "web", true),
            (&pods, "list", "", "pods", "", "", false),
            (&pods, "get", "apps", "pods", "", "", false),
            (&pods, "get", "", "pods", "log", "web", false),
            (&named, "delete", "", "pods", "", "web", true),
            (&named, "delete", "", "pods", "", "db", false),
            (&named, "list", "", "pods", "", "", false),
            (&any_scale, "update", "apps", "deployments", "scale", "web", true),
            (&any_scale, "update", "apps", "deployments", "", "web", false),
            (&any_scale, "update", "apps", "scale", "", "web", false),
            (&all, "patch", "x.io", "things", "status", "a", true),
        ] {
            let attributes = Attributes { subresource, name, ..Attributes::resource(&user, verb, group, resource) };
            assert_eq!(rule(rule_doc.clone()).allows(&attributes), allowed, "{rule_doc} {attributes:?}");
        }
        assert!(!rule(all).allows(&Attributes::path(&user, "get", "/metrics")), "resource rules grant no path");
    }

    #[test]
    fn url_rules_match_exactly_or_by_prefix() {
        let user = User::anonymous();
        for (url, path, allowed) in [
            ("/healthz", "/healthz", true),
            ("/healthz", "/healthz/etcd", false),
            ("/healthz/*", "/healthz/etcd", true),
            ("/healthz/*", "/healthz", false),
            ("*", "/anything", true),
        ] {
            let rule = PolicyRule { verbs: vec!["get".into()], non_resource_urls: vec![url.into()], ..Default::default() };
            assert_eq!(rule.allows(&Attributes::path(&user, "get", path)), allowed, "{url} {path}");
        }
    }
}
