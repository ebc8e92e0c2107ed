//! What batch/v1 Jobs may say of indexes, failures and success (kubernetes `pkg/apis/batch/validation/validation.go`).

use crate::doc::View;
use meta::field::ErrorKind;
use meta::{Doc, FieldErrors, names};
use serde_json::json;

const MOST_INDEXED: i64 = 100_000;
/// What jobs with more indexes and limits of their own may have of parallelism and of failed indexes.
const MOST_BEYOND: i64 = 10_000;
const MOST_RULES: usize = 20;
const MOST_EXIT_CODES: usize = 255;
const MOST_CONDITIONS: usize = 20;
const LONGEST_INDEXES: usize = 64 * 1024;

/// Completion mode, and what only indexed jobs may say.
pub fn check_indexes(spec: &View<'_>, errors: &mut FieldErrors) {
    let (per_index, most_failed) = (spec.get("backoffLimitPerIndex"), spec.get("maxFailedIndexes"));
    if most_failed.is_set() && !per_index.is_set() {
        per_index.required(errors, "when maxFailedIndexes is specified");
    }
    spec.get("completionMode").one_of_if_set(errors, &["Indexed", "NonIndexed"]);
    if spec.get("completionMode").str() == "Indexed" {
        return check_indexed(spec, errors);
    }
    for field in [per_index, most_failed, spec.get("successPolicy")].iter().filter(|field| field.is_set()) {
        field.invalid(errors, "requires indexed completion mode");
    }
}

fn check_indexed(spec: &View<'_>, errors: &mut FieldErrors) {
    let (completions, parallelism, most_failed) =
        (spec.get("completions"), spec.get("parallelism"), spec.get("maxFailedIndexes"));
    if !completions.is_set() {
        completions.required(errors, "when completion mode is Indexed");
    }
    let above = |view: &View<'_>, limit: i64| view.int().is_some_and(|number| number > limit);
    if above(&parallelism, MOST_INDEXED) {
        let detail = format!("must be less than or equal to {MOST_INDEXED} when completion mode is Indexed");
        parallelism.invalid(errors, detail);
    }
    if completions.int().is_some_and(|count| above(&most_failed, count)) {
        most_failed.invalid(errors, "must be less than or equal to completions");
    }
    if above(&most_failed, MOST_INDEXED) {
        most_failed.invalid(errors, format!("must be less than or equal to {MOST_INDEXED}"));
    }
    if above(&completions, MOST_INDEXED) && spec.get("backoffLimitPerIndex").is_set() {
        if !most_failed.is_set() {
            most_failed.required(errors, &format!("must be specified when completions is above {MOST_INDEXED}"));
        }
        for view in [parallelism, most_failed].iter().filter(|view| above(view, MOST_BEYOND)) {
            let detail = format!(
                "must be less than or equal to {MOST_BEYOND} when completions are above {MOST_INDEXED} and used with backoff limit per index"
            );
            view.invalid(errors, detail);
        }
    }
}

pub fn check_failure_policy(spec: &View<'_>, errors: &mut FieldErrors) {
    let (policy, replacement) = (spec.get("podFailurePolicy"), spec.get("podReplacementPolicy"));
    if !policy.is_set() {
        return replacement.one_of_if_set(errors, &["Failed", "TerminatingOrFailed"]);
    }
    too_many(&policy.get("rules"), MOST_RULES, errors);
    for rule in policy.get("rules").items() {
        check_failure_rule(spec, &rule, errors);
    }
    replacement.one_of_if_set(errors, &["Failed"]);
}

fn too_many(list: &View<'_>, most: usize, errors: &mut FieldErrors) {
    if list.len() > most {
        errors.push(ErrorKind::TooMany, &list.path, list.len().into(), format!("must have at most {most} items"));
    }
}

fn check_failure_rule(spec: &View<'_>, rule: &View<'_>, errors: &mut FieldErrors) {
    let (action, codes, conditions) = (rule.get("action"), rule.get("onExitCodes"), rule.get("onPodConditions"));
    match action.str() {
        "" => action.required(errors, "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]"),
        "FailIndex" if !spec.get("backoffLimitPerIndex").is_set() => {
            action.invalid(errors, "requires the backoffLimitPerIndex to be set");
        }
        _ => action.one_of(errors, &["Count", "FailIndex", "FailJob", "Ignore"]),
    }
    if codes.is_set() {
        check_exit_codes(spec, &codes, errors);
    }
    too_many(&conditions, MOST_CONDITIONS, errors);
    for pattern in conditions.items() {
        pattern.get("type").check(errors, names::qualified_name);
        match pattern.get("status") {
            status if status.is_empty() => status.required(errors, "valid values: [\"False\" \"True\" \"Unknown\"]"),
            status => status.one_of(errors, &["False", "True", "Unknown"]),
        }
    }
    let said = match (codes.is_set(), !conditions.is_empty()) {
        (true, true) => "specifying both OnExitCodes and OnPodConditions is not supported",
        (false, false) => "specifying one of OnExitCodes and OnPodConditions is required",
        _ => return,
    };
    rule.invalid(errors, said);
}

fn check_exit_codes(spec: &View<'_>, codes: &View<'_>, errors: &mut FieldErrors) {
    let (operator, container, values) = (codes.get("operator"), codes.get("containerName"), codes.get("values"));
    match operator.str() {
        "" => operator.required(errors, "valid values: [\"In\" \"NotIn\"]"),
        _ => operator.one_of(errors, &["In", "NotIn"]),
    }
    let pod = spec.at("template.spec");
    let mut containers = pod.get("containers").items().chain(pod.get("initContainers").items());
    if container.is_set() && !containers.any(|known| known.get("name").str() == container.str()) {
        container.invalid(errors, "must be one of the container or initContainer names in the pod template");
    }
    if values.is_empty() {
        errors.invalid(&values.path, json!([]), "at least one value is required");
    }
    too_many(&values, MOST_EXIT_CODES, errors);
    let numbers: Vec<Option<i64>> = values.items().map(|value| value.int()).collect();
    for (at, value) in values.items().enumerate() {
        if operator.str() == "In" && value.int() == Some(0) {
            value.invalid(errors, "must not be 0 for the In operator");
        }
        if numbers[..at].contains(&value.int()) {
            errors.duplicate(&value.path, value.doc.clone());
        }
    }
    if !numbers.is_sorted() {
        values.invalid(errors, "must be ordered");
    }
}

/// Of indexed jobs: others are refused before.
pub fn check_success_policy(spec: &View<'_>, errors: &mut FieldErrors) {
    let policy = spec.get("successPolicy");
    if !policy.is_set() || spec.get("completionMode").str() != "Indexed" {
        return;
    }
    let rules = policy.get("rules");
    if rules.is_empty() {
        rules.required(errors, "at least one rules must be specified when the successPolicy is specified");
    }
    too_many(&rules, MOST_RULES, errors);
    let completions = spec.get("completions").int().unwrap_or(0);
    for rule in rules.items() {
        check_success_rule(&rule, completions, errors);
    }
}

fn check_success_rule(rule: &View<'_>, completions: i64, errors: &mut FieldErrors) {
    let (count, indexes) = (rule.get("succeededCount"), rule.get("succeededIndexes"));
    if !count.is_set() && !indexes.is_set() {
        rule.required(errors, "at least one of succeededCount or succeededIndexes must be specified");
    }
    let mut total = 0;
    if indexes.is_set() {
        if indexes.str().len() > LONGEST_INDEXES {
            errors.too_long(&indexes.path, LONGEST_INDEXES);
        }
        match count_indexes(indexes.str(), completions) {
            Ok(counted) => total = counted,
            Err(problem) => indexes.invalid(errors, format!("error parsing succeededIndexes: {problem}")),
        }
    }
    count.non_negative(errors);
    let Some(wanted) = count.int() else { return };
    if wanted > completions {
        count.invalid(errors, format!("must be less than or equal to {completions} (the number of specified completions)"));
    }
    if indexes.is_set() && wanted > total {
        let detail =
            format!("must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)");
        count.invalid(errors, detail);
    }
}

/// How many indexes `0-2,5` names.
fn count_indexes(text: &str, completions: i64) -> Result<i64, String> {
    let (mut total, mut last) = (0, None);
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let (first, end) = interval(part, completions)?;
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

fn interval(part: &str, completions: i64) -> Result<(i64, i64), String> {
    let index = |text: &str| -> Result<i64, String> {
        let index: i64 = text.parse().map_err(|_| format!("cannot convert string to integer for index: {text:?}"))?;
        if index >= completions { Err(format!("too large index: {text:?}")) } else { Ok(index) }
    };
    match part.split('-').collect::<Vec<&str>>()[..] {
        [single] => index(single).map(|index| (index, index)),
        [first, end] => {
            let (first, end) = (index(first)?, index(end)?);
            if first >= end {
                return Err(format!("non-increasing order, previous: {first}, current: {end}"));
            }
            Ok((first, end))
        }
        _ => Err(format!(
            "the fragment {part:?} violates the requirement that an index interval can have at most two parts separated by '-'"
        )),
    }
}

/// Whether `zone` can be the name of a time zone. Whether there is such a zone is for the machine to say.
pub fn check_time_zone(zone: &View<'_>, errors: &mut FieldErrors) {
    let Doc::String(name) = zone.doc else { return };
    if name.is_empty() {
        return zone.invalid(errors, "timeZone must be nil or non-empty string");
    }
    let valid = |part: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || b".-_+".contains(&b);
        (1..=14).contains(&part.len()) && part != "." && part != ".." && !part.starts_with('-') && part.bytes().all(known)
    };
    if !name.split('/').all(valid) {
        return zone.invalid(errors, format!("unknown time zone {name}"));
    }
    if name.eq_ignore_ascii_case("Local") {
        zone.invalid(errors, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
    }
}
