//! A pod's spec as a whole (`ValidatePodSpec`).

use super::{containers, scheduling, security, volumes};
use crate::doc::View;
use crate::rules::labels::check_labels;
use crate::rules::resources::check_requirements;
use meta::{FieldErrors, names};
use std::net::IpAddr;

const IP_TEXT: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

/// What holds the spec: a few rules are for pods only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Pod,
    Template,
}

/// `template` of a workload.
pub fn check_template(template: &View<'_>, errors: &mut FieldErrors) {
    let metadata = template.get("metadata");
    check_labels(&metadata.get("labels"), errors);
    for (key, _) in metadata.get("annotations").entries() {
        let path = metadata.get("annotations").path;
        names::qualified_name(&key.to_lowercase()).into_iter().for_each(|p| errors.invalid(&path, key, p));
    }
    let spec = template.get("spec");
    check_spec(&spec, Place::Template, errors);
    let ephemeral = spec.get("ephemeralContainers");
    if !ephemeral.is_empty() {
        ephemeral.forbidden(errors, "ephemeral containers not allowed in pod template");
    }
}

pub fn check_spec(spec: &View<'_>, place: Place, errors: &mut FieldErrors) {
    let grace = spec.get("terminationGracePeriodSeconds");
    if !grace.is_set() {
        grace.required(errors, "");
    }
    let known = volumes::check_volumes(&spec.get("volumes"), errors);
    containers::check_all(spec, &known, place, errors);
    check_requirements(&spec.get("resources"), errors);
    check_host_network(spec, place, errors);
    check_policies(spec, errors);
    check_labels(&spec.get("nodeSelector"), errors);
    security::check_pod(&spec.get("securityContext"), errors);
    scheduling::check_affinity(&spec.get("affinity"), errors);
    check_dns(spec, errors);
    for gate in spec.get("readinessGates").items() {
        gate.get("conditionType").check(errors, names::qualified_name);
    }
    scheduling::check_gates(&spec.get("schedulingGates"), errors);
    scheduling::check_spread(&spec.get("topologySpreadConstraints"), errors);
    check_names(spec, errors);
    spec.get("activeDeadlineSeconds").in_range(errors, 1, i64::from(i32::MAX));
    scheduling::check_tolerations(&spec.get("tolerations"), errors);
    check_host_aliases(&spec.get("hostAliases"), errors);
}

fn check_policies(spec: &View<'_>, errors: &mut FieldErrors) {
    let restart = spec.get("restartPolicy");
    if restart.require(errors) {
        restart.one_of(errors, &["Always", "OnFailure", "Never"]);
    }
    let dns = spec.get("dnsPolicy");
    if dns.require(errors) {
        dns.one_of(errors, &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]);
    }
    spec.get("preemptionPolicy").one_of_if_set(errors, &["PreemptLowerPriority", "Never"]);
}

fn check_names(spec: &View<'_>, errors: &mut FieldErrors) {
    for field in ["serviceAccountName", "nodeName"] {
        spec.get(field).check_if_set(errors, names::dns_subdomain);
    }
    for field in ["hostname", "subdomain"] {
        spec.get(field).check_if_set(errors, names::dns_label);
    }
    for field in ["priorityClassName", "runtimeClassName"] {
        spec.get(field).check_if_set(errors, names::dns_subdomain);
    }
    let os = spec.get("os").get("name");
    if spec.get("os").is_set() && os.require(errors) {
        os.one_of(errors, &["linux", "windows"]);
    }
}

fn check_host_network(spec: &View<'_>, place: Place, errors: &mut FieldErrors) {
    if !spec.get("hostNetwork").is_true() {
        return;
    }
    for container in spec.get("containers").items() {
        for port in container.get("ports").items() {
            let (host, own) = (port.get("hostPort"), port.get("containerPort").int().unwrap_or(0));
            let number = host.int().unwrap_or(0);
            if (place == Place::Pod || number != 0) && number != own {
                errors.invalid(&host.path, number, "must match `containerPort` when `hostNetwork` is true");
            }
        }
    }
}

fn check_dns(spec: &View<'_>, errors: &mut FieldErrors) {
    let (config, servers) = (spec.get("dnsConfig"), spec.at("dnsConfig.nameservers"));
    if spec.get("dnsPolicy").str() == "None" {
        if !config.is_set() {
            return config.required(errors, "must provide `dnsConfig` when `dnsPolicy` is None");
        }
        if servers.is_empty() {
            return servers.required(errors, "must provide at least one DNS nameserver when `dnsPolicy` is None");
        }
    }
    if servers.len() > 3 {
        servers.invalid(errors, "must not have more than 3 nameservers");
    }
    servers.items().for_each(|server| check_ip(&server, errors));
    let searches = config.get("searches");
    if searches.len() > 32 {
        searches.invalid(errors, "must not have more than 32 search paths");
    }
    for option in config.get("options").items() {
        if option.get("name").is_empty() {
            option.required(errors, "must not be empty");
        }
    }
}

pub fn check_ip(address: &View<'_>, errors: &mut FieldErrors) {
    if address.str().parse::<IpAddr>().is_err() {
        errors.invalid(&address.path, address.str(), IP_TEXT);
    }
}

fn check_host_aliases(aliases: &View<'_>, errors: &mut FieldErrors) {
    for alias in aliases.items() {
        check_ip(&alias.get("ip"), errors);
        alias.get("hostnames").items().for_each(|name| name.check(errors, names::dns_subdomain));
    }
}
