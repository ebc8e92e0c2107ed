//! policy/v1 PodDisruptionBudget.

use super::row::Row;
use crate::Hooks;
use crate::doc::View;
use crate::rules::labels::check_selector;
use crate::rules::ports::{check_at_most_all, check_int_or_percent};
use meta::{Doc, FieldErrors};
use serde_json::json;

pub const POD_DISRUPTION_BUDGET_ROW: Row =
    Row::new("policy/v1", "PodDisruptionBudget").generation().conditional_update().hooks(Hooks { validate, ..Hooks::NONE });

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    let (least, most) = (spec.get("minAvailable"), spec.get("maxUnavailable"));
    if least.is_set() && most.is_set() {
        // Upstream prints its internal structure.
        let [selector, eviction] = ["selector", "unhealthyPodEvictionPolicy"].map(|field| spec.get(field).doc);
        let shown = json!({ "MinAvailable": least.doc, "Selector": selector, "MaxUnavailable": most.doc,
            "UnhealthyPodEvictionPolicy": eviction });
        errors.invalid(&spec.path, shown, "minAvailable and maxUnavailable cannot be both set");
    }
    for value in [&least, &most] {
        check_int_or_percent(value, errors);
        check_at_most_all(value, errors);
    }
    spec.get("unhealthyPodEvictionPolicy").one_of_if_set(errors, &["AlwaysAllow", "IfHealthyBudget"]);
    check_selector(&spec.get("selector"), errors);
}
