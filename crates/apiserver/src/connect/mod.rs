//! Requests that leave this server: streams to a node's kubelet, and what is proxied to nodes, pods and services.

mod backend;
mod container;
mod options;
mod pods;
mod proxy;
mod relay;

pub use backend::{KUBELET_CLIENT, KubeletConnection, KubeletDialer, KubeletTlsError};

use crate::http::HttpHandler;
use ::http::{Request, Response};
use client::{Call, Client, Target};
use meta::status::Result;
use meta::{Status, User};
use serve::{Body, RequestBody};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Followed logs, upgraded connections and proxied requests that may be open at once.
pub(crate) const MAX_OPEN: usize = 2000;

/// Whether a target is answered by somebody else.
pub(crate) fn is_connect(target: &Target) -> bool {
    let pod = ["log", "exec", "attach", "portforward", "proxy"];
    target.resource.group.is_empty()
        && match target.resource.resource.as_str() {
            "pods" => pod.contains(&target.subresource.as_str()),
            "services" | "nodes" => target.subresource == "proxy",
            _ => false,
        }
}

/// One such request on its way.
pub(crate) struct Connect<'a> {
    handler: &'a HttpHandler,
    kubelet: KubeletConnection,
    user: &'a User,
    call: Call,
    request: Request<RequestBody>,
    place: OwnedSemaphorePermit,
}

impl HttpHandler {
    /// None: nothing beyond this server can be reached, and the ordinary path says so.
    pub(crate) async fn connect(&self, user: &User, call: Call, request: Request<RequestBody>) -> Result<Response<Body>> {
        let Some(kubelet) = self.server.config().kubelet.clone() else {
            let cx = self.server.enter(user, &call)?;
            return match self.server.answer(&cx).await {
                Err(status) => Err(status),
                Ok(_) => Err(Status::internal("no node can be reached")),
            };
        };
        let place = self.open.clone().try_acquire_owned();
        let place = place.map_err(|_| Status::too_many_requests("Too many requests, please try again later.", 1))?;
        let connect = Connect { handler: self, kubelet, user, call, request, place };
        match connect.call.target.subresource.as_str() {
            "log" => connect.log().await,
            "exec" | "attach" => connect.remote_command().await,
            "portforward" => connect.port_forward().await,
            _ => connect.proxy().await,
        }
    }
}

impl Connect<'_> {
    /// The server's own eyes: the caller was authorized for the subresource, which is enough.
    fn reader(&self) -> Client {
        self.handler.server.client(User::authenticated("system:apiserver", [meta::user::MASTERS]))
    }

    async fn object(&self, resource: client::Resource, namespace: &str, name: &str) -> Result<Arc<meta::Object>> {
        self.reader().get(resource, namespace, name).await
    }

    fn query(&self) -> &str {
        self.request.uri().query().unwrap_or_default()
    }
}

const PODS: client::Resource = client::Resource::new("", "v1", "pods");
const NODES: client::Resource = client::Resource::new("", "v1", "nodes");
const SERVICES: client::Resource = client::Resource::new("", "v1", "services");
const SLICES: client::Resource = client::Resource::new("discovery.k8s.io", "v1", "endpointslices");
