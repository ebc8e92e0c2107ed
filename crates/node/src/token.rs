//! Bearer tokens of the cluster: a presigned GetCallerIdentity, good for a quarter of an hour.

use crate::credentials::RoleCredentials;
use client_http::TokenSource;
use meta::Time;
use meta::time::SharedClock;
use parking_lot::Mutex;
use std::sync::Arc;

/// `aws eks get-token` says fourteen minutes; renewed a little before.
const SECONDS: i64 = 13 * 60;

pub struct ClusterToken {
    pub cluster: String,
    pub region: String,
    pub credentials: Arc<RoleCredentials>,
    pub clock: SharedClock,
    pub known: Mutex<Option<(String, Time)>>,
}

#[async_trait::async_trait]
impl TokenSource for ClusterToken {
    async fn token(&self) -> Result<String, String> {
        let now = self.clock.now();
        if let Some((token, made)) = &*self.known.lock()
            && now.seconds_since(*made) < SECONDS
        {
            return Ok(token.clone());
        }
        let credentials = self.credentials.get().await.map_err(|e| e.to_string())?;
        let token = aws_wire::token::make(&self.cluster, &self.region, &credentials, now.0);
        *self.known.lock() = Some((token.clone(), now));
        Ok(token)
    }

    fn refused(&self, token: &str) {
        self.known.lock().take_if(|(known, _)| known == token);
    }
}
