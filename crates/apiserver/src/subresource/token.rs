//! Tokens for service accounts (kubernetes `pkg/registry/core/serviceaccount/storage/token.go`).

use crate::server::{ApiServer, Cx};
use auth::service_account::{Binding, ObjectRef, Subject, set_defaults, shorten, validate_token_request};
use client::{Body, Reply, ReplyBody};
use meta::status::Result;
use meta::{Doc, FieldErrors, GroupResource, Gvk, Object, Status};
use std::sync::Arc;

impl ApiServer {
    pub(super) async fn request_token(&self, cx: &Cx<'_>) -> Result<Reply> {
        let kind = Gvk::new("authentication.k8s.io", "v1", "TokenRequest");
        let Body::Doc(body) = &cx.call.body else { return Err(Status::bad_request("a token request needs a body")) };
        let mut request = self.decode(cx, body.clone(), &kind)?.doc;
        let account = self.current(cx).await?.ok_or_else(|| cx.not_found())?;
        self.check_account(cx, &account, &mut request)?;
        self.admit_special(cx, &mut request).await?;
        let (seconds, warning) = shorten(request["spec"]["expirationSeconds"].as_i64().unwrap_or_default());
        let audiences = request["spec"]["audiences"].as_array().into_iter().flatten();
        let subject = Subject {
            namespace: account.meta.namespace.clone(),
            service_account: ObjectRef::new(&*account.meta.name, &*account.meta.uid),
            binding: self.binding(cx, &account, &request["spec"]["boundObjectRef"])?,
            audiences: audiences.filter_map(|a| a.as_str().map(str::to_owned)).collect(),
            expiration_seconds: seconds,
        };
        if !cx.call.options.dry_run {
            let now = self.clock.now();
            let issued = self.authenticators.issuer.sign(&subject, &self.clock.new_uid(), now).map_err(Status::internal)?;
            request["spec"]["audiences"] = issued.audiences.into();
            request["status"] = serde_json::json!({ "token": issued.token, "expirationTimestamp": issued.expires.to_string() });
            request["metadata"]["creationTimestamp"] = now.to_string().into();
        }
        request["metadata"]["name"] = account.meta.name.clone().into();
        request["metadata"]["namespace"] = account.meta.namespace.clone().into();
        let mut reply = Reply::new(ReplyBody::Doc(request)).with_code(201);
        reply.warnings.extend(warning);
        Ok(reply)
    }

    fn check_account(&self, cx: &Cx<'_>, account: &Object, request: &mut Doc) -> Result<()> {
        let metadata = &request["metadata"];
        for (field, wanted) in [("name", &account.meta.name), ("namespace", &account.meta.namespace)] {
            let found = metadata[field].as_str().unwrap_or_default();
            if !found.is_empty() && found != wanted {
                return Err(Status::bad_request(format!(
                    "the {field} of the provided object does not match the {field} sent on the request"
                )));
            }
        }
        set_defaults(request);
        let mut errors = FieldErrors::default();
        validate_token_request(request, &mut errors);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Status::invalid(&meta::GroupKind::new("authentication.k8s.io", "TokenRequest"), &cx.call.target.name, &errors))
        }
    }

    fn binding(&self, cx: &Cx<'_>, account: &Object, bound: &Doc) -> Result<Binding> {
        if bound.is_null() {
            return Ok(Binding::ServiceAccount);
        }
        let text = |field: &str| bound[field].as_str().unwrap_or_default();
        let (name, namespace) = (text("name"), &cx.call.target.namespace);
        match (text("apiVersion"), text("kind")) {
            ("v1", "Pod") => {
                let pod = self.bound(bound, "pods", namespace, name)?;
                let doc = pod.to_doc();
                if doc["spec"]["serviceAccountName"].as_str() != Some(&account.meta.name) {
                    let why = format!(
                        "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
                        account.meta.name
                    );
                    return Err(Status::bad_request(why));
                }
                let node = doc["spec"]["nodeName"].as_str().filter(|n| !n.is_empty()).map(|node| {
                    let uid = self.lookup("", "v1", "nodes", "", node).map(|n| n.meta.uid.clone()).unwrap_or_default();
                    ObjectRef::new(node, uid)
                });
                Ok(Binding::Pod { pod: reference(&pod), node })
            }
            ("v1", "Secret") => Ok(Binding::Secret(reference(&*self.bound(bound, "secrets", namespace, name)?))),
            ("v1", "Node") => Ok(Binding::Node(reference(&*self.bound(bound, "nodes", "", name)?))),
            (version, kind) => Err(Status::bad_request(format!("cannot bind token to object of type {version}, Kind={kind}"))),
        }
    }

    fn bound(&self, bound: &Doc, resource: &str, namespace: &str, name: &str) -> Result<Arc<Object>> {
        let group_resource = GroupResource::new("", resource);
        let object = self.lookup("", "v1", resource, namespace, name).ok_or_else(|| Status::not_found(&group_resource, name))?;
        let uid = bound["uid"].as_str().unwrap_or_default();
        if !uid.is_empty() && uid != object.meta.uid {
            let why = format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
            );
            return Err(Status::conflict(&group_resource, name, why));
        }
        Ok(object)
    }
}

fn reference(object: &Object) -> ObjectRef {
    ObjectRef::new(&*object.meta.name, &*object.meta.uid)
}
