//! autoscaling/v1 <-> v2: v1 knows one metric, CPU utilization; the rest travels in annotations
//! (kubernetes `pkg/apis/autoscaling/v1/conversion.go`).

use super::default_metrics;
use crate::doc::{ensure, is_empty, list, list_at, remove, set, str_at};
use meta::Doc;
use serde_json::{Map, json};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const PERCENT: &str = "targetCPUUtilizationPercentage";
const CURRENT_PERCENT: &str = "currentCPUUtilizationPercentage";

pub fn to_v2(mut doc: Doc) -> Doc {
    let mut metrics: Vec<Doc> =
        taken(&mut doc, METRICS).as_ref().map(list).unwrap_or_default().iter().map(metric_to_v2).collect();
    let current = taken(&mut doc, CURRENT);
    let (conditions, behavior) = (taken(&mut doc, CONDITIONS), taken(&mut doc, BEHAVIOR));
    let spec = ensure(&mut doc, "spec");
    if let Some(percent) = remove(spec, PERCENT).filter(|p| !p.is_null()) {
        let target = json!({ "type": "Utilization", "averageUtilization": percent });
        metrics.insert(0, json!({ "type": "Resource", "resource": { "name": "cpu", "target": target } }));
    }
    set(spec, "metrics", if metrics.is_empty() { default_metrics() } else { Doc::Array(metrics) });
    if let Some(behavior) = behavior {
        set(spec, "behavior", behavior);
    }
    if doc.get("status").is_some_and(Doc::is_object) {
        status_to_v2(&mut doc["status"], current, conditions);
    }
    set(&mut doc, "apiVersion", "autoscaling/v2");
    doc
}

fn status_to_v2(status: &mut Doc, current: Option<Doc>, conditions: Option<Doc>) {
    let mut metrics: Vec<Doc> = current.as_ref().map(list).unwrap_or_default().iter().map(status_metric_to_v2).collect();
    if let Some(percent) = remove(status, CURRENT_PERCENT).filter(|p| !p.is_null()) {
        let cpu = |m: &Doc| str_at(m, "/resource/name") == "cpu";
        match metrics.iter_mut().find(|m| cpu(m)) {
            Some(metric) => set(ensure(ensure(metric, "resource"), "current"), "averageUtilization", percent),
            None => {
                let current = json!({ "averageUtilization": percent });
                metrics.insert(0, json!({ "type": "Resource", "resource": { "name": "cpu", "current": current } }));
            }
        }
    }
    if !metrics.is_empty() {
        set(status, "currentMetrics", metrics);
    }
    if let Some(conditions) = conditions {
        set(status, "conditions", conditions);
    }
}

pub fn to_v1(mut doc: Doc) -> Doc {
    let metrics = remove(ensure(&mut doc, "spec"), "metrics").unwrap_or_default();
    let mut others = Vec::new();
    let mut percent = None;
    for metric in list(&metrics) {
        let utilization = metric.pointer("/resource/target/averageUtilization");
        match utilization.filter(|u| !u.is_null() && str_at(metric, "/resource/name") == "cpu" && percent.is_none()) {
            Some(utilization) => percent = Some(utilization.clone()),
            None => others.push(metric_to_v1(metric)),
        }
    }
    if let Some(percent) = percent {
        set(ensure(&mut doc, "spec"), PERCENT, percent);
    }
    if !others.is_empty() {
        annotate(&mut doc, METRICS, &Doc::Array(others));
    }
    if let Some(behavior) = remove(ensure(&mut doc, "spec"), "behavior").filter(|b| !is_empty(b)) {
        annotate(&mut doc, BEHAVIOR, &behavior);
    }
    status_to_v1(&mut doc);
    set(&mut doc, "apiVersion", "autoscaling/v1");
    doc
}

fn status_to_v1(doc: &mut Doc) {
    let current = list_at(doc, "/status/currentMetrics").to_vec();
    let cpu = current.iter().find(|m| str_at(m, "/resource/name") == "cpu");
    let percent = cpu.and_then(|m| m.pointer("/resource/current/averageUtilization")).cloned();
    if let Some(status) = doc.get_mut("status").filter(|s| s.is_object()) {
        remove(status, "currentMetrics");
        if let Some(percent) = percent {
            set(status, CURRENT_PERCENT, percent);
        }
    }
    let conditions = doc.get_mut("status").and_then(|status| remove(status, "conditions"));
    if !current.is_empty() {
        annotate(doc, CURRENT, &Doc::Array(current.iter().map(status_metric_to_v1).collect()));
    }
    if let Some(conditions) = conditions.filter(|c| !is_empty(c)) {
        annotate(doc, CONDITIONS, &conditions);
    }
}

fn annotate(doc: &mut Doc, key: &str, value: &Doc) {
    set(ensure(ensure(doc, "metadata"), "annotations"), key, value.to_string());
}

/// Takes an annotation that holds JSON; what does not parse is dropped, as upstream drops it.
fn taken(doc: &mut Doc, key: &str) -> Option<Doc> {
    let annotations = doc.get_mut("metadata")?.get_mut("annotations")?;
    let text = remove(annotations, key)?;
    if is_empty(annotations) {
        remove(doc.get_mut("metadata")?, "annotations");
    }
    serde_json::from_str(text.as_str()?).ok()
}

/// The member that carries a metric of this type.
fn source_key(metric: &Doc) -> &'static str {
    match str_at(metric, "/type") {
        "Object" => "object",
        "Pods" => "pods",
        "External" => "external",
        "ContainerResource" => "containerResource",
        _ => "resource",
    }
}

/// Moves the members that exist: (from, to) pairs of JSON pointers with at most two steps.
fn moved(source: &Doc, pairs: &[(&str, &str)]) -> Doc {
    let mut out = Doc::Object(Map::new());
    for (from, to) in pairs {
        let Some(value) = source.pointer(from).filter(|v| !v.is_null()) else { continue };
        match to.trim_start_matches('/').split_once('/') {
            Some((outer, inner)) => set(ensure(&mut out, outer), inner, value.clone()),
            None => set(&mut out, to.trim_start_matches('/'), value.clone()),
        }
    }
    out
}

type Pairs = &'static [(&'static str, &'static str)];

/// v1's member, v2's member.
fn spec_pairs(key: &str) -> Pairs {
    match key {
        "object" => &[
            ("/target", "/describedObject"),
            ("/metricName", "/metric/name"),
            ("/selector", "/metric/selector"),
            ("/targetValue", "/target/value"),
            ("/averageValue", "/target/averageValue"),
        ],
        "pods" => {
            &[("/metricName", "/metric/name"), ("/selector", "/metric/selector"), ("/targetAverageValue", "/target/averageValue")]
        }
        "external" => &[
            ("/metricName", "/metric/name"),
            ("/metricSelector", "/metric/selector"),
            ("/targetValue", "/target/value"),
            ("/targetAverageValue", "/target/averageValue"),
        ],
        _ => &[
            ("/name", "/name"),
            ("/container", "/container"),
            ("/targetAverageUtilization", "/target/averageUtilization"),
            ("/targetAverageValue", "/target/averageValue"),
        ],
    }
}

fn status_pairs(key: &str) -> Pairs {
    match key {
        "object" => &[
            ("/target", "/describedObject"),
            ("/metricName", "/metric/name"),
            ("/selector", "/metric/selector"),
            ("/currentValue", "/current/value"),
            ("/averageValue", "/current/averageValue"),
        ],
        "pods" => &[
            ("/metricName", "/metric/name"),
            ("/selector", "/metric/selector"),
            ("/currentAverageValue", "/current/averageValue"),
        ],
        "external" => &[
            ("/metricName", "/metric/name"),
            ("/metricSelector", "/metric/selector"),
            ("/currentValue", "/current/value"),
            ("/currentAverageValue", "/current/averageValue"),
        ],
        _ => &[
            ("/name", "/name"),
            ("/container", "/container"),
            ("/currentAverageUtilization", "/current/averageUtilization"),
            ("/currentAverageValue", "/current/averageValue"),
        ],
    }
}

fn rewritten(metric: &Doc, pairs: fn(&str) -> Pairs, forward: bool) -> Doc {
    let key = source_key(metric);
    let pairs: Vec<(&str, &str)> = pairs(key).iter().map(|(v1, v2)| if forward { (*v1, *v2) } else { (*v2, *v1) }).collect();
    let source = moved(metric.get(key).unwrap_or(&Doc::Null), &pairs);
    json!({ "type": str_at(metric, "/type"), key: source })
}

fn metric_to_v2(metric: &Doc) -> Doc {
    let key = source_key(metric);
    let mut metric = rewritten(metric, spec_pairs, true);
    let target = ensure(ensure(&mut metric, key), "target");
    let kind = [("averageUtilization", "Utilization"), ("averageValue", "AverageValue"), ("value", "Value")]
        .into_iter()
        .find(|(field, _)| target.get(*field).is_some());
    if let Some((_, kind)) = kind {
        set(target, "type", kind);
    }
    metric
}

fn metric_to_v1(metric: &Doc) -> Doc {
    rewritten(metric, spec_pairs, false)
}
fn status_metric_to_v2(metric: &Doc) -> Doc {
    rewritten(metric, status_pairs, true)
}
fn status_metric_to_v1(metric: &Doc) -> Doc {
    rewritten(metric, status_pairs, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_on_the_way_through_v1() {
        let cpu =
            json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}});
        let pods = json!({"type": "Pods", "pods": {"metric": {"name": "qps"}, "target": {"type": "AverageValue", "averageValue": "10"}}});
        let v2 = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"},
            "spec": {"maxReplicas": 3, "minReplicas": 1, "metrics": [cpu, pods], "behavior": {"scaleUp": {"selectPolicy": "Max"}}},
            "status": {"currentReplicas": 1, "conditions": [{"type": "AbleToScale", "status": "True"}],
                "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 7, "averageValue": "7m"}}}]}});
        let v1 = to_v1(v2.clone());
        assert_eq!(v1["apiVersion"], "autoscaling/v1");
        assert_eq!(v1["spec"], json!({"maxReplicas": 3, "minReplicas": 1, "targetCPUUtilizationPercentage": 50}));
        assert_eq!(v1["status"], json!({"currentReplicas": 1, "currentCPUUtilizationPercentage": 7}));
        assert_eq!(to_v2(v1), v2);
    }

    #[test]
    fn an_autoscaler_without_metrics_watches_the_cpu() {
        let v2 = to_v2(json!({"metadata": {"name": "a"}, "spec": {"maxReplicas": 3}}));
        assert_eq!(v2["spec"]["metrics"], default_metrics());
        assert_eq!(to_v1(v2)["spec"]["targetCPUUtilizationPercentage"], 80);
    }
}
