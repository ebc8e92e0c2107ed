//! Priority: a pod's class becomes a number (kubernetes `plugin/pkg/admission/priority`).

use super::{Admission, Operation, Plugin};
use crate::server::ApiServer;
use meta::status::Result;
use meta::{Doc, Object, Status};
use serde_json::json;
use std::sync::Arc;

/// Classes that exist without being stored.
const SYSTEM: [(&str, i64); 2] = [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];
/// Only a class that holds this can be the default one.
const MARK: &[u8] = b"\"globalDefault\":true";
const DEFAULT_POLICY: &str = "PreemptLowerPriority";

pub(super) struct Priority;

struct Class {
    name: String,
    value: i64,
    policy: String,
}

#[async_trait::async_trait]
impl Plugin for Priority {
    async fn admit(&self, server: &ApiServer, admission: &Admission<'_>, pod: &mut Doc) -> Result<()> {
        if !admission.is(Operation::Create, "", "pods") {
            return Ok(());
        }
        let refuse = |why: String| Status::forbidden(&admission.cx.def.group_resource(), admission.name(), why);
        let named = pod["spec"]["priorityClassName"].as_str().unwrap_or_default().to_owned();
        let class = match named.as_str() {
            "" => default_class(server),
            name => find(server, name).await?.ok_or_else(|| refuse(format!("no PriorityClass with name {name} was found")))?,
        };
        if pod["spec"]["priority"].as_i64().is_some_and(|given| given != class.value) {
            let given = &pod["spec"]["priority"];
            return Err(refuse(format!(
                "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {} from the given PriorityClass name",
                class.value
            )));
        }
        if !class.name.is_empty() {
            pod["spec"]["priorityClassName"] = class.name.into();
        }
        pod["spec"]["priority"] = class.value.into();
        if pod["spec"]["preemptionPolicy"].is_null() {
            pod["spec"]["preemptionPolicy"] = class.policy.into();
        }
        Ok(())
    }
}

fn read(doc: &Doc) -> Class {
    Class {
        name: doc["metadata"]["name"].as_str().unwrap_or_default().into(),
        value: doc["value"].as_i64().unwrap_or(0),
        policy: doc["preemptionPolicy"].as_str().unwrap_or(DEFAULT_POLICY).into(),
    }
}

async fn find(server: &ApiServer, name: &str) -> Result<Option<Class>> {
    if let Some((name, value)) = SYSTEM.iter().find(|(system, _)| *system == name) {
        return Ok(Some(read(&json!({ "metadata": { "name": name }, "value": value }))));
    }
    let look = || server.lookup("scheduling.k8s.io", "v1", "priorityclasses", "", name);
    let found = match look() {
        Some(found) => Some(found),
        // The cache may be a moment behind a class made just now.
        None => {
            server.caches.fresh().await?;
            look()
        }
    };
    Ok(found.map(|object| read(&object.to_doc())))
}

/// The class marked `globalDefault` (of several the lowest), else priority 0 without a class.
fn default_class(server: &ApiServer) -> Class {
    let cache = server.caches.of(&meta::Gvr::new("scheduling.k8s.io", "v1", "priorityclasses"));
    let marked = |object: &Arc<Object>| object.stored().windows(MARK.len()).any(|part| part == MARK);
    // Usually none: the rest need not be parsed for each pod.
    let docs: Vec<Doc> = cache.iter().flat_map(|c: &Arc<_>| c.all()).filter(marked).map(|o| o.to_doc()).collect();
    let defaults = docs.iter().filter(|d| d["globalDefault"] == true).map(read);
    defaults.min_by_key(|c| c.value).unwrap_or(Class { name: String::new(), value: 0, policy: DEFAULT_POLICY.into() })
}
