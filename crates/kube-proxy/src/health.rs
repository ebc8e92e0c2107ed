//! Tells load balancers whether this node has endpoints of a Service whose `externalTrafficPolicy` is Local.
//! Follows kubernetes `pkg/proxy/healthcheck/service_health.go`.

use crate::Progress;
use http::{Request, Response, StatusCode};
use node_os::netns::NetNs;
use reconcile::{ObjectKey, Runtime};
use serde_json::json;
use serve::{Body, Handler, Peer, RequestBody, Server};
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// A Service's port and what is answered there. Dropping it ends its listeners.
struct Check {
    port: u16,
    endpoints: Arc<AtomicUsize>,
    runtime: Runtime,
}

impl Drop for Check {
    fn drop(&mut self) {
        self.runtime.stop.cancel();
    }
}

pub struct HealthChecks {
    namespace: NetNs,
    addresses: Vec<Ipv4Addr>,
    progress: watch::Receiver<Progress>,
    runtime: Runtime,
    checks: BTreeMap<ObjectKey, Check>,
}

impl HealthChecks {
    pub fn new(namespace: NetNs, addresses: Vec<Ipv4Addr>, progress: watch::Receiver<Progress>, runtime: &Runtime) -> Self {
        Self { namespace, addresses, progress, runtime: runtime.clone(), checks: BTreeMap::new() }
    }

    /// None: nobody asks for this Service.
    pub fn set(&mut self, service: &ObjectKey, port: Option<u16>, endpoints: usize) -> io::Result<()> {
        if self.checks.get(service).is_some_and(|check| Some(check.port) != port) {
            self.checks.remove(service);
        }
        let Some(port) = port else { return Ok(()) };
        if let Some(check) = self.checks.get(service) {
            check.endpoints.store(endpoints, Ordering::Relaxed);
            return Ok(());
        }
        let check = self.open(service, port, endpoints)?;
        self.checks.insert(service.clone(), check);
        Ok(())
    }

    fn open(&self, service: &ObjectKey, port: u16, endpoints: usize) -> io::Result<Check> {
        let check = Check { port, endpoints: Arc::new(AtomicUsize::new(endpoints)), runtime: self.runtime.child() };
        let (service, progress) = (service.clone(), self.progress.clone());
        let answer = Arc::new(Answer { service, endpoints: check.endpoints.clone(), progress });
        for address in &self.addresses {
            let listener = self.namespace.listen_tcp((*address, port).into())?;
            let server = Server { listener, tls: None, plain: true };
            let (tasks, stop) = (check.runtime.tasks.clone(), check.runtime.stop.clone());
            self.runtime.tasks.spawn(server.run(answer.clone(), tasks, stop));
        }
        Ok(check)
    }
}

struct Answer {
    service: ObjectKey,
    endpoints: Arc<AtomicUsize>,
    progress: watch::Receiver<Progress>,
}

#[async_trait::async_trait]
impl Handler for Answer {
    async fn handle(&self, _peer: &Peer, _request: Request<RequestBody>) -> Response<Body> {
        let endpoints = self.endpoints.load(Ordering::Relaxed);
        let healthy = self.progress.borrow().in_step;
        let status = if endpoints > 0 && healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let service = json!({"namespace": self.service.namespace, "name": self.service.name});
        let body = json!({"service": service, "localEndpoints": endpoints, "serviceProxyHealthy": healthy});
        let mut response = Response::new(serve::full(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, http::HeaderValue::from_static("nosniff"));
        response
    }
}
