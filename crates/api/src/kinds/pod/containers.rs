//! Containers, init containers and ephemeral containers.

use super::spec::Place;
use super::volumes::{self, Volumes};
use super::{env, probes, security};
use crate::doc::{View, is_empty, map};
use crate::rules::{ports, resources};
use meta::{FieldErrors, names};
use std::collections::BTreeSet;

const RESTARTS: [&str; 3] = ["Always", "Never", "OnFailure"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
/// What an ephemeral container may say.
const EPHEMERAL_FIELDS: [&str; 17] = [
    "name",
    "image",
    "command",
    "args",
    "workingDir",
    "envFrom",
    "env",
    "volumeMounts",
    "volumeDevices",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "imagePullPolicy",
    "securityContext",
    "stdin",
    "stdinOnce",
    "tty",
    "targetContainerName",
];

pub fn check_all(spec: &View<'_>, volumes: &Volumes<'_>, place: Place, errors: &mut FieldErrors) {
    let grace = spec.get("terminationGracePeriodSeconds").int();
    let containers = spec.get("containers");
    let mut seen = BTreeSet::new();
    containers.require(errors);
    for container in containers.items() {
        check_common(&container, volumes, place, errors);
        unique_name(&container, &mut seen, errors);
        probes::check_probes(&container, grace, errors);
        container.get("restartPolicy").one_of_if_set(errors, &RESTARTS);
    }
    check_host_ports(containers.items(), errors);
    for container in spec.get("initContainers").items() {
        check_common(&container, volumes, place, errors);
        unique_name(&container, &mut seen, errors);
        check_init(&container, grace, errors);
        check_host_ports(std::iter::once(container), errors);
    }
    check_ephemeral(spec, volumes, &mut seen, errors);
}

fn unique_name<'a>(container: &View<'a>, seen: &mut BTreeSet<&'a str>, errors: &mut FieldErrors) {
    let name = container.get("name");
    if !name.is_empty() && !seen.insert(name.str()) {
        errors.duplicate(&name.path, name.str());
    }
}

fn check_common(container: &View<'_>, volumes: &Volumes<'_>, place: Place, errors: &mut FieldErrors) {
    let (name, image) = (container.get("name"), container.get("image"));
    if name.require(errors) {
        name.check(errors, names::dns_label);
    }
    image.require(errors);
    if place == Place::Pod && image.str().trim() != image.str() {
        image.invalid(errors, "must not have leading or trailing whitespace");
    }
    let policy = container.get("terminationMessagePolicy");
    if policy.require(errors) {
        policy.one_of(errors, &["File", "FallbackToLogsOnError"]);
    }
    check_ports(&container.get("ports"), errors);
    env::check_env(&container.get("env"), errors);
    env::check_env_from(&container.get("envFrom"), errors);
    volumes::check_mounts(container, volumes, errors);
    let pull = container.get("imagePullPolicy");
    if pull.require(errors) {
        pull.one_of(errors, &["Always", "IfNotPresent", "Never"]);
    }
    resources::check_requirements(&container.get("resources"), errors);
    check_resize_policy(&container.get("resizePolicy"), errors);
    security::check_container(&container.get("securityContext"), errors);
}

fn check_resize_policy(policies: &View<'_>, errors: &mut FieldErrors) {
    let mut seen = BTreeSet::new();
    for policy in policies.items() {
        let (name, restart) = (policy.get("resourceName").str(), policy.get("restartPolicy").str());
        if !seen.insert(name) {
            errors.duplicate(&policy.path, name);
        }
        for (value, allowed) in [(name, ["cpu", "memory"]), (restart, ["NotRequired", "RestartContainer"])] {
            if value.is_empty() {
                policies.required(errors, "");
            } else if !allowed.contains(&value) {
                errors.not_supported(&policies.path, value, &allowed);
            }
        }
    }
}

fn check_ports(list: &View<'_>, errors: &mut FieldErrors) {
    let mut seen = BTreeSet::new();
    for port in list.items() {
        let name = port.get("name");
        if !name.is_empty() {
            let problems = ports::port_name(name.str());
            if problems.is_empty() && !seen.insert(name.str()) {
                errors.duplicate(&name.path, name.str());
            }
            problems.into_iter().for_each(|p| name.invalid(errors, p));
        }
        let number = port.get("containerPort");
        match number.int().unwrap_or(0) {
            0 => number.required(errors, ""),
            _ => ports::check_port(&number, errors),
        }
        let host = port.get("hostPort");
        if host.int().unwrap_or(0) != 0 {
            ports::check_port(&host, errors);
        }
        let protocol = port.get("protocol");
        if protocol.require(errors) {
            protocol.one_of(errors, &PROTOCOLS);
        }
    }
}

fn check_host_ports<'a>(containers: impl Iterator<Item = View<'a>>, errors: &mut FieldErrors) {
    let mut seen = BTreeSet::new();
    for container in containers {
        for port in container.get("ports").items() {
            let host = port.get("hostPort");
            let Some(number) = host.int().filter(|n| *n != 0) else { continue };
            let key = format!("{}/{}/{number}", port.get("protocol").str(), port.get("hostIP").str());
            if !seen.insert(key.clone()) {
                errors.duplicate(&host.path, key);
            }
        }
    }
}

fn check_init(container: &View<'_>, grace: Option<i64>, errors: &mut FieldErrors) {
    let restart = container.get("restartPolicy");
    if restart.str() == "Always" {
        return probes::check_probes(container, grace, errors);
    }
    restart.one_of_if_set(errors, &RESTARTS);
    for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        let value = container.get(field);
        if value.is_set() {
            value.forbidden(errors, "may not be set for init containers without restartPolicy=Always");
        }
    }
}

fn check_ephemeral<'a>(spec: &View<'a>, volumes: &Volumes<'_>, seen: &mut BTreeSet<&'a str>, errors: &mut FieldErrors) {
    let others = seen.clone();
    for container in spec.get("ephemeralContainers").items() {
        check_common(&container, volumes, Place::Pod, errors);
        unique_name(&container, seen, errors);
        let target = container.get("targetContainerName");
        if !target.is_empty() && !others.contains(target.str()) {
            errors.not_found(&target.path, target.str());
        }
        for (field, value) in map(container.doc).filter(|(_, value)| !is_empty(value)) {
            if !EPHEMERAL_FIELDS.contains(&field.as_str()) && value.as_bool() != Some(false) {
                errors.forbidden(&container.path.child(field), "cannot be set for an Ephemeral Container");
            }
        }
        for mount in container.get("volumeMounts").items() {
            for field in ["subPath", "subPathExpr"] {
                let value = mount.get(field);
                if !value.is_empty() {
                    value.forbidden(errors, "cannot be set for an Ephemeral Container");
                }
            }
        }
    }
}
