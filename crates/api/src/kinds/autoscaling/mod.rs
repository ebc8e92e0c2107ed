//! HorizontalPodAutoscaler, stored as autoscaling/v2 (kubernetes `pkg/apis/autoscaling`).

mod convert;

use super::row::Row;
use crate::Hooks;
use crate::def::Conversion;
use crate::doc::{View, ensure, is_empty, set, set_default, with};
use meta::{Doc, FieldErrors};
use serde_json::json;

pub const HPA_V2_ROW: Row =
    Row::new("autoscaling/v2", "HorizontalPodAutoscaler").hooks(Hooks { default, validate, ..Hooks::NONE });

/// Validated in the form it is stored in.
pub const HPA_V1_ROW: Row = Row::new("autoscaling/v1", "HorizontalPodAutoscaler")
    .hooks(Hooks { default: |doc| set_default(ensure(doc, "spec"), "minReplicas", 1), ..Hooks::NONE })
    .stored_as(
        "autoscaling/v2",
        "horizontalpodautoscalers",
        Conversion { to_storage: convert::to_v2, from_storage: convert::to_v1 },
    );

/// The metric of an autoscaler that names none.
pub fn default_metrics() -> Doc {
    json!([{ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } } }])
}

fn default(doc: &mut Doc) {
    let spec = ensure(doc, "spec");
    set_default(spec, "minReplicas", 1);
    if is_empty(&spec["metrics"]) {
        set(spec, "metrics", default_metrics());
    }
    with(spec, "behavior", |behavior| {
        let up = ensure(behavior, "scaleUp");
        set_default(up, "stabilizationWindowSeconds", 0);
        default_rules(up, json!([policy("Pods", 4), policy("Percent", 100)]));
        default_rules(ensure(behavior, "scaleDown"), json!([policy("Percent", 100)]));
    });
}

fn policy(kind: &str, value: i64) -> Doc {
    json!({ "type": kind, "value": value, "periodSeconds": 15 })
}

fn default_rules(rules: &mut Doc, policies: Doc) {
    set_default(rules, "selectPolicy", "Max");
    if is_empty(&rules["policies"]) {
        set(rules, "policies", policies);
    }
}

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    let (least, most) = (spec.get("minReplicas"), spec.get("maxReplicas"));
    if least.int().is_some_and(|n| n < 1) {
        least.invalid(errors, "must be greater than or equal to 1");
    }
    let max = most.int().unwrap_or(0);
    if max < 1 {
        errors.invalid(&most.path, max, "must be greater than 0");
    }
    if least.int().is_some_and(|n| max < n) {
        errors.invalid(&most.path, max, "must be greater than or equal to `minReplicas`");
    }
    let target = spec.get("scaleTargetRef");
    for field in ["kind", "name"] {
        let value = target.get(field);
        if value.require(errors) {
            value.check(errors, meta::names::path_segment);
        }
    }
    for metric in spec.get("metrics").items() {
        let kind = metric.get("type");
        if kind.require_because(errors, "must specify a metric source type") {
            kind.one_of(errors, &["ContainerResource", "External", "Object", "Pods", "Resource"]);
        }
    }
}
