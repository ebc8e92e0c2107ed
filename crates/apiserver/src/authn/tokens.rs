//! Bearer tokens: service accounts' by signature and living objects, IAM callers' by asking STS.

use crate::server::ApiServer;
use auth::access::CallerIdentity;
use auth::service_account::{BoundKind, Existing, check_bound_objects};
use aws_lc_rs::digest;
use meta::{Time, User};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) const IAM_PREFIX: &str = "k8s-aws-v1.";
/// How long STS's word on a token is taken for granted, as kube-apiserver caches webhook answers.
const CACHED_SECONDS: i64 = 120;
const CACHED_TOKENS: usize = 4096;

type Hash = [u8; 32];

/// Verified IAM callers by the hash of their token. What the caller may do is looked up anew each time, and who the caller
/// is whenever an access entry has changed.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<HashMap<Hash, Cached>>);

struct Cached {
    caller: CallerIdentity,
    until: Time,
    /// The user at a generation of the access entries.
    user: Option<(u64, Arc<User>)>,
}

/// What the cache knows of a token.
enum Known {
    User(Arc<User>),
    Caller(CallerIdentity),
}

impl TokenCache {
    fn get(&self, hash: &Hash, now: Time, generation: u64) -> Option<Known> {
        let cache = self.0.lock();
        let cached = cache.get(hash).filter(|cached| cached.until > now)?;
        Some(match &cached.user {
            Some((at, user)) if *at == generation => Known::User(user.clone()),
            _ => Known::Caller(cached.caller.clone()),
        })
    }

    fn put(&self, hash: Hash, caller: CallerIdentity, now: Time) {
        let mut cache = self.0.lock();
        if cache.len() >= CACHED_TOKENS {
            cache.retain(|_, cached| cached.until > now);
        }
        if cache.len() < CACHED_TOKENS {
            cache.insert(hash, Cached { caller, until: now.plus_seconds(CACHED_SECONDS), user: None });
        }
    }

    fn put_user(&self, hash: &Hash, generation: u64, user: Arc<User>) {
        if let Some(cached) = self.0.lock().get_mut(hash) {
            cached.user = Some((generation, user));
        }
    }
}

fn hash(token: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

impl ApiServer {
    pub(super) async fn iam_user(&self, token: &str) -> Option<Arc<User>> {
        let (hash, now, callers) = (hash(token), self.clock.now(), &self.authenticators.callers);
        let verifier = self.config.caller_verifier.as_ref()?;
        // Read before the entries are, so that a change of them in between is not missed.
        let generation = self.config.access.generation();
        let caller = match callers.get(&hash, now, generation) {
            Some(Known::User(user)) => return Some(user),
            Some(Known::Caller(caller)) => caller,
            None => {
                let caller = verifier.verify(token).await?;
                callers.put(hash, caller.clone(), now);
                caller
            }
        };
        match self.config.access.map(&caller, |instance| verifier.private_dns(instance)) {
            Ok(user) => {
                let user = Arc::new(user);
                callers.put_user(&hash, generation, user.clone());
                Some(user)
            }
            Err(error) => {
                tracing::debug!(%error, "an IAM identity has no access entry");
                None
            }
        }
    }

    pub(super) fn service_account_user(&self, token: &str, audiences: &[String]) -> Option<(Arc<User>, Vec<String>)> {
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
            Ok(()) => Some((Arc::new(verified.user), verified.audiences)),
            Err(error) => {
                tracing::debug!(%error, "a bearer token outlived what it was bound to");
                None
            }
        }
    }
}
