//! What a control plane keeps secret: its certificate authority and its token signing key.

use auth::pki::CertificateAuthority;
use auth::service_account::SigningKey;
use meta::{Doc, Time};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::{Mutex, oneshot};
use tokio_util::task::TaskTracker;

/// Why keys could not be made or read back.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(transparent)]
    Pki(#[from] auth::pki::PkiError),
    #[error("the stored keys lack {0:?}")]
    Missing(&'static str),
}

pub struct Keys {
    pub authority: Arc<CertificateAuthority>,
    pub signing: Arc<SigningKey>,
}

const AUTHORITY: &str = "authorityCertificate";
const AUTHORITY_KEY: &str = "authorityKey";
const SIGNING_KEY: &str = "signingKey";

impl Keys {
    pub fn new(signing: SigningKey, now: Time) -> Result<Self, KeysError> {
        Ok(Self { authority: Arc::new(CertificateAuthority::generate("kubernetes", now)?), signing: Arc::new(signing) })
    }

    /// The fields of the sensitive record that keeps them.
    pub fn to_doc(&self) -> Result<Doc, KeysError> {
        Ok(json!({
            AUTHORITY: self.authority.certificate_pem(),
            AUTHORITY_KEY: self.authority.key_pem(),
            SIGNING_KEY: self.signing.to_pem()?,
        }))
    }

    pub fn from_doc(doc: &Doc) -> Result<Self, KeysError> {
        let text = |field: &'static str| doc[field].as_str().ok_or(KeysError::Missing(field));
        let authority = CertificateAuthority::from_pem(text(AUTHORITY)?, text(AUTHORITY_KEY)?)?;
        Ok(Self { authority: Arc::new(authority), signing: Arc::new(SigningKey::from_pem(text(SIGNING_KEY)?)?) })
    }
}

/// Keeps one RSA key ready: making one takes longer than everything else in creating a cluster.
pub struct SigningKeys {
    next: Mutex<Option<oneshot::Receiver<SigningKey>>>,
    tasks: TaskTracker,
}

impl SigningKeys {
    pub fn new(tasks: TaskTracker) -> Self {
        let next = Mutex::new(Some(make(&tasks)));
        Self { next, tasks }
    }

    pub async fn take(&self) -> Result<SigningKey, KeysError> {
        let ready = self.next.lock().await.replace(make(&self.tasks));
        match ready {
            Some(ready) => match ready.await {
                Ok(key) => Ok(key),
                // The maker failed; its error is best had by trying here.
                Err(_) => Ok(SigningKey::generate()?),
            },
            None => Ok(SigningKey::generate()?),
        }
    }
}

fn make(tasks: &TaskTracker) -> oneshot::Receiver<SigningKey> {
    let (sender, receiver) = oneshot::channel();
    tasks.spawn_blocking(move || {
        if let Ok(key) = SigningKey::generate() {
            // Nobody waiting for it any more means the service is stopping.
            drop(sender.send(key));
        }
    });
    receiver
}
