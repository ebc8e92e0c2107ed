//! Labels and label selectors (k8s.io/apimachinery `pkg/apis/meta/v1/validation`).

use crate::doc::{View, map};
use meta::{Doc, FieldErrors, LabelSelector, names};
use std::collections::BTreeMap;

pub fn check_labels(labels: &View<'_>, errors: &mut FieldErrors) {
    for (key, value) in labels.entries() {
        for problem in names::qualified_name(key) {
            errors.invalid(&labels.path, key, problem);
        }
        for problem in names::label_value(value.str()) {
            errors.invalid(&labels.path, value.str(), problem);
        }
    }
}

/// A `metav1.LabelSelector`; nothing is wrong with an absent one.
pub fn check_selector(selector: &View<'_>, errors: &mut FieldErrors) {
    check_labels(&selector.get("matchLabels"), errors);
    for expression in selector.get("matchExpressions").items() {
        check_requirement(&expression, errors);
    }
}

fn check_requirement(expression: &View<'_>, errors: &mut FieldErrors) {
    let (operator, values) = (expression.get("operator"), expression.get("values"));
    match operator.str() {
        "In" | "NotIn" if values.is_empty() => {
            values.required(errors, "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "In" | "NotIn" => {}
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            values.forbidden(errors, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Exists" | "DoesNotExist" => {}
        _ => operator.invalid(errors, "not a valid selector operator"),
    }
    expression.get("key").check(errors, names::qualified_name);
    values.items().for_each(|value| value.check(errors, names::label_value));
}

/// A selector that may be neither absent nor match everything, as workloads require.
pub fn check_workload_selector(selector: &View<'_>, what: &str, errors: &mut FieldErrors) {
    if !selector.is_set() {
        return selector.required(errors, "");
    }
    check_selector(selector, errors);
    if selector.get("matchLabels").is_empty() && selector.get("matchExpressions").is_empty() {
        selector.invalid(errors, format!("empty selector is invalid for {what}"));
    }
}

/// The labels of a template must be ones that the selector matches.
pub fn check_template_matches(selector: &View<'_>, template: &View<'_>, errors: &mut FieldErrors) {
    let labels = template.at("metadata.labels");
    // An absent selector matches nothing, an empty one everything.
    let Ok(parsed) = LabelSelector::from_doc(selector.doc) else { return };
    if parsed.is_none_or(|s| !s.is_empty() && !s.matches(&string_map(labels.doc))) {
        errors.invalid(&labels.path, labels.doc.clone(), "`selector` does not match template `labels`");
    }
}

pub fn string_map(doc: &Doc) -> BTreeMap<String, String> {
    map(doc).filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}
