//! The role credentials of one instance: issued when asked for, kept until half of their life is over.

use meta::Time;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Temporary credentials of a role.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub expiration: Time,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Makes sessions of instance roles; implemented by composition over STS.
#[async_trait::async_trait]
pub trait InstanceCredentials: Send + Sync + 'static {
    /// A session of the role whose name is the instance's id. The error is for the log.
    async fn issue(&self, role_arn: &str, instance_id: &str) -> Result<Credentials, String>;
}

#[derive(Clone)]
pub(super) struct Issued {
    pub credentials: Credentials,
    pub at: Time,
    role_arn: String,
}

impl Issued {
    /// More than half of their life is left, and they are of this role.
    fn serves(&self, role_arn: &str, now: Time) -> bool {
        let life = self.credentials.expiration.seconds_since(self.at);
        self.role_arn == role_arn && self.credentials.expiration.seconds_since(now) * 2 > life
    }
}

pub(super) struct CredentialCache {
    issuer: Arc<dyn InstanceCredentials>,
    issued: Mutex<Option<Issued>>,
}

impl CredentialCache {
    pub fn new(issuer: Arc<dyn InstanceCredentials>) -> Self {
        Self { issuer, issued: Mutex::default() }
    }

    /// Callers that come while credentials are being issued wait for those.
    pub async fn get(&self, role_arn: &str, instance_id: &str, now: Time) -> Result<Issued, String> {
        let mut issued = self.issued.lock().await;
        if let Some(known) = issued.as_ref().filter(|known| known.serves(role_arn, now)) {
            return Ok(known.clone());
        }
        let credentials = self.issuer.issue(role_arn, instance_id).await?;
        let new = Issued { credentials, at: now, role_arn: role_arn.to_owned() };
        *issued = Some(new.clone());
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Counting(AtomicI64);

    #[async_trait::async_trait]
    impl InstanceCredentials for Counting {
        async fn issue(&self, role_arn: &str, instance_id: &str) -> Result<Credentials, String> {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Credentials {
                access_key_id: format!("ASIA{count}"),
                secret_access_key: role_arn.into(),
                session_token: instance_id.into(),
                expiration: Time::from_unix(1_000_000 + 3600),
            })
        }
    }

    #[tokio::test]
    async fn credentials_are_renewed_at_half_of_their_life() {
        let cache = CredentialCache::new(Arc::new(Counting(AtomicI64::new(0))));
        for (second, role, expected) in
            [(0, "r", "ASIA0"), (1799, "r", "ASIA0"), (1799, "other", "ASIA1"), (1799, "r", "ASIA2"), (2701, "r", "ASIA3")]
        {
            let issued = cache.get(role, "i-1", Time::from_unix(1_000_000 + second)).await.expect("credentials");
            assert_eq!(issued.credentials.access_key_id, expected, "{second} {role}");
        }
    }
}
