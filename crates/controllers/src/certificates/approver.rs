//! Approves what nodes ask for themselves.

use super::conditions::{APPROVED, is_decided, with};
use super::request::{KUBELET_CLIENT, KUBELET_SERVING, parse, signer, usages, validate};
use super::{APPROVER, NAME, REQUESTS};
use crate::context::{Cx, NODES};
use auth::pki::SigningRequest;
use client::{Call, Client, ReplyBody, Resource, Verb};
use meta::time::SharedClock;
use meta::{Doc, User, user};
use reconcile::{Controller, Error, Informer, Next};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch;

const REVIEWS: Resource = Resource::new("authorization.k8s.io", "v1", "subjectaccessreviews");
/// `csrRecognizer` of upstream's `sarapprove.go`: who may ask for a node's client certificate, and what is said then.
const RECOGNIZERS: [(&str, &str); 2] = [
    ("selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."),
    ("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview."),
];
const SERVING_MESSAGE: &str = "Auto approving kubelet serving certificate for names of its own instance.";

/// Whether a node's instance is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Exists,
    /// It has ended, or never was.
    Gone,
    /// Ask again: instances are not known yet.
    Pending,
    /// The node is no instance.
    Foreign,
}

/// What is known of a node by others than itself.
pub trait NodeNames: Send + Sync + 'static {
    /// The DNS names and addresses of the instance that is this node. None: there is no such instance. `session` is the
    /// role session that the requester authenticated with, which on EC2 is the id of its instance.
    fn names(&self, node: &str, session: &str) -> Option<Vec<String>>;

    /// What has become of the instance that `spec.providerID` names.
    fn presence(&self, provider_id: &str) -> Presence;

    /// Changes whenever an instance has ended.
    fn ends(&self) -> watch::Receiver<()>;
}

/// Woken by requests, and by nodes, whose addresses count where nothing else knows them.
pub(super) fn start(cx: &Cx) {
    let (requests, nodes) = (cx.informers.get(REQUESTS), cx.informers.get(NODES));
    let pass = Arc::new(Pass {
        client: cx.client(NAME),
        serving: (cx.context.client)(User::authenticated::<String>(APPROVER, [])),
        requests: requests.clone(),
        nodes: nodes.clone(),
        names: cx.context.node_names.clone(),
        clock: cx.context.clock.clone(),
    });
    let pending = requests.clone();
    let of_node = move |change: &reconcile::ObjectChange| {
        let requester = format!("{}{}", user::NODE_PREFIX, change.object().meta.name);
        let waiting = pending.all().into_iter().filter(|request| {
            let request = request.to_doc();
            request["spec"]["username"] == requester.as_str() && !is_decided(&request)
        });
        waiting.map(|request| reconcile::ObjectKey::of(&request)).collect::<Vec<_>>()
    };
    let had = |change: &reconcile::ObjectChange| change.old.as_ref().map(|node| node.get("/status/addresses"));
    let moved = move |change: &reconcile::ObjectChange| {
        let now = change.new.as_ref().map(|node| node.get("/status/addresses"));
        if had(change) == now { Vec::new() } else { of_node(change) }
    };
    Controller::new("csrapproving", &cx.context.runtime).watches_own(&requests).watches(&nodes, moved).run(1, move |key| {
        let pass = pass.clone();
        async move { pass.reconcile(&key.name).await.map(|()| Next::OnChange) }
    });
}

struct Pass {
    client: Client,
    serving: Client,
    requests: Arc<Informer>,
    nodes: Arc<Informer>,
    names: Option<Arc<dyn NodeNames>>,
    clock: SharedClock,
}

impl Pass {
    async fn reconcile(&self, name: &str) -> Result<(), Error> {
        let Some(request) = self.requests.get("", name) else { return Ok(()) };
        let request = request.to_doc();
        if is_decided(&request) || super::conditions::is_issued(&request) {
            return Ok(());
        }
        // What cannot be read is the signer's to refuse.
        let Ok(parsed) = parse(&request) else { return Ok(()) };
        if validate(signer(&request), &parsed, &usages(&request)).is_err() {
            return Ok(());
        }
        match signer(&request) {
            KUBELET_CLIENT => self.client_certificate(name, &request, &parsed).await,
            KUBELET_SERVING if self.may_serve(&request, &parsed) => {
                self.approve(&self.serving, name, &request, SERVING_MESSAGE).await
            }
            _ => Ok(()),
        }
    }

    async fn client_certificate(&self, name: &str, request: &Doc, parsed: &SigningRequest) -> Result<(), Error> {
        for (subresource, message) in RECOGNIZERS {
            let own = request["spec"]["username"] == parsed.common_name.as_str();
            if (own || subresource != "selfnodeclient") && self.is_allowed(request, subresource).await? {
                return self.approve(&self.client, name, request, message).await;
            }
        }
        Ok(())
    }

    async fn is_allowed(&self, request: &Doc, subresource: &str) -> Result<bool, Error> {
        let spec = &request["spec"];
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {
                "user": spec["username"], "uid": spec["uid"], "groups": spec["groups"], "extra": spec["extra"],
                "resourceAttributes": {
                    "group": REQUESTS.group, "resource": REQUESTS.plural, "version": "*", "verb": "create", "subresource": subresource,
                },
            },
        });
        let reply = self.client.call(Call::new(Verb::Create, REVIEWS.gvr(), "", "").body(review)).await?;
        Ok(match reply.body {
            ReplyBody::Doc(doc) => doc["status"]["allowed"] == true,
            ReplyBody::Object(object) => object.get("/status/allowed") == true,
            ReplyBody::List(_) => false,
        })
    }

    fn may_serve(&self, request: &Doc, parsed: &SigningRequest) -> bool {
        let Some(node) = requester(request, parsed) else { return false };
        let session = request["spec"]["extra"]["sessionName"][0].as_str().unwrap_or_default();
        let known = match &self.names {
            Some(names) => names.names(node, session),
            None => self.nodes.get("", node).map(|node| addresses(&node.to_doc())),
        };
        known.is_some_and(|known| are_among(parsed, &known))
    }

    async fn approve(&self, client: &Client, name: &str, request: &Doc, message: &str) -> Result<(), Error> {
        let approved = with(request, APPROVED, "AutoApproved", message, self.clock.now());
        client.update_subresource(REQUESTS, "", name, "approval", approved).await.map_err(Error::from)?;
        Ok(())
    }
}

/// The node that asks for itself: a node's identity under the name that the certificate is to carry.
fn requester<'a>(request: &'a Doc, parsed: &SigningRequest) -> Option<&'a str> {
    let username = request["spec"]["username"].as_str().unwrap_or_default();
    let in_group = request["spec"]["groups"].as_array().is_some_and(|groups| groups.iter().any(|group| group == user::NODES));
    let node = username.strip_prefix(user::NODE_PREFIX).filter(|node| !node.is_empty())?;
    (in_group && username == parsed.common_name).then_some(node)
}

fn addresses(node: &Doc) -> Vec<String> {
    let addresses = node["status"]["addresses"].as_array().into_iter().flatten();
    addresses.filter_map(|address| address["address"].as_str().map(str::to_owned)).collect()
}

fn are_among(parsed: &SigningRequest, known: &[String]) -> bool {
    let mut asked = parsed.dns_names.iter().chain(&parsed.ip_addresses);
    asked.all(|name| known.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use auth::pki::PrivateKey;

    #[test]
    fn a_node_asks_for_itself_and_its_own_names() {
        let key = PrivateKey::generate().expect("a key");
        let names = ["ip-10-0-0-1.ec2.internal".to_owned(), "10.0.0.1".into()];
        let pem = SigningRequest::write(&key, "system:node:a", &["system:nodes".into()], &names).expect("a request");
        let parsed = SigningRequest::from_pem(&pem).expect("what was written");
        for (username, group, expected) in [
            ("system:node:a", "system:nodes", Some("a")),
            ("system:node:b", "system:nodes", None),
            ("system:node:a", "system:masters", None),
            ("a", "system:nodes", None),
        ] {
            let request = json!({"spec": {"username": username, "groups": [group]}});
            assert_eq!(requester(&request, &parsed), expected, "{username} {group}");
        }
        for (known, expected) in
            [(&["10.0.0.1", "IP-10-0-0-1.ec2.internal", "x"][..], true), (&["10.0.0.1"], false), (&[], false)]
        {
            let known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(are_among(&parsed, &known), expected, "{known:?}");
        }
    }
}
