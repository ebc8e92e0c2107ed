//! Asks the API server about callers, and remembers the answers for a while.

use super::KubeletAuth;
use client::{Client, Resource};
use meta::status::Result;
use meta::time::SharedClock;
use meta::{Doc, Time, User};
use parking_lot::Mutex;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

const TOKEN_REVIEWS: Resource = Resource::new("authentication.k8s.io", "v1", "tokenreviews");
const ACCESS_REVIEWS: Resource = Resource::new("authorization.k8s.io", "v1", "subjectaccessreviews");
/// `authentication.webhook.cacheTTL` and `authorization.webhook.cache{Authorized,Unauthorized}TTL` of upstream's defaults.
const TOKEN_SECONDS: i64 = 120;
const ALLOWED_SECONDS: i64 = 300;
const REFUSED_SECONDS: i64 = 30;
const MAX_REMEMBERED: usize = 1024;

/// [`KubeletAuth`] by TokenReview and SubjectAccessReview, as the node's own user.
pub struct ApiAuth {
    client: Client,
    node_name: String,
    clock: SharedClock,
    tokens: Memory<String, User>,
    decisions: Memory<(String, Vec<String>, String, String), bool>,
}

impl ApiAuth {
    pub fn new(client: Client, node_name: impl Into<String>, clock: SharedClock) -> Self {
        Self { client, node_name: node_name.into(), clock, tokens: Memory::default(), decisions: Memory::default() }
    }

    async fn review(&self, resource: Resource, kind: &str, spec: Doc) -> Result<Doc> {
        let doc = json!({ "apiVersion": resource.gvr().api_version(), "kind": kind, "spec": spec });
        Ok(self.client.create(resource, "", doc).await?.to_doc()["status"].take())
    }
}

#[async_trait::async_trait]
impl KubeletAuth for ApiAuth {
    async fn authenticate(&self, token: &str) -> Result<Option<User>> {
        let now = self.clock.now();
        if let Some(user) = self.tokens.recall(&token.to_owned(), now) {
            return Ok(Some(user));
        }
        let status = self.review(TOKEN_REVIEWS, "TokenReview", json!({ "token": token })).await?;
        if status["authenticated"] != true {
            return Ok(None);
        }
        let user = user_of(&status["user"]);
        self.tokens.remember(token.to_owned(), user.clone(), now, TOKEN_SECONDS);
        Ok(Some(user))
    }

    async fn authorize(&self, user: &User, verb: &str, subresource: &str) -> Result<bool> {
        let now = self.clock.now();
        let key = (user.name.clone(), user.groups.clone(), verb.to_owned(), subresource.to_owned());
        if let Some(allowed) = self.decisions.recall(&key, now) {
            return Ok(allowed);
        }
        let attributes =
            json!({ "verb": verb, "version": "v1", "resource": "nodes", "subresource": subresource, "name": self.node_name });
        let spec = json!({
            "user": user.name, "uid": user.uid, "groups": user.groups, "extra": user.extra, "resourceAttributes": attributes,
        });
        let status = self.review(ACCESS_REVIEWS, "SubjectAccessReview", spec).await?;
        let allowed = status["allowed"] == true;
        self.decisions.remember(key, allowed, now, if allowed { ALLOWED_SECONDS } else { REFUSED_SECONDS });
        Ok(allowed)
    }
}

fn user_of(doc: &Doc) -> User {
    let text = |value: &Doc| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Doc| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let extra = doc["extra"].as_object().into_iter().flatten().map(|(name, values)| (name.clone(), texts(values)));
    User {
        name: text(&doc["username"]),
        uid: text(&doc["uid"]),
        groups: texts(&doc["groups"]),
        extra: extra.collect::<BTreeMap<_, _>>(),
    }
}

/// Answers with their end. Full of live ones, it starts anew.
struct Memory<K, V>(Mutex<HashMap<K, (V, Time)>>);

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Memory<K, V> {
    fn recall(&self, key: &K, now: Time) -> Option<V> {
        self.0.lock().get(key).filter(|(_, until)| now < *until).map(|(value, _)| value.clone())
    }

    fn remember(&self, key: K, value: V, now: Time, seconds: i64) {
        let mut all = self.0.lock();
        if all.len() >= MAX_REMEMBERED {
            all.retain(|_, (_, until)| now < *until);
        }
        if all.len() >= MAX_REMEMBERED {
            all.clear();
        }
        all.insert(key, (value, now.plus_seconds(seconds)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_forgotten_in_time_and_in_numbers() {
        let memory = Memory::default();
        let now = Time::from_unix(1000);
        memory.remember(0, "old", now, 10);
        assert_eq!(memory.recall(&0, now.plus_seconds(9)), Some("old"));
        assert_eq!(memory.recall(&0, now.plus_seconds(10)), None);
        for key in 1..=2 * MAX_REMEMBERED {
            memory.remember(key, "new", now, 10);
        }
        assert!(memory.0.lock().len() <= MAX_REMEMBERED);
        assert_eq!(memory.recall(&(2 * MAX_REMEMBERED), now), Some("new"));
    }
}
