//! What every control plane is born with, made through the same path as everything else and mended at each start:
//! system namespaces, upstream's RBAC policy, priority classes, the service range and Service `kubernetes`.

use crate::server::ApiServer;
use auth::bootstrap::Change;
use client::{Client, DeleteOptions};
use futures::future::try_join_all;
use meta::status::Result;
use meta::{Doc, GroupVersion, Gvk, Gvr, Reason, User};
use serde_json::{Value, json};
use std::sync::Arc;

/// kube-apiserver's own identity on its loopback client.
const USER: &str = "system:apiserver";
const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

pub(crate) async fn run(server: &Arc<ApiServer>) -> Result<()> {
    let client = server.client(User::authenticated(USER, [meta::user::MASTERS]));
    let namespaces = NAMESPACES.map(|name| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }));
    try_join_all(namespaces.iter().map(|doc| ensure(server, &client, doc))).await?;
    let mut wanted = priority_classes();
    if let Some(range) = server.config.service_cidr {
        wanted.push(service_range(&range.to_string()));
        wanted.push(kubernetes_service(&range));
    }
    let mut policy = auth::bootstrap::documents(server.config.minor);
    if server.config.service_cidr.is_some() {
        policy.extend(auth::bootstrap::eks_documents(server.config.minor));
    }
    let rbac = policy.iter().map(|doc| reconcile_rbac(server, &client, doc));
    try_join_all(rbac).await?;
    try_join_all(wanted.iter().map(|doc| ensure(server, &client, doc))).await?;
    mark_range_ready(server, &client).await
}

/// Creates a document that is not there yet; what is there stays as it is. A plane without the kind needs none of it.
async fn ensure(server: &ApiServer, client: &Client, doc: &Doc) -> Result<()> {
    let Some((gvr, namespace, name)) = place(server, doc) else { return Ok(()) };
    if client.find(gvr.clone(), namespace, name).await?.is_some() {
        return Ok(());
    }
    match client.create(gvr, namespace, doc.clone()).await {
        Err(status) if status.reason == Reason::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

async fn reconcile_rbac(server: &ApiServer, client: &Client, wanted: &Doc) -> Result<()> {
    let Some((gvr, namespace, name)) = place(server, wanted) else { return Ok(()) };
    let existing = client.find(gvr.clone(), namespace, name).await?.map(|o| o.to_doc());
    match auth::bootstrap::reconcile(existing.as_ref(), wanted) {
        Change::Keep => Ok(()),
        Change::Create(doc) => client.create(gvr, namespace, doc).await.map(drop),
        Change::Update(doc) => client.update(gvr, namespace, name, doc).await.map(drop),
        Change::Recreate(doc) => {
            client.delete(gvr.clone(), namespace, name, DeleteOptions::default()).await?;
            client.create(gvr, namespace, doc).await.map(drop)
        }
    }
}

fn place<'a>(server: &ApiServer, doc: &'a Doc) -> Option<(Gvr, &'a str, &'a str)> {
    let text = |value: &'a Value| value.as_str().unwrap_or_default();
    let gv = GroupVersion::parse(text(&doc["apiVersion"]))?;
    let def = server.published.catalog.by_kind(&Gvk::new(gv.group, gv.version, text(&doc["kind"])))?;
    Some((def.gvr.clone(), text(&doc["metadata"]["namespace"]), text(&doc["metadata"]["name"])))
}

fn priority_classes() -> Vec<Doc> {
    let class = |name: &str, value: i64, what: &str| {
        json!({ "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": { "name": name }, "value": value,
            "description": format!("Used for system critical pods that must {what}.") })
    };
    vec![
        class("system-node-critical", 2_000_001_000, "not be moved from their current node"),
        class("system-cluster-critical", 2_000_000_000, "run in the cluster, but can be moved to another node if necessary"),
    ]
}

fn service_range(cidr: &str) -> Doc {
    json!({ "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": { "name": "kubernetes" }, "spec": { "cidrs": [cidr] } })
}

/// The range is in force from the moment the allocator knows it, which it does by configuration.
async fn mark_range_ready(server: &ApiServer, client: &Client) -> Result<()> {
    let ranges = Gvr::new("networking.k8s.io", "v1", "servicecidrs");
    if server.published.catalog.by_gvr(&ranges).is_none() {
        return Ok(());
    }
    let Some(range) = client.find(ranges.clone(), "", "kubernetes").await? else { return Ok(()) };
    if range.get("/status/conditions/0/type") == "Ready" {
        return Ok(());
    }
    let condition = json!({ "type": "Ready", "status": "True", "reason": "", "message": "Kubernetes Service CIDR is ready",
        "lastTransitionTime": server.clock.now().to_string() });
    client.patch(ranges, "", "kubernetes", "status", json!({ "status": { "conditions": [condition] } })).await.map(drop)
}

fn kubernetes_service(range: &ipnet::Ipv4Net) -> Doc {
    let first = std::net::Ipv4Addr::from(u32::from(range.network()) + 1).to_string();
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "kubernetes", "namespace": "default", "labels": { "component": "apiserver", "provider": "kubernetes" } },
        "spec": { "clusterIP": first, "type": "ClusterIP", "sessionAffinity": "None",
            "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 443 }] },
    })
}
