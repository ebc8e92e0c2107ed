//! The load balancer that a Service wants, decided purely from the Service, the nodes and its endpoints. What its annotations
//! ask for and is not built is refused, never left out silently.

use super::annotations::Annotations;
use super::cloud::{Listener, LoadBalancer, ServiceKey, TargetGroup};
use super::health_check::health_check;
use super::service::of_addresses;
use super::targets;
use meta::Doc;

/// All that a decision may look at.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub key: ServiceKey,
    pub service: Doc,
    pub nodes: Vec<Doc>,
    /// The Service's; looked at for targets that are addresses.
    pub slices: Vec<Doc>,
}

/// Annotations of what is not built.
const UNSUPPORTED: [&str; 8] = [
    "access-log-enabled",
    "alpn-policy",
    "eip-allocations",
    "ipv6-addresses",
    "private-ipv4-addresses",
    "proxy-protocol",
    "security-groups",
    "ssl-cert",
];

const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";

pub fn model(seen: &Seen) -> Result<LoadBalancer, String> {
    let service = &seen.service;
    let annotations = Annotations::of(service);
    check_supported(service, annotations)?;
    let mut attributes = annotations.map("attributes")?;
    if let Some(cross_zone) = annotations.flag("cross-zone-load-balancing-enabled")? {
        attributes.entry(CROSS_ZONE.to_owned()).or_insert_with(|| cross_zone.to_string());
    }
    Ok(LoadBalancer {
        service: seen.key.clone(),
        name: annotations.text("name").unwrap_or_default().to_owned(),
        internal: is_internal(annotations)?,
        subnets: annotations.list("subnets"),
        attributes,
        tags: annotations.map("additional-resource-tags")?,
        listeners: listeners(seen, annotations)?,
    })
}

fn check_supported(service: &Doc, annotations: Annotations<'_>) -> Result<(), String> {
    match annotations.text("type") {
        None | Some("nlb" | "nlb-ip" | "external") => {}
        Some(other) => return Err(format!("unsupported load balancer type {other:?}")),
    }
    match annotations.text("nlb-target-type") {
        None | Some("instance" | "ip") => {}
        Some(other) => return Err(format!("unsupported target type {other:?}")),
    }
    match annotations.text("ip-address-type") {
        None | Some("ipv4") => {}
        Some(other) => return Err(format!("unsupported IP address type {other:?}")),
    }
    let asked = |suffix: &&&str| !matches!(annotations.text(suffix), None | Some("" | "false"));
    if let Some(suffix) = UNSUPPORTED.iter().find(asked) {
        return Err(format!("annotation service.beta.kubernetes.io/aws-load-balancer-{suffix} is not supported"));
    }
    let mut ranges = service["spec"]["loadBalancerSourceRanges"].as_array().into_iter().flatten();
    match ranges.any(|range| range != "0.0.0.0/0") {
        true => Err("loadBalancerSourceRanges are not supported".into()),
        false => Ok(()),
    }
}

/// As `buildLoadBalancerScheme`: within the network, unless it is said otherwise.
fn is_internal(annotations: Annotations<'_>) -> Result<bool, String> {
    let deprecated = annotations.flag("internal")?;
    match (annotations.text("scheme"), deprecated) {
        (Some("internal"), Some(false)) | (Some("internet-facing"), Some(true)) => {
            Err("conflicting load balancer schemes: annotations scheme and internal differ".into())
        }
        (Some("internal"), _) => Ok(true),
        (Some("internet-facing"), _) => Ok(false),
        (Some(other), _) => Err(format!("unknown scheme: {other}")),
        (None, internal) => Ok(internal.unwrap_or(true)),
    }
}

fn listeners(seen: &Seen, annotations: Annotations<'_>) -> Result<Vec<Listener>, String> {
    let mut listeners: Vec<Listener> = Vec::new();
    for port in seen.service["spec"]["ports"].as_array().into_iter().flatten() {
        let next = listener(seen, annotations, port)?;
        match listeners.iter_mut().find(|other| other.port == next.port) {
            Some(other) => join(other, &next)?,
            None => listeners.push(next),
        }
    }
    Ok(listeners)
}

fn listener(seen: &Seen, annotations: Annotations<'_>, port: &Doc) -> Result<Listener, String> {
    let number = |value: &Doc| value.as_u64().and_then(|number| u16::try_from(number).ok()).unwrap_or_default();
    let protocol = port["protocol"].as_str().unwrap_or("TCP").to_owned();
    if !matches!(protocol.as_str(), "TCP" | "UDP") {
        return Err(format!("unsupported port protocol {protocol}"));
    }
    let of_addresses = of_addresses(&seen.service);
    let node_port = number(&port["nodePort"]);
    if !of_addresses && node_port == 0 {
        return Err("unable to support instance target type with an unallocated NodePort".into());
    }
    let group = TargetGroup {
        protocol: protocol.clone(),
        // A port that pods name differs from pod to pod; each target has its own.
        port: if of_addresses { number(&port["targetPort"]).max(1) } else { node_port },
        of_addresses,
        health_check: health_check(&seen.service, of_addresses)?,
        attributes: annotations.map("target-group-attributes")?,
        targets: match of_addresses {
            true => targets::endpoints(&seen.slices, port["name"].as_str().unwrap_or_default()),
            false => targets::nodes(&seen.nodes, node_port),
        },
    };
    Ok(Listener { port: number(&port["port"]), protocol, target_group: group })
}

/// TCP and UDP at one port are one listener, where their targets are the same.
fn join(one: &mut Listener, other: &Listener) -> Result<(), String> {
    let group = &one.target_group;
    if one.protocol == other.protocol || group.port != other.target_group.port || group.targets != other.target_group.targets {
        return Err(format!("ports {} of both protocols must have one target port to share a listener", one.port));
    }
    one.protocol = "TCP_UDP".into();
    one.target_group.protocol = "TCP_UDP".into();
    Ok(())
}

#[cfg(test)]
mod tests;
