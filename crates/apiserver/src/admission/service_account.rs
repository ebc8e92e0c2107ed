//! ServiceAccount: every pod runs as one, and carries its token (kubernetes `plugin/pkg/admission/serviceaccount`).

use super::{Admission, Operation, Plugin};
use crate::server::ApiServer;
use meta::status::Result;
use meta::{Doc, GroupResource, Object, Status};
use serde_json::json;

const DEFAULT: &str = "default";
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const MIRROR: &str = "kubernetes.io/config.mirror";
/// As upstream; kubelets ask for a longer one only where the API server extends it.
const TOKEN_SECONDS: u64 = 3607;

pub(super) struct ServiceAccount;

#[async_trait::async_trait]
impl Plugin for ServiceAccount {
    async fn admit(&self, server: &ApiServer, admission: &Admission<'_>, pod: &mut Doc) -> Result<()> {
        if !admission.is(Operation::Create, "", "pods") || is_mirror(pod) {
            return Ok(());
        }
        let name = match pod["spec"]["serviceAccountName"].as_str().unwrap_or_default() {
            "" => DEFAULT.to_owned(),
            name => name.to_owned(),
        };
        pod["spec"]["serviceAccountName"] = name.clone().into();
        pod["spec"]["serviceAccount"] = name.clone().into();
        let account = find(server, admission, &name).await?.to_doc();
        if wants_token(pod, &account) {
            mount_token(pod, &server.clock.new_uid());
        }
        let has_pull_secrets = pod["spec"]["imagePullSecrets"].as_array().is_some_and(|s| !s.is_empty());
        if !has_pull_secrets && account["imagePullSecrets"].is_array() {
            pod["spec"]["imagePullSecrets"] = account["imagePullSecrets"].clone();
        }
        Ok(())
    }
}

fn is_mirror(pod: &Doc) -> bool {
    pod["metadata"]["annotations"].get(MIRROR).is_some()
}

async fn find(server: &ApiServer, admission: &Admission<'_>, name: &str) -> Result<std::sync::Arc<Object>> {
    let namespace = &admission.cx.call.target.namespace;
    let look = || server.lookup("", "v1", "serviceaccounts", namespace, name);
    if let Some(found) = look() {
        return Ok(found);
    }
    server.caches.fresh().await?;
    look().ok_or_else(|| {
        let accounts = Status::not_found(&GroupResource::new("", "serviceaccounts"), name);
        let why = format!(
            "error looking up service account {namespace}/{name}: {}",
            accounts.message.replace("serviceaccounts", "serviceaccount")
        );
        Status::forbidden(&admission.cx.def.group_resource(), admission.name(), why)
    })
}

fn wants_token(pod: &Doc, account: &Doc) -> bool {
    pod["spec"]["automountServiceAccountToken"].as_bool().or(account["automountServiceAccountToken"].as_bool()).unwrap_or(true)
}

/// Adds the projected volume `kube-api-access-…` and mounts it wherever nothing else is mounted at its path.
fn mount_token(pod: &mut Doc, uid: &str) {
    let name = format!("kube-api-access-{}", &uid[uid.len() - 5..]);
    let mount = json!({ "name": name, "readOnly": true, "mountPath": TOKEN_PATH });
    let mut mounted = false;
    for list in ["containers", "initContainers"] {
        for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
            let taken = container["volumeMounts"].as_array().is_some_and(|m| m.iter().any(|v| v["mountPath"] == TOKEN_PATH));
            if !taken {
                push(container, "volumeMounts", mount.clone());
                mounted = true;
            }
        }
    }
    if mounted {
        push(
            &mut pod["spec"],
            "volumes",
            json!({ "name": name, "projected": { "defaultMode": 420, "sources": token_sources() } }),
        );
    }
}

fn token_sources() -> Doc {
    json!([
        { "serviceAccountToken": { "expirationSeconds": TOKEN_SECONDS, "path": "token" } },
        { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
        { "downwardAPI": { "items": [{ "path": "namespace", "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" } }] } },
    ])
}

fn push(doc: &mut Doc, list: &str, value: Doc) {
    match doc[list].as_array_mut() {
        Some(items) => items.push(value),
        None => doc[list] = json!([value]),
    }
}
