//! Probes, lifecycle hooks and the actions they share.

use crate::doc::View;
use crate::rules::ports::check_port_or_name;
use meta::FieldErrors;

const HANDLERS: [&str; 5] = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];

/// Liveness, readiness and startup probes and the lifecycle of a container that may have them.
pub fn check_probes(container: &View<'_>, grace: Option<i64>, errors: &mut FieldErrors) {
    for moment in ["postStart", "preStop"] {
        let handler = container.get("lifecycle").get(moment);
        if handler.is_set() {
            check_handler(&handler, grace, errors);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let probe = container.get(name);
        if probe.is_set() {
            check_probe(&probe, grace, errors);
            check_kind_of_probe(name, &probe, errors);
        }
    }
}

fn check_kind_of_probe(name: &str, probe: &View<'_>, errors: &mut FieldErrors) {
    let (successes, grace) = (probe.get("successThreshold"), probe.get("terminationGracePeriodSeconds"));
    if name == "readinessProbe" {
        if grace.is_set() {
            grace.invalid(errors, "must not be set for readinessProbes");
        }
    } else if successes.int() != Some(1) {
        errors.invalid(&successes.path, successes.int().unwrap_or(0), "must be 1");
    }
}

fn check_probe(probe: &View<'_>, grace: Option<i64>, errors: &mut FieldErrors) {
    check_handler(probe, grace, errors);
    for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        probe.get(field).non_negative(errors);
    }
    let own = probe.get("terminationGracePeriodSeconds");
    if own.int().is_some_and(|seconds| seconds <= 0) {
        own.invalid(errors, "must be greater than 0");
    }
}

fn check_handler(handler: &View<'_>, grace: Option<i64>, errors: &mut FieldErrors) {
    let mut set = HANDLERS.iter().map(|name| (*name, handler.get(name))).filter(|(_, action)| action.is_set());
    match set.next() {
        Some((name, action)) => check_action(name, &action, grace, errors),
        None => handler.required(errors, "must specify a handler type"),
    }
    set.for_each(|(_, action)| action.forbidden(errors, "may not specify more than 1 handler type"));
}

fn check_action(name: &str, action: &View<'_>, grace: Option<i64>, errors: &mut FieldErrors) {
    match name {
        "exec" => {
            action.get("command").require(errors);
        }
        "httpGet" => {
            action.get("path").require(errors);
            check_port_or_name(&action.get("port"), errors);
            action.get("scheme").one_of(errors, &["HTTP", "HTTPS"]);
            check_headers(&action.get("httpHeaders"), errors);
        }
        "sleep" => {
            let seconds = action.get("seconds").int().unwrap_or(0);
            if let Some(grace) = grace.filter(|grace| seconds < 0 || seconds > *grace) {
                let text = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
                errors.invalid(&action.path, seconds, text);
            }
        }
        _ => check_port_or_name(&action.get("port"), errors),
    }
}

fn check_headers(headers: &View<'_>, errors: &mut FieldErrors) {
    for header in headers.items() {
        let name = header.get("name").str();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            let text = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
            errors.invalid(&headers.path, name, text);
        }
    }
}
