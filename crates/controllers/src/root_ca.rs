//! Publishes the cluster's root certificates as ConfigMap `kube-root-ca.crt` in every active namespace. Promise: what is
//! published is what the API server presents, and comes back when changed or deleted.
//! Follows kubernetes `pkg/controller/certificates/rootcacertpublisher/publisher.go`.

use crate::context::{CONFIG_MAPS, Cx, NAMESPACES};
use crate::service_account::is_settled;
use client::Client;
use meta::{Doc, Object};
use reconcile::{Controller, Error, Informer, Next};
use serde_json::json;
use std::sync::Arc;

pub(crate) const NAME: &str = "root-ca-cert-publisher";
const CONFIG_MAP: &str = "kube-root-ca.crt";
const KEY: &str = "ca.crt";
const DESCRIPTION_ANNOTATION: &str = "kubernetes.io/description";
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints \
    such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of \
    Kubernetes clusters.";

/// Woken by namespaces and by the published objects themselves.
pub(crate) fn start(cx: &Cx) {
    let namespaces = cx.informers.get(NAMESPACES);
    let published = cx.informers.select(CONFIG_MAPS, "metadata.name=kube-root-ca.crt");
    let (seen, made) = (namespaces.clone(), published.clone());
    let pem = cx.context.root_ca_pem.clone();
    let pass = Arc::new(Pass { client: cx.client(NAME), namespaces, published, pem });
    Controller::new(NAME, &cx.context.runtime)
        .watches(&seen, |change| change.new.as_ref().map(|namespace| namespace.meta.name.clone()))
        .watches(&made, |change| [change.object().meta.namespace.clone()])
        .run(1, move |namespace: String| {
            let pass = pass.clone();
            async move { pass.reconcile(&namespace).await }
        });
}

struct Pass {
    client: Client,
    namespaces: Arc<Informer>,
    published: Arc<Informer>,
    pem: String,
}

impl Pass {
    async fn reconcile(&self, namespace: &str) -> Result<Next, Error> {
        let active = self.namespaces.get("", namespace).is_some_and(|n| !n.meta.is_deleting());
        let published = self.published.get(namespace, CONFIG_MAP).map(|object: Arc<Object>| object.to_doc());
        let written = match plan(active, published.as_ref(), &self.pem) {
            Step::Leave => return Ok(Next::OnChange),
            Step::Create(doc) => self.client.create(CONFIG_MAPS, namespace, doc).await,
            // The role allows no patch. The document carries the resourceVersion it was read at.
            Step::Update(doc) => self.client.update(CONFIG_MAPS, namespace, CONFIG_MAP, doc).await,
        };
        match written {
            Err(status) if !is_settled(&status) => Err(status.into()),
            _ => Ok(Next::OnChange),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Step {
    Leave,
    Create(Doc),
    Update(Doc),
}

fn plan(active: bool, published: Option<&Doc>, pem: &str) -> Step {
    if !active {
        return Step::Leave;
    }
    let data = json!({ KEY: pem });
    let Some(published) = published else {
        let metadata = json!({ "name": CONFIG_MAP, "annotations": { DESCRIPTION_ANNOTATION: DESCRIPTION } });
        return Step::Create(json!({ "metadata": metadata, "data": data }));
    };
    let described = published["metadata"]["annotations"][DESCRIPTION_ANNOTATION].as_str().is_some_and(|d| !d.is_empty());
    if described && published["data"] == data {
        return Step::Leave;
    }
    let mut doc = published.clone();
    doc["data"] = data;
    doc["metadata"]["annotations"][DESCRIPTION_ANNOTATION] = DESCRIPTION.into();
    Step::Update(doc)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(annotations: Doc, data: Doc) -> Doc {
        json!({"metadata": {"name": CONFIG_MAP, "resourceVersion": "7", "annotations": annotations}, "data": data})
    }

    #[test]
    fn the_published_certificate_is_kept_as_it_must_be() {
        let right = map(json!({DESCRIPTION_ANNOTATION: DESCRIPTION, "mine": "x"}), json!({KEY: "pem"}));
        let described = map(json!({DESCRIPTION_ANNOTATION: "of my own"}), json!({KEY: "pem"}));
        let changed = map(json!({DESCRIPTION_ANNOTATION: DESCRIPTION, "mine": "x"}), json!({KEY: "forged", "more": "y"}));
        let bare = map(Doc::Null, json!({KEY: "pem"}));
        let mended = map(json!({DESCRIPTION_ANNOTATION: DESCRIPTION}), json!({KEY: "pem"}));
        for (published, step) in
            [(right.clone(), Step::Leave), (described, Step::Leave), (changed, Step::Update(right)), (bare, Step::Update(mended))]
        {
            assert_eq!(plan(true, Some(&published), "pem"), step, "{published}");
        }
        assert!(matches!(plan(true, None, "pem"), Step::Create(doc) if doc["data"] == json!({KEY: "pem"})));
        assert_eq!(plan(false, None, "pem"), Step::Leave);
    }
}
