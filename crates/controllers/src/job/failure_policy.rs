//! `spec.podFailurePolicy`: what a pod's failure means for its job.
//! Follows kubernetes `pkg/controller/job/pod_failure_policy.go`.

use super::pod::JobPod;
use meta::Doc;

/// What the first matching rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// No rule matches, or one that says so: the failure counts.
    Count,
    Ignore,
    /// The pod's index is not tried again.
    FailIndex,
    /// The job has failed, for this reason.
    FailJob(String),
}

impl Action {
    pub fn counts(&self) -> bool {
        *self != Self::Ignore
    }
}

pub(super) fn action(policy: &Doc, pod: &JobPod) -> Action {
    let rules = policy["rules"].as_array().into_iter().flatten().enumerate();
    rules.filter_map(|(at, rule)| apply(rule, at, pod)).next().unwrap_or(Action::Count)
}

fn apply(rule: &Doc, at: usize, pod: &JobPod) -> Option<Action> {
    let matched = if rule["onExitCodes"].is_object() {
        exit_code(&rule["onExitCodes"], pod)?
    } else {
        condition(&rule["onPodConditions"], pod)?
    };
    match rule["action"].as_str()? {
        "Ignore" => Some(Action::Ignore),
        "FailIndex" => Some(Action::FailIndex),
        "Count" => Some(Action::Count),
        "FailJob" => Some(Action::FailJob(format!("{matched} matching FailJob rule at index {at}"))),
        _ => None,
    }
}

fn exit_code(wanted: &Doc, pod: &JobPod) -> Option<String> {
    let statuses = ["containerStatuses", "initContainerStatuses"].map(|field| pod.doc["status"][field].as_array());
    let container = statuses.into_iter().flatten().flatten().find(|status| {
        let named = wanted["containerName"].as_str().is_none_or(|name| status["name"] == name);
        let code = status["state"]["terminated"]["exitCode"].as_i64().filter(|code| *code != 0);
        named && code.is_some_and(|code| exit_code_matches(wanted, code))
    })?;
    let (name, code) = (container["name"].as_str().unwrap_or(""), &container["state"]["terminated"]["exitCode"]);
    let meta = &pod.pod.object.meta;
    Some(format!("Container {name} for pod {}/{} failed with exit code {code}", meta.namespace, meta.name))
}

fn exit_code_matches(wanted: &Doc, code: i64) -> bool {
    let listed = wanted["values"].as_array().is_some_and(|values| values.iter().any(|v| v.as_i64() == Some(code)));
    match wanted["operator"].as_str() {
        Some("In") => listed,
        Some("NotIn") => !listed,
        _ => false,
    }
}

fn condition(patterns: &Doc, pod: &JobPod) -> Option<String> {
    let patterns = patterns.as_array()?;
    let matches = |c: &&Doc| patterns.iter().any(|p| p["type"] == c["type"] && p["status"] == c["status"]);
    let found = pod.doc["status"]["conditions"].as_array()?.iter().find(matches)?;
    let meta = &pod.pod.object.meta;
    Some(format!("Pod {}/{} has condition {}", meta.namespace, meta.name, found["type"].as_str().unwrap_or("")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::Pod;
    use meta::Object;
    use serde_json::json;

    #[test]
    fn the_first_matching_rule_decides() {
        let codes = |operator: &str, values: Doc, action: &str| json!({"action": action, "onExitCodes": {"operator": operator, "values": values}});
        let named = json!({"action": "FailJob", "onExitCodes": {"containerName": "other", "operator": "In", "values": [42]}});
        let disrupted = json!({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]});
        let failing = json!({"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]});
        let exit_42 = json!({"containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": 42}}}]});
        let exit_0 = json!({"containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": 0}}}]});
        let target = json!({"conditions": [{"type": "DisruptionTarget", "status": "True"}]});
        let by_code =
            Action::FailJob("Container main for pod ns/p failed with exit code 42 matching FailJob rule at index 0".into());
        let by_condition = Action::FailJob("Pod ns/p has condition DisruptionTarget matching FailJob rule at index 1".into());
        for (rules, status, expected) in [
            (vec![], &exit_42, Action::Count),
            (vec![codes("In", json!([42]), "FailJob")], &exit_42, by_code),
            (vec![codes("In", json!([1]), "FailJob")], &exit_42, Action::Count),
            (vec![codes("NotIn", json!([1]), "Ignore")], &exit_42, Action::Ignore),
            (vec![codes("NotIn", json!([1]), "Ignore")], &exit_0, Action::Count),
            (vec![named.clone()], &exit_42, Action::Count),
            (vec![disrupted.clone(), codes("In", json!([42]), "FailIndex")], &exit_42, Action::FailIndex),
            (vec![disrupted], &target, Action::Ignore),
            (vec![named, failing], &target, by_condition),
            (vec![codes("In", json!([42]), "Count"), codes("In", json!([42]), "Ignore")], &exit_42, Action::Count),
        ] {
            let object = Object::from_doc(&json!({"metadata": {"name": "p", "namespace": "ns"}, "status": status}), 1);
            let pod = JobPod::new(Pod::of(&object.expect("a valid pod").shared()).into());
            assert_eq!(action(&json!({"rules": rules}), &pod), expected, "{rules:?}");
        }
    }
}
