//! Bearer tokens: service accounts' by signature and living objects, IAM callers' by asking STS.

use crate::server::ApiServer;
use auth::access::CallerIdentity;
use auth::service_account::{BoundKind, Existing, check_bound_objects};
use aws_lc_rs::digest;
use meta::{Time, User};
use parking_lot::Mutex;
use std::collections::HashMap;

pub(super) const IAM_PREFIX: &str = "k8s-aws-v1.";
/// How long STS's word on a token is taken for granted, as kube-apiserver caches webhook answers.
const CACHED_SECONDS: i64 = 120;
const CACHED_TOKENS: usize = 4096;

type Hash = [u8; 32];

/// Verified IAM callers by the hash of their token. What the caller may do is looked up anew each time.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<HashMap<Hash, (CallerIdentity, Time)>>);

impl TokenCache {
    fn get(&self, hash: &Hash, now: Time) -> Option<CallerIdentity> {
        self.0.lock().get(hash).filter(|(_, until)| *until > now).map(|(caller, _)| caller.clone())
    }

    fn put(&self, hash: Hash, caller: CallerIdentity, now: Time) {
        let mut cache = self.0.lock();
        if cache.len() >= CACHED_TOKENS {
            cache.retain(|_, (_, until)| *until > now);
        }
        if cache.len() < CACHED_TOKENS {
            cache.insert(hash, (caller, now.plus_seconds(CACHED_SECONDS)));
        }
    }
}

fn hash(token: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

impl ApiServer {
    pub(super) async fn iam_user(&self, token: &str) -> Option<User> {
        let (hash, now) = (hash(token), self.clock.now());
        let verifier = self.config.caller_verifier.as_ref()?;
        let caller = match self.authenticators.callers.get(&hash, now) {
            Some(caller) => caller,
            None => {
                let caller = verifier.verify(token).await?;
                self.authenticators.callers.put(hash, caller.clone(), now);
                caller
            }
        };
        match self.config.access.map(&caller, |instance| verifier.private_dns(instance)) {
            Ok(user) => Some(user),
            Err(error) => {
                tracing::debug!(%error, "an IAM identity has no access entry");
                None
            }
        }
    }

    pub(super) fn service_account_user(&self, token: &str, audiences: &[String]) -> Option<(User, Vec<String>)> {
        let now = self.clock.now();
        let verified = match self.authenticators.issuer.verify(token, audiences, now) {
            Ok(verified) => verified,
            Err(error) => {
                tracing::debug!(%error, "a bearer token was refused");
                return None;
            }
        };
        let find = |kind: BoundKind, namespace: &str, name: &str| {
            let resource = match kind {
                BoundKind::ServiceAccount => "serviceaccounts",
                BoundKind::Secret => "secrets",
                BoundKind::Pod => "pods",
                BoundKind::Node => "nodes",
            };
            let object = self.lookup("", "v1", resource, namespace, name)?;
            let deletion_timestamp = object.meta.deletion_timestamp.as_deref().and_then(Time::parse);
            Some(Existing { uid: object.meta.uid.clone(), deletion_timestamp })
        };
        match check_bound_objects(&verified.claims, now, find) {
            Ok(()) => Some((verified.user, verified.audiences)),
            Err(error) => {
                tracing::debug!(%error, "a bearer token outlived what it was bound to");
                None
            }
        }
    }
}
