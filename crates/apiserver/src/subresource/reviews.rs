//! Reviews: questions about identity and permission, answered and forgotten.

use crate::server::{ApiServer, Cx};
use auth::{Attributes, Decision};
use client::{Body, Reply, ReplyBody};
use meta::status::Result;
use meta::{Doc, FieldErrors, FieldSelector, Path, Status, User};
use serde_json::json;
use std::collections::BTreeMap;

impl ApiServer {
    pub(super) async fn review(&self, cx: &Cx<'_>) -> Result<Reply> {
        let Body::Doc(body) = &cx.call.body else { return Err(Status::bad_request("a review needs a body")) };
        let mut doc = self.decode(cx, body.clone(), &cx.def.gvk())?.doc;
        if let Some(metadata) = doc["metadata"].as_object_mut() {
            metadata.insert("creationTimestamp".into(), Doc::Null);
        }
        doc["status"] = match cx.def.kind.as_str() {
            "SelfSubjectReview" => {
                doc["metadata"]["creationTimestamp"] = self.clock.now().to_string().into();
                json!({ "userInfo": user_info(cx.user) })
            }
            "SelfSubjectAccessReview" => self.access(cx, &doc, cx.user)?,
            "SubjectAccessReview" => self.access(cx, &doc, &subject(cx, &doc)?)?,
            "LocalSubjectAccessReview" => self.local_access(cx, &doc)?,
            "SelfSubjectRulesReview" => {
                let namespace = doc["spec"]["namespace"].as_str().unwrap_or_default();
                if namespace.is_empty() {
                    return Err(Status::bad_request("no namespace on request"));
                }
                self.authorizer.rules_for(cx.user, namespace).review_status()
            }
            "TokenReview" => self.token_review(&doc).await?,
            _ => return Err(Status::no_such_path()),
        };
        Ok(Reply::new(ReplyBody::Doc(doc)).with_code(201))
    }

    fn local_access(&self, cx: &Cx<'_>, doc: &Doc) -> Result<Doc> {
        let asked = doc["spec"]["resourceAttributes"]["namespace"].as_str().unwrap_or_default();
        if asked != cx.call.target.namespace {
            let mut errors = FieldErrors::default();
            let path = Path::new("spec.resourceAttributes.namespace");
            errors.invalid(&path, asked, "must match metadata.namespace");
            return Err(Status::invalid(&cx.def.gvk().group_kind(), "", &errors));
        }
        self.access(cx, doc, &subject(cx, doc)?)
    }

    fn access(&self, cx: &Cx<'_>, doc: &Doc, user: &User) -> Result<Doc> {
        let spec = &doc["spec"];
        let text = |doc: &'_ Doc, field: &str| doc[field].as_str().unwrap_or_default().to_owned();
        let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
        if resource.is_object() == path.is_object() {
            let mut errors = FieldErrors::default();
            let (at, words) = (
                Path::new("spec.resourceAttributes"),
                "exactly one of nonResourceAttributes or resourceAttributes must be specified",
            );
            errors.invalid(&at, resource.clone(), words);
            return Err(Status::invalid(&cx.def.gvk().group_kind(), "", &errors));
        }
        let selector = resource["fieldSelector"]["rawSelector"].as_str().and_then(|s| FieldSelector::parse(s).ok());
        let [verb, group, version, name_of, sub, namespace, name] =
            ["verb", "group", "version", "resource", "subresource", "namespace", "name"].map(|f| text(resource, f));
        let (path_verb, path_text) = (text(path, "verb"), text(path, "path"));
        let attributes = match resource.is_object() {
            true => Attributes {
                version: &version,
                subresource: &sub,
                field_selector: selector.as_ref(),
                ..Attributes::resource(user, &verb, &group, &name_of).in_namespace(&namespace).named(&name)
            },
            false => Attributes::path(user, &path_verb, &path_text),
        };
        Ok(match self.authorizer.authorize(&attributes) {
            Decision::Allow { reason } => with_reason(json!({ "allowed": true }), &reason),
            Decision::Deny { reason } => with_reason(json!({ "allowed": false, "denied": true }), &reason),
            Decision::NoOpinion { reason } => with_reason(json!({ "allowed": false }), &reason),
        })
    }

    async fn token_review(&self, doc: &Doc) -> Result<Doc> {
        let token = doc["spec"]["token"].as_str().unwrap_or_default();
        if token.is_empty() {
            return Err(Status::bad_request("token is required for TokenReview in authentication"));
        }
        let audiences: Vec<String> =
            doc["spec"]["audiences"].as_array().into_iter().flatten().filter_map(|a| a.as_str().map(str::to_owned)).collect();
        let audiences = if audiences.is_empty() { self.config.token_audiences.clone() } else { audiences };
        Ok(match self.authenticate_token(token, &audiences).await {
            Some((user, audiences)) => json!({ "authenticated": true, "user": user_info(&user), "audiences": audiences }),
            None => json!({ "error": "[invalid bearer token, token lookup failed]", "user": {} }),
        })
    }
}

fn with_reason(mut status: Doc, reason: &str) -> Doc {
    if !reason.is_empty() {
        status["reason"] = reason.into();
    }
    status
}

pub(crate) fn user_info(user: &User) -> Doc {
    let mut info = json!({ "username": user.name, "groups": user.groups });
    if !user.uid.is_empty() {
        info["uid"] = user.uid.clone().into();
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}

fn subject(cx: &Cx<'_>, doc: &Doc) -> Result<User> {
    let spec = &doc["spec"];
    let texts = |list: &Doc| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let name = spec["user"].as_str().unwrap_or_default().to_owned();
    let groups = texts(&spec["groups"]);
    if name.is_empty() && groups.is_empty() {
        let mut errors = FieldErrors::default();
        errors.invalid(&Path::new("spec.user"), "", "at least one of user or group must be specified");
        return Err(Status::invalid(&cx.def.gvk().group_kind(), "", &errors));
    }
    let extra: BTreeMap<String, Vec<String>> =
        spec["extra"].as_object().into_iter().flatten().map(|(key, values)| (key.to_lowercase(), texts(values))).collect();
    Ok(User { name, uid: spec["uid"].as_str().unwrap_or_default().into(), groups, extra })
}
