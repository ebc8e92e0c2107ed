//! autoscaling and policy.

use super::cells::{NONE, UNKNOWN, list, scalar, text};
use super::{age, integer, name, of, string};
use crate::{Cell, Column};
use meta::Doc;

/// How many metrics are shown.
const SHOWN_METRICS: usize = 2;

pub fn columns(kind: &str, _minor: u32) -> Option<Vec<Column>> {
    let columns = match kind {
        "HorizontalPodAutoscaler" => vec![
            name(),
            of("Reference", "string", |doc, _| reference(doc).into()),
            of("Targets", "string", |doc, _| targets(doc).into()),
            of("MinPods", "string", |doc, _| scalar(doc, "/spec/minReplicas").unwrap_or_else(|| "<unset>".into()).into()),
            Column::new("MaxPods", "string", Cell::Number("/spec/maxReplicas")),
            Column::new("Replicas", "string", Cell::Number("/status/currentReplicas")),
            age(),
        ],
        "Scale" => vec![
            string("Name", "/metadata/name"),
            integer("Desired", "/spec/replicas"),
            integer("Available", "/status/replicas"),
            age(),
        ],
        "PodDisruptionBudget" => vec![
            name(),
            of("Min Available", "string", |doc, _| scalar(doc, "/spec/minAvailable").unwrap_or_else(|| "N/A".into()).into()),
            of("Max Unavailable", "string", |doc, _| scalar(doc, "/spec/maxUnavailable").unwrap_or_else(|| "N/A".into()).into()),
            integer("Allowed Disruptions", "/status/disruptionsAllowed"),
            age(),
        ],
        _ => return None,
    };
    Some(columns)
}

fn reference(autoscaler: &Doc) -> String {
    format!("{}/{}", text(autoscaler, "/spec/scaleTargetRef/kind"), text(autoscaler, "/spec/scaleTargetRef/name"))
}

fn targets(autoscaler: &Doc) -> String {
    // autoscaling/v1 says one metric in two fields of its own.
    if let Some(target) = scalar(autoscaler, "/spec/targetCPUUtilizationPercentage") {
        let current = scalar(autoscaler, "/status/currentCPUUtilizationPercentage");
        return format!("cpu: {}/{target}%", percent(current).unwrap_or_else(|| UNKNOWN.into()));
    }
    let (specs, statuses) = (list(autoscaler, "/spec/metrics"), list(autoscaler, "/status/currentMetrics"));
    if specs.is_empty() {
        return NONE.into();
    }
    let mut parts: Vec<String> = specs.iter().enumerate().map(|(at, spec)| metric(spec, statuses.get(at))).collect();
    let more = parts.len().saturating_sub(SHOWN_METRICS);
    parts.truncate(SHOWN_METRICS);
    match more {
        0 => parts.join(", "),
        more => format!("{} + {more} more...", parts.join(", ")),
    }
}

fn metric(spec: &Doc, status: Option<&Doc>) -> String {
    let (source, resource) = match text(spec, "/type") {
        "Resource" => ("resource", true),
        "ContainerResource" => ("containerResource", true),
        "Pods" => ("pods", false),
        "Object" => ("object", false),
        "External" => ("external", false),
        _ => return "<unknown type>".into(),
    };
    let target = |field: &str| scalar(&spec[source]["target"], field);
    let current = |field: &str| {
        let value = status.and_then(|s| s.get(source)).and_then(|s| scalar(&s["current"], field));
        value.unwrap_or_else(|| UNKNOWN.into())
    };
    let average = target("/averageValue");
    if resource {
        let values = match average {
            Some(target) => format!("{}/{target}", current("/averageValue")),
            None => {
                let used = status.and_then(|s| scalar(s, &format!("/{source}/current/averageUtilization")));
                let target = percent(target("/averageUtilization")).unwrap_or_else(|| "<auto>".into());
                format!("{}/{target}", percent(used).unwrap_or_else(|| UNKNOWN.into()))
            }
        };
        return format!("{}: {values}", text(&spec[source], "/name"));
    }
    match average {
        Some(target) if source == "pods" => format!("{}/{target}", current("/averageValue")),
        Some(target) => format!("{}/{target} (avg)", current("/averageValue")),
        None => format!("{}/{}", current("/value"), target("/value").unwrap_or_else(|| "0".into())),
    }
}

fn percent(value: Option<String>) -> Option<String> {
    value.map(|v| format!("{v}%"))
}
