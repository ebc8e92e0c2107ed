//! The scale subresource: `autoscaling/v1 Scale` as a view on the kind's own fields.

use crate::server::{ApiServer, Cx};
use api::ScalePaths;
use client::{Body, Call, PatchKind, Reply, ReplyBody, Verb};
use meta::status::Result;
use meta::{Doc, FieldErrors, Gvk, Object, Path, Status};
use serde_json::json;

impl ApiServer {
    pub(super) async fn scale(&self, cx: &Cx<'_>) -> Result<Reply> {
        let paths = cx.def.scale.ok_or_else(Status::no_such_path)?;
        let current = self.current(cx).await?.ok_or_else(|| cx.not_found())?;
        let shown = view(&current, &paths);
        let kind = Gvk::new("autoscaling", "v1", "Scale");
        let wanted = match (cx.call.verb, &cx.call.body) {
            (Verb::Get, _) => return Ok(Reply::new(ReplyBody::Doc(shown))),
            (_, Body::Doc(doc)) => doc.clone(),
            (_, Body::Patch(kind, patch)) => {
                // Scale has no merge keys: strategic and merge patches do the same to it.
                let kind = if *kind == PatchKind::Strategic { PatchKind::Merge } else { *kind };
                self.apply_patch(cx, kind, patch, &shown)?
            }
            _ => return Err(Status::bad_request("a scale request needs a body")),
        };
        let wanted = self.decode(cx, wanted, &kind)?.doc;
        let replicas = wanted["spec"]["replicas"].as_i64().unwrap_or(0);
        if replicas < 0 {
            let mut errors = FieldErrors::default();
            errors.invalid(&Path::new("spec").child("replicas"), replicas, "must be greater than or equal to 0");
            return Err(Status::invalid(&kind.group_kind(), &cx.call.target.name, &errors));
        }
        let object = self.write_replicas(cx, &paths, &wanted, replicas).await?;
        Ok(Reply::new(ReplyBody::Doc(view(&object, &paths))))
    }

    async fn write_replicas(
        &self,
        cx: &Cx<'_>,
        paths: &ScalePaths,
        wanted: &Doc,
        replicas: i64,
    ) -> Result<std::sync::Arc<Object>> {
        let target = &cx.call.target;
        let mut call = Call::new(Verb::Patch, target.resource.clone(), &target.namespace, &target.name);
        let mut patch = nest(paths.replicas, replicas.into());
        for precondition in ["resourceVersion", "uid"] {
            if let Some(value) = wanted["metadata"].get(precondition).filter(|v| **v != "") {
                patch["metadata"][precondition] = value.clone();
            }
        }
        call.body = Body::Patch(PatchKind::Merge, patch);
        call.options.dry_run = cx.call.options.dry_run;
        match self.update(&Cx { user: cx.user, call: &call, def: cx.def.clone() }).await?.body {
            ReplyBody::Object(object) => Ok(object),
            _ => Err(Status::internal("an update was answered with something else than its object")),
        }
    }
}

/// `{"spec": {"replicas": value}}` from `/spec/replicas`.
fn nest(pointer: &str, value: Doc) -> Doc {
    pointer.rsplit('/').filter(|s| !s.is_empty()).fold(value, |inner, step| json!({ step: inner }))
}

fn view(object: &Object, paths: &ScalePaths) -> Doc {
    let doc = object.to_doc();
    let number = |pointer: &str| doc.pointer(pointer).and_then(Doc::as_i64).unwrap_or(0);
    let metadata = &doc["metadata"];
    let mut shown = json!({ "name": metadata["name"], "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"] });
    if metadata.get("namespace").is_some() {
        shown["namespace"] = metadata["namespace"].clone();
    }
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": shown,
        "spec": { "replicas": number(paths.replicas) },
        "status": { "replicas": number(paths.status_replicas), "selector": selector_text(doc.pointer(paths.selector)) },
    })
}

/// A `LabelSelector` or a plain map, in query form.
fn selector_text(selector: Option<&Doc>) -> String {
    let Some(map) = selector.and_then(Doc::as_object) else { return String::new() };
    let structured = map.contains_key("matchLabels") || map.contains_key("matchExpressions");
    let labels = if structured { map.get("matchLabels").and_then(Doc::as_object) } else { Some(map) };
    let mut parts: Vec<String> =
        labels.into_iter().flatten().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    for expression in map.get("matchExpressions").and_then(Doc::as_array).into_iter().flatten() {
        let key = expression["key"].as_str().unwrap_or_default();
        let values: Vec<&str> = expression["values"].as_array().into_iter().flatten().filter_map(Doc::as_str).collect();
        parts.push(match expression["operator"].as_str().unwrap_or_default() {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_read_as_queries() {
        for (selector, text) in [
            (json!({"app": "web"}), "app=web"),
            (json!({"matchLabels": {"a": "b", "c": "d"}}), "a=b,c=d"),
            (
                json!({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "x", "operator": "In", "values": ["1", "2"]}]}),
                "a=b,x in (1,2)",
            ),
        ] {
            assert_eq!(selector_text(Some(&selector)), text);
        }
        assert_eq!(nest("/spec/replicas", 3.into()), json!({"spec": {"replicas": 3}}));
    }
}
