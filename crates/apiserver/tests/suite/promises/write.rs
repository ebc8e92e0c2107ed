//! PUT, PATCH and what a dry run leaves behind.

use crate::kind::{Check, Kind, refused, same, selecting, version};
use crate::world::options;
use client::{PatchKind, Verb};
use serde_json::json;

fn as_dry(mut call: client::Call) -> client::Call {
    call.options.dry_run = true;
    call
}

pub async fn update(kind: &Kind<'_>) -> Check {
    let name = &kind.name("put-0");
    let made = kind.create(kind.doc("put", "put-0")).await?;
    same("no-op", kind.update(made.clone()).await?, made.clone())?;
    let mut changed = made.clone();
    changed["metadata"]["annotations"] = json!({"a": "b"});
    let second = kind.update(changed.clone()).await?;
    same("version", version(&second) == version(&made), false)?;
    same("annotation", second["metadata"]["annotations"]["a"].as_str(), Some("b"))?;
    changed["metadata"]["annotations"] = json!({"a": "c"});
    let resource = kind.def.group_resource();
    let text = format!(
        "Operation cannot be fulfilled on {resource} {name:?}: the object has been modified; please apply your changes to the latest version and try again"
    );
    refused("stale", kind.client.call(kind.put(changed.clone())).await, 409, &text)?;
    changed["metadata"]["resourceVersion"] = "".into();
    let unpinned = kind.client.call(kind.put(changed.clone())).await;
    if kind.def.unconditional_update {
        same("without a version", unpinned.is_ok(), true)?;
    } else {
        let why = "metadata.resourceVersion: Invalid value: 0: must be specified for an update";
        refused("without a version", unpinned, 422, &format!("{} {name:?} is invalid: {why}", kind.def.gvk().group_kind()))?;
    }
    changed["metadata"]["uid"] = "another".into();
    changed["metadata"]["resourceVersion"] = version(&kind.get(name).await?).into();
    let uid = made["metadata"]["uid"].as_str().unwrap_or_default();
    let text = format!(
        "Operation cannot be fulfilled on {resource} {name:?}: Precondition failed: UID in precondition: another, UID in object meta: {uid}"
    );
    refused("another uid", kind.client.call(kind.put(changed)).await, 409, &text)?;
    let elsewhere = kind.call(Verb::Update, "elsewhere").body(made);
    same("another name", kind.client.call(elsewhere).await.is_err(), true)?;
    kind.remove(name).await
}

pub async fn patch(kind: &Kind<'_>) -> Check {
    let name = &kind.name("patch-0");
    let made = kind.create(kind.doc("patch", "patch-0")).await?;
    let labels = |value: &str| json!({"metadata": {"labels": {"patched": value}}});
    let json_patch = json!([{"op": "test", "path": "/metadata/labels/suite", "value": "patch"},
        {"op": "add", "path": "/metadata/labels/patched", "value": "json"}]);
    for (kind_of, patch, value) in [
        (PatchKind::Json, json_patch, "json"),
        (PatchKind::Merge, labels("merge"), "merge"),
        (PatchKind::Strategic, labels("strategic"), "strategic"),
    ] {
        let patched = kind.object(kind.patch(name, kind_of, patch.clone())).await?;
        same(value, patched["metadata"]["labels"]["patched"].as_str(), Some(value))?;
        same("the rest", patched["metadata"]["labels"]["suite"].as_str(), Some("patch"))?;
        same("again", version(&kind.object(kind.patch(name, kind_of, patch)).await?), version(&patched))?;
    }
    let mut pinned = labels("stale");
    pinned["metadata"]["resourceVersion"] = version(&made).into();
    let stale = kind.client.call(kind.patch(name, PatchKind::Merge, pinned)).await;
    same("a stale version", stale.err().map(|s| s.code()), Some(409))?;
    let missing = kind.client.call(kind.patch("no-such-thing", PatchKind::Merge, labels("x"))).await;
    same("nothing there", missing.err().map(|s| s.code()), Some(404))?;
    kind.remove(name).await
}

/// Nobody sets what only the server says.
pub async fn metadata_is_the_servers(kind: &Kind<'_>) -> Check {
    let name = &kind.name("meta-0");
    let mut doc = kind.doc("meta", "meta-0");
    doc["metadata"]["uid"] = "mine".into();
    doc["metadata"]["creationTimestamp"] = "2001-01-01T00:00:00Z".into();
    doc["metadata"]["deletionTimestamp"] = "2001-01-01T00:00:00Z".into();
    let made = kind.create(doc.clone()).await?;
    same("uid", made["metadata"]["uid"] == "mine", false)?;
    same("created", made["metadata"]["creationTimestamp"].as_str(), Some("2026-11-20T10:00:00Z"))?;
    same("deleted", made["metadata"].get("deletionTimestamp"), None)?;
    let patch = json!({"metadata": {"creationTimestamp": "2001-01-01T00:00:00Z", "deletionTimestamp": "2001-01-01T00:00:00Z",
        "generation": 77, "selfLink": "/x"}});
    let patched = kind.object(kind.patch(name, PatchKind::Merge, patch)).await?;
    same("patched", patched, made)?;
    doc["metadata"]["resourceVersion"] = "1".into();
    let versioned = kind.client.call(kind.call(Verb::Create, "").body(doc)).await;
    refused("created with a version", versioned, 400, "resourceVersion should not be set on objects to be created")?;
    generated(kind).await?;
    kind.remove(name).await
}

async fn generated(kind: &Kind<'_>) -> Check {
    if kind.def.kind == "IPAddress" {
        // The name is the address.
        return Ok(());
    }
    let mut doc = kind.doc("meta", "x");
    doc["metadata"] = json!({"generateName": "made-"});
    let made = kind.create(doc).await?;
    let name = made["metadata"]["name"].as_str().unwrap_or_default();
    same(name, name.starts_with("made-") && name.len() == 10, true)?;
    kind.remove(name).await
}

/// A dry run answers as the real thing and leaves nothing behind.
pub async fn dry_run(kind: &Kind<'_>) -> Check {
    let name = &kind.name("dry-0");
    let before = kind.list(Default::default()).await?.revision;
    let call = as_dry(kind.call(Verb::Create, "").body(kind.doc("dry", "dry-0")));
    let rehearsed = kind.object(call).await?;
    same("no version", version(&rehearsed), "")?;
    same("uid", rehearsed["metadata"]["uid"].is_string(), true)?;
    same("nothing made", kind.list(selecting("dry")).await?.items.len(), 0)?;
    let made = kind.create(kind.doc("dry", "dry-0")).await?;
    same("one write", kind.list(Default::default()).await?.revision, before + 1)?;
    let mut changed = made.clone();
    changed["metadata"]["annotations"] = json!({"a": "b"});
    let put = kind.object(as_dry(kind.put(changed))).await?;
    same("answered", put["metadata"]["annotations"]["a"].as_str(), Some("b"))?;
    let patch = kind.patch(name, PatchKind::Merge, json!({"metadata": {"labels": {"a": "b"}}}));
    kind.object(as_dry(patch)).await?;
    kind.delete(name, options(|o| o.dry_run = true)).await?;
    let mut all = kind.call(Verb::DeleteCollection, "").options(selecting("dry"));
    all.options.dry_run = true;
    if kind.def.allows("deletecollection") {
        kind.client.call(all).await?;
    }
    same("unchanged", kind.get(name).await?, made)?;
    same("no write", kind.list(Default::default()).await?.revision, before + 1)?;
    kind.remove(name).await
}
