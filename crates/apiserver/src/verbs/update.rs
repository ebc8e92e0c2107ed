//! PUT and PATCH, of an object and of its subresources: one guaranteed-update loop.

use super::prepare::{invalid, text};
use crate::admission::{Admission, Operation};
use crate::commit::{Lost, Plan};
use crate::server::{ApiServer, Cx};
use client::{Body, Reply, ReplyBody};
use meta::status::Result;
use meta::{Doc, FieldErrors, Object, Status};
use std::sync::Arc;

/// How often an update without a resourceVersion of its own is tried against newer versions, as upstream's patch handler.
const ATTEMPTS: u32 = 5;

impl ApiServer {
    pub(crate) async fn update(&self, cx: &Cx<'_>) -> Result<Reply> {
        let put = match &cx.call.body {
            Body::Doc(body) => Some(self.decode(cx, body.clone(), &cx.def.gvk())?),
            Body::Patch(..) => None,
            Body::Empty => return Err(Status::bad_request("an update request needs a body")),
        };
        for attempt in 1.. {
            let Some(current) = self.current(cx).await? else { return self.update_missing(cx, put).await };
            let old = current.to_doc();
            let (proposed, warnings) = match &put {
                Some(decoded) => (decoded.doc.clone(), decoded.warnings.clone()),
                None => self.patched(cx, &old)?,
            };
            let pinned = self.check_identity(cx, &proposed, &old)?;
            let new = self.prepare_update(cx, proposed, &old).await?;
            let mut reply = Reply::new(ReplyBody::Object(current.clone()));
            reply.warnings = warnings;
            if new == old {
                return Ok(reply);
            }
            match self.store_update(cx, &current, new, &old).await? {
                Some(object) => {
                    reply.body = ReplyBody::Object(object);
                    return Ok(reply);
                }
                None if pinned || attempt == ATTEMPTS => break,
                None => {}
            }
        }
        Err(Status::modified(&cx.def.group_resource(), &cx.call.target.name))
    }

    async fn update_missing(&self, cx: &Cx<'_>, put: Option<super::prepare::Decoded>) -> Result<Reply> {
        match put {
            Some(decoded) if cx.def.create_on_update && cx.call.target.subresource.is_empty() => {
                self.authorize(cx.user, cx.call, "create")?;
                self.check_name(cx, &decoded.doc)?;
                self.create_doc(cx, decoded.doc, decoded.warnings).await
            }
            _ => Err(cx.not_found()),
        }
    }

    /// The name in the URL, and the uid and resourceVersion in the body, must be those of the stored object.
    /// Returns whether the writer insists on one version.
    fn check_identity(&self, cx: &Cx<'_>, new: &Doc, old: &Doc) -> Result<bool> {
        self.check_name(cx, new)?;
        let resource = cx.def.group_resource();
        let (metadata, name) = (&new["metadata"], &cx.call.target.name);
        let (uid, old_uid) = (text(metadata, "uid"), text(&old["metadata"], "uid"));
        if !uid.is_empty() && uid != old_uid {
            let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {old_uid}");
            return Err(Status::conflict(&resource, name, why));
        }
        match text(metadata, "resourceVersion") {
            "" | "0" if cx.def.unconditional_update || !matches!(cx.call.body, Body::Doc(_)) => Ok(false),
            "" | "0" => {
                let mut errors = FieldErrors::default();
                api::object_meta::require_resource_version(&mut errors);
                invalid(&cx.def, new, &errors).map(|()| false)
            }
            version if version != text(&old["metadata"], "resourceVersion") => Err(Status::modified(&resource, name)),
            // A patch computed from the newest version carries that version without insisting on it.
            _ => Ok(matches!(cx.call.body, Body::Doc(_))),
        }
    }

    fn check_name(&self, cx: &Cx<'_>, doc: &Doc) -> Result<()> {
        let (found, asked) = (text(&doc["metadata"], "name"), cx.call.target.name.as_str());
        if found.is_empty() || found == asked {
            return Ok(());
        }
        let message = format!("the name of the object ({found}) does not match the name on the URL ({asked})");
        Err(Status::bad_request(message))
    }

    async fn prepare_update(&self, cx: &Cx<'_>, mut new: Doc, old: &Doc) -> Result<Doc> {
        let def = &cx.def;
        super::prepare::place_in_namespace(cx, &mut new)?;
        self.keep_old_metadata(&mut new, old);
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
        (def.hooks.default)(&mut new);
        crate::subresource::confine(cx, &mut new, old);
        let admission = Admission { cx, operation: Operation::Update, old: Some(old) };
        self.admit(&admission, &mut new).await?;
        self.validate_update(cx, &new, old)?;
        self.check_admitted(&admission, Some(&new)).await?;
        Ok(new)
    }

    fn validate_update(&self, cx: &Cx<'_>, new: &Doc, old: &Doc) -> Result<()> {
        let mut errors = FieldErrors::default();
        api::object_meta::validate(&cx.def, new, &mut errors);
        api::object_meta::validate_update(new, old, &mut errors);
        match cx.call.target.subresource.as_str() {
            "status" => (cx.def.hooks.validate_status)(new, old, &mut errors),
            "" | "scale" => {
                (cx.def.hooks.validate)(new, &mut errors);
                (cx.def.hooks.validate_update)(new, old, &mut errors);
                self.published.structure.validate(&cx.def, new, &mut errors);
            }
            "ephemeralcontainers" => {
                (cx.def.hooks.validate)(new, &mut errors);
                crate::subresource::validate_ephemeral(new, old, &mut errors);
            }
            _ => (cx.def.hooks.validate)(new, &mut errors),
        }
        invalid(&cx.def, new, &errors)
    }

    /// None when somebody else was faster.
    async fn store_update(&self, cx: &Cx<'_>, current: &Arc<Object>, mut new: Doc, old: &Doc) -> Result<Option<Arc<Object>>> {
        loop {
            let mut plan = if finished(&new) { Plan::delete(cx, current) } else { Plan::update(cx, current) };
            let allocated = if plan.is_delete() {
                self.release_all(cx, old, &mut plan);
                Vec::new()
            } else {
                self.allocate_update(cx, &mut new, old, &mut plan).await?
            };
            match self.commit(cx, plan, &new).await? {
                Ok(object) => return Ok(Some(object)),
                Err(Lost::Object) => return Ok(None),
                Err(Lost::Namespace) => return Err(self.no_namespace(&cx.call.target.namespace)),
                Err(Lost::Claim(key)) => self.release_choice(&mut new, &allocated, &key)?,
            }
        }
    }
}

/// An object on its way out whose last finalizer has just been taken off goes with this write.
fn finished(doc: &Doc) -> bool {
    let metadata = &doc["metadata"];
    let empty = |list: &Doc| list.as_array().is_none_or(Vec::is_empty);
    let is_namespace = doc["kind"] == "Namespace" && doc["apiVersion"] == "v1";
    metadata.get("deletionTimestamp").is_some()
        && metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
        && empty(&metadata["finalizers"])
        && (!is_namespace || empty(&doc["spec"]["finalizers"]))
}
