//! The credentials of the instance's role, as the metadata service hands them out.

use crate::imds::{Imds, ImdsError};
use aws_wire::sigv4::Credentials;
use meta::time::SharedClock;
use meta::{Doc, Time};
use std::sync::Arc;
use tokio::sync::Mutex;

/// SDKs renew credentials that are about to end so long before.
const MARGIN_SECONDS: i64 = 300;

#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error(transparent)]
    Imds(#[from] ImdsError),
    #[error("the instance has no role")]
    NoRole,
    #[error("the role's credentials cannot be had: {0}")]
    Refused(String),
}

#[derive(Clone)]
struct Known {
    credentials: Credentials,
    expiration: Time,
}

pub struct RoleCredentials {
    imds: Arc<Imds>,
    clock: SharedClock,
    known: Mutex<Option<Known>>,
}

impl RoleCredentials {
    pub fn new(imds: Arc<Imds>, clock: SharedClock) -> Self {
        Self { imds, clock, known: Mutex::default() }
    }

    pub async fn get(&self) -> Result<Credentials, CredentialsError> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        if let Some(good) = known.as_ref().filter(|known| known.expiration.seconds_since(now) > MARGIN_SECONDS) {
            return Ok(good.credentials.clone());
        }
        let new = self.read().await?;
        *known = Some(new.clone());
        Ok(new.credentials)
    }

    /// The next ones come from the service.
    pub async fn forget(&self) {
        *self.known.lock().await = None;
    }

    async fn read(&self) -> Result<Known, CredentialsError> {
        let role = match self.imds.meta_data("iam/security-credentials/").await {
            Err(ImdsError::Refused { code: 404, .. }) => return Err(CredentialsError::NoRole),
            other => other?,
        };
        let role = role.lines().next().unwrap_or_default().to_owned();
        let text = self.imds.meta_data(&format!("iam/security-credentials/{role}")).await?;
        let doc: Doc = serde_json::from_str(&text).map_err(|e| CredentialsError::Refused(e.to_string()))?;
        parse(&doc)
    }
}

fn parse(doc: &Doc) -> Result<Known, CredentialsError> {
    let text = |field: &str| doc[field].as_str().unwrap_or_default().to_owned();
    if doc["Code"] != "Success" {
        return Err(CredentialsError::Refused(format!("{} {}", text("Code"), text("Message"))));
    }
    let expiration = Time::parse(&text("Expiration")).ok_or_else(|| CredentialsError::Refused("without an end".into()))?;
    let credentials = Credentials {
        access_key_id: text("AccessKeyId"),
        secret_access_key: text("SecretAccessKey"),
        session_token: Some(text("Token")),
    };
    Ok(Known { credentials, expiration })
}
