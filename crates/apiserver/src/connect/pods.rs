//! Logs, exec, attach and port-forward: the pod's node answers them.

use super::backend::{Backend, kubelet_of};
use super::{Connect, NODES, PODS, container, options, relay};
use ::http::Response;
use client::Verb;
use meta::status::Result;
use meta::{Doc, Object, Status};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serve::{Body, full};

/// AuthorizePodWebsocketUpgradeCreatePermission: from here on, who may only get cannot open streams with a GET.
const CREATE_NEEDED_SINCE: u32 = 35;

impl Connect<'_> {
    pub(super) async fn log(self) -> Result<Response<Body>> {
        let target = &self.call.target;
        let query = options::log(self.query(), &target.name)?;
        let pod = self.pod().await?;
        let container = container::choose(&pod, &query.container)?;
        let Some(node) = node_of(&pod) else {
            // As upstream: a pod that is nowhere has written nothing.
            let mut response = Response::new(full(""));
            *response.status_mut() = ::http::StatusCode::NO_CONTENT;
            return Ok(response);
        };
        let backend = self.kubelet(node).await?;
        let path = path(&["containerLogs", &target.namespace, &target.name, &container], &query.text);
        relay::log(self, backend, &path).await
    }

    pub(super) async fn remote_command(self) -> Result<Response<Body>> {
        self.may_create()?;
        let target = &self.call.target;
        let query = options::remote_command(self.query());
        let pod = self.pod().await?;
        let container = container::choose(&pod, &query.container)?;
        let backend = self.kubelet(self.host(&pod)?).await?;
        let path = path(&[&target.subresource, &target.namespace, &target.name, &container], &query.text);
        relay::upgrade(self, backend, &path).await
    }

    pub(super) async fn port_forward(self) -> Result<Response<Body>> {
        self.may_create()?;
        let target = &self.call.target;
        let query = options::port_forward(self.query())?;
        let pod = self.pod().await?;
        let backend = self.kubelet(self.host(&pod)?).await?;
        let path = path(&["portForward", &target.namespace, &target.name], &query);
        relay::upgrade(self, backend, &path).await
    }

    fn may_create(&self) -> Result<()> {
        let server = &self.handler.server;
        if self.call.verb == Verb::Create || server.config().minor < CREATE_NEEDED_SINCE {
            return Ok(());
        }
        server.authorize(self.user, &self.call, Verb::Create.as_str())
    }

    async fn pod(&self) -> Result<Doc> {
        let target = &self.call.target;
        self.object(PODS, &target.namespace, &target.name).await.map(|pod| Object::to_doc(&pod))
    }

    fn host<'p>(&self, pod: &'p Doc) -> Result<&'p str> {
        let name = &self.call.target.name;
        node_of(pod).ok_or_else(|| Status::bad_request(format!("pod {name} does not have a host assigned")))
    }

    pub(super) async fn kubelet(&self, node: &str) -> Result<Backend> {
        let node = self.object(NODES, "", node).await?.to_doc();
        Ok(Backend { address: kubelet_of(&node)?, kubelet: true })
    }
}

fn node_of(pod: &Doc) -> Option<&str> {
    pod["spec"]["nodeName"].as_str().filter(|node| !node.is_empty())
}

fn path(parts: &[&str], query: &str) -> String {
    let mut path = String::new();
    for part in parts {
        path.push('/');
        path.extend(utf8_percent_encode(part, NON_ALPHANUMERIC));
    }
    if !query.is_empty() {
        path.push('?');
        path.push_str(query);
    }
    path
}
