//! The status is written on its own subresource, and only there; the generation counts what else changes.

use crate::kind::{Check, Kind, same};
use api::Generation;
use client::PatchKind;
use meta::Doc;
use serde_json::json;

/// A status of the kind, different from what it is born with.
fn status(kind: &Kind<'_>) -> Doc {
    let condition = json!({"type": "Tested", "status": "True", "reason": "Suite", "message": "as said",
        "lastTransitionTime": "2026-11-20T10:00:00Z"});
    let version = kind.def.gvr.version.as_str();
    match kind.def.kind.as_str() {
        "PersistentVolume" => json!({"phase": "Available"}),
        "PersistentVolumeClaim" => json!({"phase": "Pending", "conditions": [condition]}),
        "ResourceQuota" => json!({"hard": {"pods": "1"}}),
        "CronJob" => json!({"lastScheduleTime": "2026-11-20T10:00:00Z"}),
        "Ingress" => json!({"loadBalancer": {"ingress": [{"hostname": "a.example"}]}}),
        "VolumeAttachment" => json!({"attached": true}),
        "CSINode" => json!({"storageHealth": [{"name": "ebs.csi.aws.com"}]}),
        "ResourceClaim" => json!({"reservedFor": [{"resource": "pods", "name": "a", "uid": "u"}]}),
        "HorizontalPodAutoscaler" if version == "v1" => json!({"currentReplicas": 1, "desiredReplicas": 2}),
        "HorizontalPodAutoscaler" => json!({"currentReplicas": 1, "desiredReplicas": 2, "conditions": [condition]}),
        "Pod" => json!({"phase": "Running", "conditions": [condition]}),
        "Namespace" => json!({"phase": "Active", "conditions": [condition]}),
        "CertificateSigningRequest" => {
            json!({"conditions": [{"type": "Failed", "status": "True", "reason": "Suite", "message": "as said"}]})
        }
        "ReplicaSet" | "ReplicationController" => json!({"replicas": 1, "conditions": [condition]}),
        "StatefulSet" => json!({"replicas": 1, "conditions": [condition]}),
        "PodDisruptionBudget" => {
            json!({"currentHealthy": 1, "desiredHealthy": 1, "disruptionsAllowed": 0, "expectedPods": 1, "conditions": [condition]})
        }
        _ => json!({"conditions": [condition]}),
    }
}

pub async fn isolation(kind: &Kind<'_>) -> Check {
    if !kind.def.has_status() {
        return Ok(());
    }
    let (name, wanted) = (&kind.name("status-0"), status(kind));
    let mut doc = kind.doc("status", "status-0");
    doc["status"] = wanted.clone();
    let made = kind.create(doc).await?;
    let kept = holds(&made["status"], &wanted);
    same("a creator's status", kept, kind.def.keeps_status_on_create)?;
    // The main resource does not touch the status.
    let mut changed = made.clone();
    changed["status"] = wanted.clone();
    changed["metadata"]["annotations"] = json!({"a": "b"});
    let put = kind.update(changed).await?;
    same("PUT of the object", &put["status"], &made["status"])?;
    let patch = kind.patch(name, PatchKind::Merge, json!({"status": wanted}));
    same("PATCH of the object", &kind.object(patch).await?["status"], &made["status"])?;
    // The status touches nothing else.
    let mut proposal = put.clone();
    proposal["status"] = wanted.clone();
    let mut spoiled = proposal.clone();
    for part in ["spec", "data", "template"].iter().filter(|part| put.get(**part).is_some()) {
        spoiled[*part] = json!({});
    }
    let told = kind.object(kind.put(spoiled).subresource("status")).await?;
    same("PUT of the status", holds(&told["status"], &wanted), true)?;
    same("what is not the status", without(&told), without(&put))?;
    same("GET of the status", kind.object(kind.call(client::Verb::Get, name).subresource("status")).await?, told.clone())?;
    let patch = kind.patch(name, PatchKind::Merge, json!({"metadata": {"labels": {"by": "status"}}, "status": wanted}));
    let patched = kind.object(patch.subresource("status")).await?;
    same("PATCH of the status", &patched["status"], &told["status"])?;
    kind.remove(name).await
}

/// Whether `status` has everything that `wanted` has.
fn holds(status: &Doc, wanted: &Doc) -> bool {
    match (status, wanted) {
        (Doc::Object(status), Doc::Object(wanted)) => {
            wanted.iter().all(|(key, value)| status.get(key).is_some_and(|found| holds(found, value)))
        }
        (Doc::Array(status), Doc::Array(wanted)) => wanted.iter().all(|w| status.iter().any(|s| holds(s, w))),
        (status, wanted) => status == wanted,
    }
}

fn without(doc: &Doc) -> Doc {
    let mut doc = doc.clone();
    doc["status"] = Doc::Null;
    doc["metadata"]["resourceVersion"] = Doc::Null;
    doc
}

/// A change of the spec, for the kinds where one is simple.
fn change(kind: &str) -> Option<Doc> {
    Some(match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "ReplicationController" => json!({"spec": {"replicas": 3}}),
        "DaemonSet" => json!({"spec": {"minReadySeconds": 3}}),
        "Job" => json!({"spec": {"parallelism": 3}}),
        "CronJob" => json!({"spec": {"suspend": true}}),
        "Ingress" => json!({"spec": {"ingressClassName": "alb"}}),
        "NetworkPolicy" => json!({"spec": {"policyTypes": ["Ingress", "Egress"]}}),
        "PodDisruptionBudget" => json!({"spec": {"minAvailable": 1}}),
        "Pod" => json!({"spec": {"activeDeadlineSeconds": 30}}),
        _ => return None,
    })
}

pub async fn generation(kind: &Kind<'_>) -> Check {
    let name = &kind.name("gen-0");
    let mut doc = kind.doc("gen", "gen-0");
    doc["metadata"]["generation"] = 9.into();
    let made = kind.create(doc).await?;
    let tracked = kind.def.generation == Generation::Spec;
    let of = |doc: &Doc| doc["metadata"]["generation"].as_i64();
    same("at birth", of(&made), tracked.then_some(1))?;
    same("labels do not count", of(&kind.label(name, "a", "b".into()).await?), tracked.then_some(1))?;
    if let (Some(patch), true) = (change(&kind.def.kind), tracked) {
        let changed = kind.object(kind.patch(name, PatchKind::Merge, patch.clone())).await?;
        same("the spec counts", of(&changed), Some(2))?;
        let again = kind.object(kind.patch(name, PatchKind::Merge, patch)).await?;
        same("once", of(&again), Some(2))?;
    }
    kind.remove(name).await
}
