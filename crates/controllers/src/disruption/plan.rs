//! From a budget and its pods to its status.

use crate::workloads::{Pod, condition, int_or_percent, set_condition};
use meta::{Doc, Object, Time};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// `DeletionTimeout`: an eviction that was allowed counts for this long, even if the pod does not go.
const DELETION_SECONDS: i64 = 120;
const DISRUPTION_ALLOWED: &str = "DisruptionAllowed";

pub(super) struct Seen {
    pub budget: Doc,
    pub pods: Vec<Pod>,
    /// How many pods their controllers want.
    pub expected: i64,
}

pub(super) struct Planned {
    pub status: Doc,
    /// When a disruption that was allowed counts no more.
    pub recheck: Option<Duration>,
    /// Pods whose eviction was allowed and that are there still.
    pub not_deleted: Vec<Arc<Object>>,
}

/// Whether the budget is a share of what there should be, not a number.
pub(super) fn needs_scale(budget: &Doc) -> bool {
    !budget["spec"]["maxUnavailable"].is_null() || budget["spec"]["minAvailable"].is_string()
}

pub(super) fn plan(seen: &Seen, now: Time) -> Planned {
    let (expected, desired) = wanted(seen);
    let disrupted = Disrupted::of(seen, now);
    let counts = |pod: &&Pod| pod.ready && !pod.object.meta.is_deleting() && disrupted.map.get(pod.name()).is_none();
    let healthy = i64::try_from(seen.pods.iter().filter(counts).count()).unwrap_or(i64::MAX);
    // A budget that matches nothing yet must not allow the eviction of the first pods that appear.
    let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
    let generation = seen.budget["metadata"]["generation"].as_i64().unwrap_or(0);
    let mut status = json!({
        "currentHealthy": healthy, "desiredHealthy": desired, "expectedPods": expected, "disruptionsAllowed": allowed,
        "observedGeneration": generation, "conditions": conditions(&seen.budget, allowed, generation, now),
    });
    if !disrupted.map.is_empty() {
        status["disruptedPods"] = Doc::Object(disrupted.map);
    }
    Planned { status, recheck: disrupted.recheck, not_deleted: disrupted.not_deleted }
}

/// How many pods there should be, and how many of them well.
fn wanted(seen: &Seen) -> (i64, i64) {
    let spec = &seen.budget["spec"];
    let (least, most) = (&spec["minAvailable"], &spec["maxUnavailable"]);
    match () {
        () if !most.is_null() => (seen.expected, (seen.expected - int_or_percent(most, seen.expected, true)).max(0)),
        () if least.is_string() => (seen.expected, int_or_percent(least, seen.expected, true)),
        () if least.is_i64() => (i64::try_from(seen.pods.len()).unwrap_or(i64::MAX), least.as_i64().unwrap_or(0)),
        () => (0, 0),
    }
}

/// What has become of the evictions that were allowed.
#[derive(Default)]
struct Disrupted {
    map: serde_json::Map<String, Doc>,
    recheck: Option<Duration>,
    not_deleted: Vec<Arc<Object>>,
}

impl Disrupted {
    fn of(seen: &Seen, now: Time) -> Self {
        let (mut disrupted, allowed) = (Self::default(), &seen.budget["status"]["disruptedPods"]);
        for pod in seen.pods.iter().filter(|pod| !pod.object.meta.is_deleting()) {
            let Some(at) = allowed[pod.name()].as_str().and_then(Time::parse) else { continue };
            match u64::try_from(DELETION_SECONDS - now.seconds_since(at)) {
                Err(_) => disrupted.not_deleted.push(pod.object.clone()),
                Ok(left) => {
                    // A second later it has passed.
                    let left = Duration::from_secs(left + 1);
                    disrupted.recheck = Some(disrupted.recheck.map_or(left, |sooner| sooner.min(left)));
                    disrupted.map.insert(pod.name().to_owned(), allowed[pod.name()].clone());
                }
            }
        }
        disrupted
    }
}

/// `UpdateDisruptionAllowedCondition` of k8s.io/component-helpers `apps/poddisruptionbudget`.
fn conditions(budget: &Doc, allowed: i64, generation: i64, now: Time) -> Vec<Doc> {
    let (status, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    with_condition(budget, json!({ "status": status, "reason": reason, "message": "", "observedGeneration": generation }), now)
}

fn with_condition(budget: &Doc, mut wanted: Doc, now: Time) -> Vec<Doc> {
    let mut conditions = budget["status"]["conditions"].as_array().cloned().unwrap_or_default();
    wanted["type"] = DISRUPTION_ALLOWED.into();
    wanted["lastTransitionTime"] = match condition(&conditions, DISRUPTION_ALLOWED) {
        Some(old) if old["status"] == wanted["status"] => old["lastTransitionTime"].clone(),
        _ => now.to_string().into(),
    };
    match conditions.iter_mut().find(|condition| condition["type"] == DISRUPTION_ALLOWED) {
        Some(condition) => *condition = wanted,
        None => set_condition(&mut conditions, wanted),
    }
    conditions
}

/// The status of a budget of which nothing is known for sure.
pub(super) fn sync_failed(budget: &Doc, why: &str, now: Time) -> Doc {
    let mut status = budget["status"].clone();
    // What a status must have, where there is none yet.
    for field in ["currentHealthy", "desiredHealthy", "expectedPods"] {
        if status[field].is_null() {
            status[field] = 0.into();
        }
    }
    status["disruptionsAllowed"] = 0.into();
    let generation = status["observedGeneration"].as_i64().unwrap_or(0);
    let failed = json!({ "status": "False", "reason": "SyncFailed", "message": why, "observedGeneration": generation });
    status["conditions"] = with_condition(budget, failed, now).into();
    status
}

pub(super) fn no_count(why: &str) -> String {
    format!("Failed to calculate the number of expected pods: {why}")
}

pub(super) fn unmanaged(budget: &Doc) -> String {
    format!(
        "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. As a result, the status of the PDB \
         cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set \
         \".spec.minAvailable\" field of the PDB to an integer value.",
        selector_text(&budget["spec"]["selector"])
    )
}

/// As Go prints a `metav1.LabelSelector`.
fn selector_text(selector: &Doc) -> String {
    let text = |doc: &Doc| doc.as_str().unwrap_or_default().to_owned();
    let labels = selector["matchLabels"].as_object().into_iter().flatten().map(|(key, value)| format!("{key}: {},", text(value)));
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten().map(|expression| {
        let values: Vec<String> = expression["values"].as_array().into_iter().flatten().map(text).collect();
        let (key, operator) = (text(&expression["key"]), text(&expression["operator"]));
        format!("LabelSelectorRequirement{{Key:{key},Operator:{operator},Values:[{}],}},", values.join(" "))
    });
    let (labels, expressions) = (labels.collect::<String>(), expressions.collect::<String>());
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Time {
        Time::parse("2026-11-20T12:00:00Z").expect("a time")
    }

    fn pod(name: &str, ready: bool, deleting: bool) -> Pod {
        let stamp = if deleting { json!("2026-11-20T11:59:00Z") } else { Doc::Null };
        let ready = if ready { "True" } else { "False" };
        let doc = json!({"metadata": {"namespace": "a", "name": name, "uid": name, "deletionTimestamp": stamp},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}});
        Pod::of(&Object::from_doc(&doc, 1).expect("a valid object").shared())
    }

    /// `r` is a ready pod, `n` one that is not, `d` one being deleted; they are called by their place.
    fn seen(spec: Doc, disrupted: Doc, pods: &str, expected: i64) -> Seen {
        let pods = pods.chars().enumerate().map(|(at, kind)| pod(&at.to_string(), kind != 'n', kind == 'd')).collect();
        let budget = json!({"metadata": {"generation": 3}, "spec": spec, "status": {"disruptedPods": disrupted}});
        Seen { budget, pods, expected }
    }

    #[test]
    fn budgets_allow_what_they_say() {
        for (spec, pods, replicas, healthy, desired, expected, allowed) in [
            (json!({"minAvailable": 2}), "rrr", 0, 3, 2, 3, 1),
            (json!({"minAvailable": 3}), "rrr", 0, 3, 3, 3, 0),
            (json!({"minAvailable": 2}), "rrn", 0, 2, 2, 3, 0),
            (json!({"minAvailable": 1}), "rrd", 0, 2, 1, 3, 1),
            (json!({"minAvailable": 0}), "", 0, 0, 0, 0, 0),
            (json!({"minAvailable": "50%"}), "rrrr", 5, 4, 3, 5, 1),
            (json!({"maxUnavailable": 1}), "rrr", 3, 3, 2, 3, 1),
            (json!({"maxUnavailable": 1}), "rrn", 3, 2, 2, 3, 0),
            (json!({"maxUnavailable": "30%"}), "rrrrr", 5, 5, 3, 5, 2),
            (json!({"maxUnavailable": 5}), "rrr", 3, 3, 0, 3, 3),
            (json!({}), "rrr", 0, 3, 0, 0, 0),
        ] {
            let seen = seen(spec.clone(), Doc::Null, pods, replicas);
            let status = plan(&seen, now()).status;
            let has =
                ["currentHealthy", "desiredHealthy", "expectedPods", "disruptionsAllowed"].map(|field| status[field].as_i64());
            assert_eq!(has, [healthy, desired, expected, allowed].map(Some), "{spec} with {pods}");
            let reason = if allowed > 0 { "SufficientPods" } else { "InsufficientPods" };
            assert_eq!((&status["conditions"][0]["reason"], &status["observedGeneration"]), (&json!(reason), &json!(3)));
            let settled = Seen {
                budget: {
                    let mut b = seen.budget.clone();
                    b["status"] = status.clone();
                    b
                },
                ..seen
            };
            assert_eq!(plan(&settled, now().plus_seconds(9)).status, status, "nothing more is written");
        }
    }

    #[test]
    fn allowed_evictions_count_until_they_happen_or_time_out() {
        let at = |seconds: i64| json!(now().plus_seconds(-seconds).to_string());
        for (disrupted, pods, healthy, kept, recheck, late) in [
            (json!({"0": at(10)}), "rrr", 2, 1, Some(111), 0),
            (json!({"0": at(10), "1": at(60)}), "rrr", 1, 2, Some(61), 0),
            (json!({"0": at(10)}), "drr", 2, 0, None, 0),
            (json!({"0": at(121)}), "rrr", 3, 0, None, 1),
            (json!({"gone": at(10)}), "rrr", 3, 0, None, 0),
        ] {
            let planned = plan(&seen(json!({"minAvailable": 1}), disrupted.clone(), pods, 0), now());
            assert_eq!(planned.status["currentHealthy"], healthy, "{disrupted}");
            assert_eq!(planned.status["disruptedPods"].as_object().map_or(0, serde_json::Map::len), kept, "{disrupted}");
            assert_eq!((planned.recheck.map(|d| d.as_secs()), planned.not_deleted.len()), (recheck, late), "{disrupted}");
        }
    }

    #[test]
    fn what_is_not_known_allows_nothing() {
        let budget = json!({"metadata": {"generation": 3}, "status": {"disruptionsAllowed": 2, "currentHealthy": 4, "observedGeneration": 2}});
        let status = sync_failed(&budget, "found no controllers for pod \"x\"", now());
        assert_eq!(
            (&status["disruptionsAllowed"], &status["currentHealthy"], &status["expectedPods"]),
            (&json!(0), &json!(4), &json!(0))
        );
        assert_eq!(status["conditions"][0]["message"], "found no controllers for pod \"x\"");
        let selector = json!({"matchLabels": {"app": "web"}});
        let text = "&LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}";
        assert_eq!(selector_text(&selector), text);
    }
}
