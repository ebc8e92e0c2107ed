//! Cluster tokens: the presigned request inside goes to STS through the service's own endpoint, and nowhere else.

use crate::instances::InstanceIndex;
use apiserver::CallerVerifier;
use auth::access::CallerIdentity;
use aws_service::{Endpoint, Peer};
use aws_wire::token::{Hosts, inspect};
use meta::Doc;
use meta::time::SharedClock;
use std::sync::{Arc, OnceLock};

/// The endpoint, which is made after the first control planes may ask for it.
pub type LateEndpoint = Arc<OnceLock<Arc<Endpoint>>>;

/// Verifies tokens made for one cluster.
pub struct TokenCaller {
    pub cluster: String,
    pub hosts: Hosts,
    pub endpoint: LateEndpoint,
    pub instances: InstanceIndex,
    pub clock: SharedClock,
}

#[async_trait::async_trait]
impl CallerVerifier for TokenCaller {
    async fn verify(&self, token: &str) -> Option<CallerIdentity> {
        let token = inspect(token, &self.cluster, &self.hosts, self.clock.now().0)
            .inspect_err(|error| tracing::debug!(cluster = self.cluster, %error, "a cluster token was refused"))
            .ok()?;
        let reply = self.endpoint.get()?.handle(token.request, Peer { tls: true, ..Peer::default() }).await;
        if reply.status != 200 {
            tracing::debug!(cluster = self.cluster, status = reply.status, "STS refused the request in a cluster token");
            return None;
        }
        let doc: Doc = serde_json::from_slice(&reply.body).ok()?;
        let result = &doc["GetCallerIdentityResponse"]["GetCallerIdentityResult"];
        let text = |field: &str| result[field].as_str().unwrap_or_default();
        CallerIdentity::new(text("Arn"), text("Account"), text("UserId"), &token.access_key_id)
            .inspect_err(|error| tracing::warn!(%error, "STS named a caller that cannot be mapped"))
            .ok()
    }

    fn private_dns(&self, instance: &str) -> Option<String> {
        self.instances.private_dns(instance)
    }
}
