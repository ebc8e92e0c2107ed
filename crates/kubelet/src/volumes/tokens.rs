//! Tokens of service accounts, bound to a pod (kubernetes pkg/kubelet/token/token_manager.go).

use crate::pod::PodView;
use client::{Call, Client, Resource, Verb};
use meta::time::SharedClock;
use meta::{Doc, Time};
use parking_lot::Mutex;
use serde_json::json;
use std::collections::HashMap;

const SERVICE_ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts");
/// A token is renewed when it has lived so long, however long it lives.
const MAX_LIFE_SECONDS: i64 = 24 * 3600;

#[derive(Clone)]
struct Known {
    token: String,
    renew_at: i64,
}

/// (pod uid, audience, seconds)
type Key = (String, String, i64);

pub struct Tokens {
    client: Client,
    clock: SharedClock,
    known: Mutex<HashMap<Key, Known>>,
}

impl Tokens {
    pub fn new(client: Client, clock: SharedClock) -> Self {
        Self { client, clock, known: Mutex::default() }
    }

    /// Empty audience: the API server's.
    pub async fn get(&self, pod: &PodView, audience: &str, seconds: i64) -> Result<String, String> {
        let key = (pod.uid().to_owned(), audience.to_owned(), seconds);
        let now = self.clock.now().unix();
        let known = self.known.lock().get(&key).cloned();
        if let Some(known) = known.filter(|known| known.renew_at > now) {
            return Ok(known.token);
        }
        let audiences: Vec<&str> = Some(audience).filter(|audience| !audience.is_empty()).into_iter().collect();
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {
                "audiences": audiences, "expirationSeconds": seconds,
                "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": pod.name(), "uid": pod.uid()},
            },
        });
        let call = Call::new(Verb::Create, SERVICE_ACCOUNTS.gvr(), pod.namespace(), pod.service_account());
        let reply = self.client.call(call.subresource("token").body(request)).await;
        let status = match reply.map_err(|status| format!("failed to fetch token: {status}"))?.body {
            client::ReplyBody::Doc(doc) => doc["status"].clone(),
            client::ReplyBody::Object(object) => object.get("/status"),
            client::ReplyBody::List(_) => Doc::Null,
        };
        let token = status["token"].as_str().ok_or("failed to fetch token: the answer has none")?.to_owned();
        let expires = status["expirationTimestamp"].as_str().and_then(Time::parse).map_or(now + seconds, |time| time.unix());
        let renew_at = now + ((expires - now) * 4 / 5).clamp(1, MAX_LIFE_SECONDS);
        self.known.lock().insert(key, Known { token: token.clone(), renew_at });
        Ok(token)
    }

    /// In how many seconds the first token of a pod is to be renewed.
    pub fn renewal(&self, pod_uid: &str) -> Option<u64> {
        let now = self.clock.now().unix();
        let known = self.known.lock();
        let due = known.iter().filter(|((uid, _, _), _)| uid == pod_uid).map(|(_, known)| known.renew_at - now);
        due.min().map(|seconds| u64::try_from(seconds).unwrap_or(0))
    }

    pub fn forget(&self, pod_uid: &str) {
        self.known.lock().retain(|(uid, _, _), _| uid != pod_uid);
    }
}
