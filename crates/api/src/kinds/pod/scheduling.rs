//! Where a pod may run: tolerations, node and pod affinity, topology spread, gates.

use crate::doc::View;
use crate::rules::labels::check_selector;
use meta::{FieldErrors, names};
use std::collections::BTreeSet;

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

pub fn check_tolerations(list: &View<'_>, errors: &mut FieldErrors) {
    for toleration in list.items() {
        let (key, operator, effect) = (toleration.get("key"), toleration.get("operator"), toleration.get("effect"));
        key.check_if_set(errors, names::qualified_name);
        if key.is_empty() && operator.str() != "Exists" {
            let text = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.invalid(&operator.path, operator.str(), text);
        }
        if toleration.get("tolerationSeconds").is_set() && effect.str() != "NoExecute" {
            errors.invalid(&effect.path, effect.str(), "effect must be 'NoExecute' when `tolerationSeconds` is set");
        }
        check_operator(&operator, toleration.get("value").str(), errors);
        effect.one_of_if_set(errors, &EFFECTS);
    }
}

fn check_operator(operator: &View<'_>, value: &str, errors: &mut FieldErrors) {
    match operator.str() {
        "" | "Equal" => {
            let problems = names::label_value(value);
            if !problems.is_empty() {
                errors.invalid(&operator.path, value, problems.join(";"));
            }
        }
        "Exists" if !value.is_empty() => {
            errors.invalid(&operator.path, value, "value must be empty when `operator` is 'Exists'");
        }
        "Exists" => {}
        _ => operator.one_of(errors, &["Equal", "Exists"]),
    }
}

/// Node taints share the effects of tolerations.
pub fn check_taints(taints: &View<'_>, errors: &mut FieldErrors) {
    let mut seen = BTreeSet::new();
    for taint in taints.items() {
        let (key, effect) = (taint.get("key"), taint.get("effect"));
        key.check(errors, names::qualified_name);
        let value = taint.get("value");
        let problems = names::label_value(value.str());
        if !problems.is_empty() {
            errors.invalid(&value.path, value.str(), problems.join(";"));
        }
        if effect.require(errors) {
            effect.one_of(errors, &EFFECTS);
        }
        if !seen.insert((key.str(), effect.str())) {
            errors.push(
                meta::field::ErrorKind::Duplicate,
                &taint.path,
                taint.doc.clone(),
                "taints must be unique by key and effect pair",
            );
        }
    }
}

pub fn check_affinity(affinity: &View<'_>, errors: &mut FieldErrors) {
    let node = affinity.get("nodeAffinity");
    let required = node.get(REQUIRED);
    if required.is_set() {
        check_node_selector(&required, errors);
    }
    for term in node.get(PREFERRED).items() {
        check_weight(&term, errors);
        check_node_term(&term.get("preference"), false, errors);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let affinity = affinity.get(kind);
        affinity.get(REQUIRED).items().for_each(|term| check_pod_term(&term, errors));
        for term in affinity.get(PREFERRED).items() {
            check_weight(&term, errors);
            check_pod_term(&term.get("podAffinityTerm"), errors);
        }
    }
}

fn check_weight(term: &View<'_>, errors: &mut FieldErrors) {
    let weight = term.get("weight");
    let number = weight.int().unwrap_or(0);
    if !(1..=100).contains(&number) {
        errors.invalid(&weight.path, number, "must be in the range 1-100");
    }
}

pub fn check_node_selector(selector: &View<'_>, errors: &mut FieldErrors) {
    let terms = selector.get("nodeSelectorTerms");
    if terms.require_because(errors, "must have at least one node selector term") {
        terms.items().for_each(|term| check_node_term(&term, true, errors));
    }
}

fn check_node_term(term: &View<'_>, check_values: bool, errors: &mut FieldErrors) {
    for expression in term.get("matchExpressions").items() {
        check_node_expression(&expression, check_values, errors);
    }
    for field in term.get("matchFields").items() {
        let (operator, key, values) = (field.get("operator"), field.get("key"), field.get("values"));
        if !["In", "NotIn"].contains(&operator.str()) {
            operator.invalid(errors, "not a valid selector operator");
        } else if values.len() != 1 {
            values.required(errors, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
        }
        if key.str() == "metadata.name" {
            values.items().for_each(|v| v.check(errors, names::dns_subdomain));
        } else {
            key.invalid(errors, "not a valid field selector key");
        }
    }
}

fn check_node_expression(expression: &View<'_>, check_values: bool, errors: &mut FieldErrors) {
    let (operator, values) = (expression.get("operator"), expression.get("values"));
    match (operator.str(), values.len()) {
        ("In" | "NotIn", 0) => values.required(errors, "must be specified when `operator` is 'In' or 'NotIn'"),
        ("In" | "NotIn", _) | ("Exists" | "DoesNotExist", 0) | ("Gt" | "Lt", 1) => {}
        ("Exists" | "DoesNotExist", _) => {
            values.forbidden(errors, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        ("Gt" | "Lt", _) => values.required(errors, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
        _ => operator.invalid(errors, "not a valid selector operator"),
    }
    expression.get("key").check(errors, names::qualified_name);
    if check_values {
        values.items().for_each(|v| v.check(errors, names::label_value));
    }
}

fn check_pod_term(term: &View<'_>, errors: &mut FieldErrors) {
    check_selector(&term.get("labelSelector"), errors);
    check_selector(&term.get("namespaceSelector"), errors);
    for namespace in term.get("namespaces").items() {
        for problem in names::dns_label(namespace.str()) {
            errors.invalid(&term.path.child("namespace"), namespace.str(), problem);
        }
    }
    let key = term.get("topologyKey");
    key.require_because(errors, "can not be empty");
    key.check(errors, names::qualified_name);
}

pub fn check_spread(constraints: &View<'_>, errors: &mut FieldErrors) {
    let mut seen = BTreeSet::new();
    for constraint in constraints.items() {
        let (skew, key, unsatisfiable) =
            (constraint.get("maxSkew"), constraint.get("topologyKey"), constraint.get("whenUnsatisfiable"));
        if skew.int().unwrap_or(0) <= 0 {
            errors.invalid(&skew.path, skew.int().unwrap_or(0), "must be greater than zero");
        }
        if key.require_because(errors, "can not be empty") {
            key.check(errors, names::qualified_name);
        }
        if unsatisfiable.require_because(errors, "can not be empty") {
            unsatisfiable.one_of(errors, &["DoNotSchedule", "ScheduleAnyway"]);
        }
        if !seen.insert((key.str(), unsatisfiable.str())) {
            errors.duplicate(
                &constraint.path.child("{topologyKey, whenUnsatisfiable}"),
                format!("{{{}, {}}}", key.str(), unsatisfiable.str()),
            );
        }
        let domains = constraint.get("minDomains");
        if domains.int().is_some_and(|n| n <= 0) {
            domains.invalid(errors, "must be greater than zero");
        } else if domains.is_set() && unsatisfiable.str() != "DoNotSchedule" {
            let text = "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway";
            domains.invalid(errors, text);
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            constraint.get(policy).one_of_if_set(errors, &["Honor", "Ignore"]);
        }
        check_selector(&constraint.get("labelSelector"), errors);
    }
}

pub fn check_gates(gates: &View<'_>, errors: &mut FieldErrors) {
    let mut seen = BTreeSet::new();
    for gate in gates.items() {
        let name = gate.get("name").str();
        names::qualified_name(name).into_iter().for_each(|p| errors.invalid(&gate.path, name, p));
        if !seen.insert(name) {
            errors.duplicate(&gate.path, name);
        }
    }
}
