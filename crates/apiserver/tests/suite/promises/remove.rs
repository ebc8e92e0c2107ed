//! Deleting: preconditions, finalizers, propagation, collections.

use crate::kind::{Broken, Check, Kind, background, refused, same, selecting};
use crate::world::options;
use client::{DeleteOptions, Options, PatchKind, Preconditions, Propagation, ReplyBody, Verb};
use meta::Doc;
use serde_json::json;

fn only_if(uid: Option<&str>, version: Option<&str>) -> Options {
    let preconditions = Preconditions { uid: uid.map(str::to_owned), resource_version: version.map(str::to_owned) };
    options(|o| {
        o.delete = DeleteOptions { preconditions, propagation: Some(Propagation::Background), ..DeleteOptions::default() }
    })
}

pub async fn preconditions(kind: &Kind<'_>) -> Check {
    let name = &kind.name("del-0");
    let made = kind.create(kind.doc("del", "del-0")).await?;
    let text = |field: &str| made["metadata"][field].as_str().unwrap_or_default();
    let (uid, version, resource) = (text("uid"), text("resourceVersion"), kind.def.group_resource());
    let conflict = format!("Operation cannot be fulfilled on {resource} {name:?}: Precondition failed:");
    let why = format!("{conflict} UID in precondition: other, UID in object meta: {uid}");
    refused("another uid", kind.delete(name, only_if(Some("other"), None)).await, 409, &why)?;
    let why = format!("{conflict} ResourceVersion in precondition: 1, ResourceVersion in object meta: {version}");
    refused("another version", kind.delete(name, only_if(Some(uid), Some("1"))).await, 409, &why)?;
    let reply = kind.delete(name, only_if(Some(uid), Some(version))).await?;
    match reply.body {
        ReplyBody::Doc(status) => {
            same("status", status["status"].as_str(), Some("Success"))?;
            same("details", status["details"]["uid"].as_str(), Some(uid))?;
        }
        ReplyBody::Object(object) => {
            same("the object", object.meta.uid.as_str(), uid)?;
            same("on its way", kind.lingers() && object.meta.is_deleting(), true)?;
        }
        ReplyBody::List(_) => return Err(Broken("a list".into())),
    }
    kind.finalize(name).await?;
    let again = kind.delete(name, Options::default()).await;
    refused("delete nothing", again, 404, &format!("{resource} {name:?} not found"))
}

/// Finalizers hold an object; taking the last one off ends it.
pub async fn finalizers(kind: &Kind<'_>) -> Check {
    let name = &kind.name("final-0");
    for (propagation, marks) in [
        (Propagation::Background, vec!["example.com/hold"]),
        (Propagation::Foreground, vec!["example.com/hold", "foregroundDeletion"]),
        (Propagation::Orphan, vec!["example.com/hold", "orphan"]),
    ] {
        let mut doc = kind.doc("final", "final-0");
        doc["metadata"]["finalizers"] = json!(["example.com/hold"]);
        let made = kind.create(doc).await?;
        let how = options(|o| o.delete.propagation = Some(propagation));
        let ReplyBody::Object(marked) = kind.delete(name, how.clone()).await?.body else {
            return Err(Broken("deleted in spite of its finalizer".into()));
        };
        same("marked", marked.meta.is_deleting(), true)?;
        same("grace", marked.meta.deletion_grace_period_seconds, Some(0))?;
        same("finalizers", marked.meta.finalizers.clone(), marks.iter().map(|m| m.to_string()).collect())?;
        if kind.def.generation == api::Generation::Spec {
            let before = made["metadata"]["generation"].as_i64().unwrap_or(0);
            same("generation", marked.meta.generation, before + 1)?;
        }
        let ReplyBody::Object(twice) = kind.delete(name, how).await?.body else {
            return Err(Broken("deleted by a second delete".into()));
        };
        same("a second delete", twice.revision, marked.revision)?;
        let more = json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}});
        let grown = kind.client.call(kind.patch(name, PatchKind::Merge, more)).await;
        same("a new finalizer", grown.err().map(|s| s.code()), Some(422))?;
        kind.object(kind.patch(name, PatchKind::Merge, json!({"metadata": {"finalizers": Doc::Null}}))).await?;
        kind.finalize(name).await?;
        same("gone", kind.get(name).await.is_err(), true)?;
    }
    Ok(())
}

pub async fn collection(kind: &Kind<'_>) -> Check {
    if !kind.def.allows("deletecollection") {
        return Ok(());
    }
    for n in 0..3 {
        let suite = if n == 0 { "stays" } else { "goes" };
        kind.create(kind.doc(suite, &format!("all-{n}"))).await?;
    }
    let mut call = kind.call(Verb::DeleteCollection, "").options(background());
    call.options.label_selector = "suite=goes".into();
    let ReplyBody::List(gone) = kind.client.call(call).await?.body else {
        return Err(Broken("not a list".into()));
    };
    same("shown", gone.items.len(), 2)?;
    same("gone", kind.list(selecting("goes")).await?.items.len(), 0)?;
    same("stays", kind.list(selecting("stays")).await?.items.len(), 1)?;
    kind.remove(&kind.name("all-0")).await
}
