//! The sealing key as a record: made at the first start, read once.

use crate::records::{API_VERSION, SEALING_KEYS};
use crate::session::{KEY_BYTES, SealingKey};
use aws_service::Random;
use aws_service::records::{ensure, ensure_namespace};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use client::Client;
use meta::Status;
use serde_json::json;
use tokio::sync::OnceCell;

const NAME: &str = "current";

/// Makes the key unless there is one. Deleting it ends every session.
pub async fn bootstrap(client: &Client, account: &str, random: &dyn Random) -> Result<(), Status> {
    ensure_namespace(client, account).await?;
    let mut bytes = [0; KEY_BYTES];
    random.fill(&mut bytes);
    let doc = json!({
        "apiVersion": API_VERSION, "kind": "SealingKey", "metadata": {"name": NAME}, "spec": {"key": STANDARD.encode(bytes)},
    });
    ensure(client, SEALING_KEYS, account, doc).await.map(|_| ())
}

/// The key of one account, shared by the service and the verifier.
pub struct SealingKeys {
    client: Client,
    account: String,
    key: OnceCell<SealingKey>,
}

impl SealingKeys {
    pub fn new(client: Client, account: &str) -> Self {
        Self { client, account: account.to_owned(), key: OnceCell::new() }
    }

    pub(crate) async fn key(&self) -> Result<&SealingKey, Status> {
        self.key.get_or_try_init(|| self.read()).await
    }

    async fn read(&self) -> Result<SealingKey, Status> {
        let record = self.client.get(SEALING_KEYS, &self.account, NAME).await?;
        let bytes = record.get("/spec/key").as_str().and_then(|text| STANDARD.decode(text).ok());
        bytes.and_then(|bytes| SealingKey::new(&bytes)).ok_or_else(|| Status::internal("the sealing key is malformed"))
    }
}
