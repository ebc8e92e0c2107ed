//! Defaults of a pod and its parts (kubernetes `pkg/apis/core/v1/defaults.go`).

use crate::doc::{each, ensure, entries, remove, set, set_default, set_default_number, str_at, with};
use crate::rules::resources::{canonical, canonical_list};
use meta::Doc;
use serde_json::json;

const CONTAINER_LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];
const FILE_MODE: i64 = 0o644;
const TOKEN_SECONDS: i64 = 3600;

/// What only a pod gets, not a template.
pub fn default_pod(doc: &mut Doc) {
    let spec = ensure(doc, "spec");
    default_spec(spec);
    set_default(spec, "enableServiceLinks", true);
    let host_network = spec.get("hostNetwork").and_then(Doc::as_bool) == Some(true);
    for containers in ["containers", "initContainers"] {
        each(spec, containers, |container| {
            requests_from_limits(container);
            if host_network {
                each(container, "ports", host_port);
            }
        });
    }
}

fn requests_from_limits(container: &mut Doc) {
    let Some(limits) = container.pointer("/resources/limits").and_then(Doc::as_object).cloned() else { return };
    let requests = ensure(ensure(container, "resources"), "requests");
    for (name, quantity) in limits {
        entries(requests).entry(name).or_insert(quantity);
    }
}

fn host_port(port: &mut Doc) {
    if let Some(number) = port.get("containerPort").and_then(Doc::as_i64) {
        set_default_number(port, "hostPort", number);
    }
}

pub fn default_spec(spec: &mut Doc) {
    for (field, value) in [
        ("dnsPolicy", json!("ClusterFirst")),
        ("restartPolicy", json!("Always")),
        ("securityContext", json!({})),
        ("terminationGracePeriodSeconds", json!(30)),
        ("schedulerName", json!("default-scheduler")),
    ] {
        set_default(spec, field, value);
    }
    mirror_service_account(spec);
    for containers in CONTAINER_LISTS {
        each(spec, containers, default_container);
    }
    each(spec, "volumes", default_volume);
    with(spec, "overhead", canonical_list);
    with(spec, "resources", default_resources);
}

/// The deprecated name of the field always says the same.
fn mirror_service_account(spec: &mut Doc) {
    let old = str_at(spec, "/serviceAccount").to_owned();
    if !old.is_empty() {
        set_default(spec, "serviceAccountName", old);
    }
    match str_at(spec, "/serviceAccountName").to_owned() {
        name if name.is_empty() => drop(remove(spec, "serviceAccount")),
        name => set(spec, "serviceAccount", name),
    }
}

fn default_container(container: &mut Doc) {
    let policy = pull_policy(str_at(container, "/image"));
    set_default(container, "imagePullPolicy", policy);
    set_default(container, "terminationMessagePath", "/dev/termination-log");
    set_default(container, "terminationMessagePolicy", "File");
    set_default(container, "resources", json!({}));
    with(container, "resources", default_resources);
    each(container, "ports", |port| set_default(port, "protocol", "TCP"));
    each(container, "env", |env| with(env, "valueFrom", default_field_ref));
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        with(container, probe, default_probe);
    }
    with(container, "lifecycle", |lifecycle| {
        for moment in ["postStart", "preStop"] {
            with(lifecycle, moment, default_handler);
        }
    });
}

fn default_resources(resources: &mut Doc) {
    with(resources, "limits", canonical_list);
    with(resources, "requests", canonical_list);
}

/// An image without tag or digest is `latest`, and that is always pulled.
pub fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, digest),
        None => (image, ""),
    };
    let last = name.rsplit('/').next().unwrap_or(name);
    let latest = match last.split_once(':') {
        Some((_, tag)) => tag == "latest",
        None => digest.is_empty() && !image.is_empty(),
    };
    if latest { "Always" } else { "IfNotPresent" }
}

fn default_field_ref(holder: &mut Doc) {
    with(holder, "fieldRef", |field| set_default(field, "apiVersion", "v1"));
    with(holder, "resourceFieldRef", |field| {
        set_default(field, "divisor", "0");
        with(field, "divisor", |divisor| canonical(divisor, false));
    });
}

fn default_probe(probe: &mut Doc) {
    for (field, value) in [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)] {
        set_default_number(probe, field, value);
    }
    default_handler(probe);
    with(probe, "grpc", |grpc| set_default(grpc, "service", ""));
}

fn default_handler(handler: &mut Doc) {
    with(handler, "httpGet", |get| {
        set_default(get, "path", "/");
        set_default(get, "scheme", "HTTP");
    });
}

fn default_volume(volume: &mut Doc) {
    let bare = volume.as_object().is_some_and(|v| v.iter().all(|(key, value)| key == "name" || value.is_null()));
    if bare {
        set(volume, "emptyDir", json!({}));
    }
    with(volume, "emptyDir", |dir| with(dir, "sizeLimit", |size| canonical(size, false)));
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        with(volume, source, |source| set_default(source, "defaultMode", FILE_MODE));
    }
    with(volume, "downwardAPI", default_downward);
    with(volume, "projected", |projected| each(projected, "sources", default_projection));
    with(volume, "hostPath", |path| set_default(path, "type", ""));
    with(volume, "ephemeral", |e| {
        with(e, "volumeClaimTemplate", |t| super::super::storage::default_claim_spec(ensure(t, "spec")))
    });
    with(volume, "image", |image| {
        let policy = pull_policy(str_at(image, "/reference"));
        set_default(image, "pullPolicy", policy);
    });
    default_rare_volume(volume);
}

fn default_downward(source: &mut Doc) {
    each(source, "items", default_field_ref);
}

fn default_projection(source: &mut Doc) {
    with(source, "downwardAPI", default_downward);
    with(source, "serviceAccountToken", |token| set_default(token, "expirationSeconds", TOKEN_SECONDS));
}

fn default_rare_volume(volume: &mut Doc) {
    with(volume, "iscsi", |v| set_default(v, "iscsiInterface", "default"));
    with(volume, "rbd", |v| {
        for (field, value) in [("pool", "rbd"), ("user", "admin"), ("keyring", "/etc/ceph/keyring")] {
            set_default(v, field, value);
        }
    });
    with(volume, "azureDisk", |v| {
        for (field, value) in [
            ("cachingMode", json!("ReadWrite")),
            ("kind", json!("Shared")),
            ("fsType", json!("ext4")),
            ("readOnly", json!(false)),
        ] {
            set_default(v, field, value);
        }
    });
}
