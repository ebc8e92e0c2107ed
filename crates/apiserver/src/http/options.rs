//! Query parameters and delete bodies become options.

use client::{DeleteOptions, Options, Preconditions, Propagation, VersionMatch};
use meta::status::Result;
use meta::{Doc, Status};

/// Reads every parameter of `metav1.{Get,List,Create,Update,Patch,Delete}Options`. Unknown ones are ignored, as upstream.
pub(super) fn parse(query: &str) -> Result<Options> {
    let mut options = Options::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        match &*name {
            "labelSelector" => options.label_selector = value,
            "fieldSelector" => options.field_selector = value,
            "limit" => options.limit = number(&name, &value)?.max(0) as usize,
            "continue" => options.continue_token = value,
            "resourceVersion" => options.resource_version = value,
            "resourceVersionMatch" => options.version_match = version_match(&value)?,
            "timeoutSeconds" => {
                options.timeout_seconds = u64::try_from(number(&name, &value)?).ok().filter(|seconds| *seconds > 0)
            }
            "allowWatchBookmarks" => options.allow_bookmarks = is_true(&value),
            "sendInitialEvents" => options.send_initial_events = Some(is_true(&value)),
            "dryRun" => options.dry_run = dry_run(&value)?,
            "fieldManager" => options.field_manager = value,
            "fieldValidation" => options.field_validation = field_validation(value)?,
            "gracePeriodSeconds" => options.delete.grace_period_seconds = Some(number(&name, &value)?),
            "propagationPolicy" => options.delete.propagation = Some(propagation(&value)?),
            "orphanDependents" if is_true(&value) => options.delete.propagation = Some(Propagation::Orphan),
            _ => {}
        }
    }
    Ok(options)
}

/// Reads a `DeleteOptions` document, as it comes in the body of a DELETE or inside an Eviction.
pub(crate) fn delete_options(doc: &Doc) -> Result<DeleteOptions> {
    let text = |value: &Doc| value.as_str().map(str::to_owned);
    Ok(DeleteOptions {
        grace_period_seconds: doc["gracePeriodSeconds"].as_i64(),
        propagation: match (doc["propagationPolicy"].as_str(), doc["orphanDependents"].as_bool()) {
            (Some(policy), _) => Some(propagation(policy)?),
            (None, Some(true)) => Some(Propagation::Orphan),
            (None, Some(false)) => Some(Propagation::Background),
            (None, None) => None,
        },
        preconditions: Preconditions {
            uid: text(&doc["preconditions"]["uid"]),
            resource_version: text(&doc["preconditions"]["resourceVersion"]),
        },
    })
}

/// The body of a DELETE outweighs its query.
pub(super) fn take_delete_body(options: &mut Options, doc: &Doc) -> Result<()> {
    options.delete = delete_options(doc)?;
    for value in doc["dryRun"].as_array().into_iter().flatten() {
        options.dry_run = dry_run(value.as_str().unwrap_or_default())?;
    }
    Ok(())
}

fn number(name: &str, value: &str) -> Result<i64> {
    value.parse().map_err(|_| Status::bad_request(format!("strconv.ParseInt: parsing {value:?}: invalid syntax ({name})")))
}

/// Go's conversion of query booleans: everything but an empty value, "0" and "false" counts.
pub(crate) fn is_true(value: &str) -> bool {
    !matches!(value, "0" | "false" | "False" | "FALSE" | "f" | "F")
}

fn dry_run(value: &str) -> Result<bool> {
    match value {
        "All" => Ok(true),
        "" => Ok(false),
        other => Err(Status::new(
            meta::Reason::Invalid,
            format!(" \"\" is invalid: dryRun: Unsupported value: [{other:?}]: supported values: \"All\""),
        )),
    }
}

fn field_validation(value: String) -> Result<String> {
    match value.as_str() {
        "" | "Ignore" | "Warn" | "Strict" => Ok(value),
        other => Err(Status::new(
            meta::Reason::Invalid,
            format!(
                " \"\" is invalid: fieldValidation: Unsupported value: {other:?}: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""
            ),
        )),
    }
}

fn version_match(value: &str) -> Result<Option<VersionMatch>> {
    match value {
        "" => Ok(None),
        "Exact" => Ok(Some(VersionMatch::Exact)),
        "NotOlderThan" => Ok(Some(VersionMatch::NotOlderThan)),
        other => Err(Status::bad_request(format!(
            "resourceVersionMatch: Unsupported value: {other:?}: supported values: \"Exact\", \"NotOlderThan\", \"\""
        ))),
    }
}

fn propagation(value: &str) -> Result<Propagation> {
    match value {
        "Orphan" => Ok(Propagation::Orphan),
        "Background" => Ok(Propagation::Background),
        "Foreground" => Ok(Propagation::Foreground),
        other => Err(Status::new(
            meta::Reason::Invalid,
            format!(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: {other:?}: supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
            ),
        )),
    }
}
