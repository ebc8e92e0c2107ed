//! A registry as one pull sees it (distribution-spec). The machine itself is spoken to without TLS, as docker does.

use super::Timeouts;
use super::failure::Failure;
use crate::digest::Digest;
use crate::manifest::{ACCEPTED, Descriptor, MAX_MANIFEST_BYTES};
use crate::reference::Reference;
use crate::service::Credentials;
use futures::StreamExt;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, RegistryOperation};
use std::path::Path;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

pub struct Registry {
    client: Client,
    auth: RegistryAuth,
    /// The image by its tag, or by its digest where it has one.
    image: oci_client::Reference,
    manifest_timeout: Duration,
}

impl Registry {
    /// A client of its own for each pull, so that no pull uses another's credentials.
    pub fn new(name: &Reference, credentials: Option<Credentials>, timeouts: Timeouts) -> Result<Self, Failure> {
        let (domain, path) = (name.domain.clone(), name.path.clone());
        let image = match (&name.digest, &name.tag) {
            (Some(digest), _) => oci_client::Reference::with_digest(domain, path, digest.to_string()),
            (None, tag) => oci_client::Reference::with_tag(domain, path, tag.clone().unwrap_or_else(|| "latest".into())),
        };
        let plain = if name.is_loopback() { vec![name.domain.clone()] } else { Vec::new() };
        let config = ClientConfig {
            protocol: ClientProtocol::HttpsExcept(plain),
            platform_resolver: None,
            connect_timeout: Some(timeouts.connect),
            read_timeout: Some(timeouts.read),
            user_agent: concat!("pilothouse/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config)?;
        Ok(Self { client, auth: auth(credentials)?, image, manifest_timeout: timeouts.manifest })
    }

    /// Without this, a token that is refused would look like an image that is refused.
    pub async fn authenticate(&self) -> Result<(), Failure> {
        let asked = self.client.auth(&self.image, &self.auth, RegistryOperation::Pull);
        match tokio::time::timeout(self.manifest_timeout, asked).await {
            Ok(outcome) => Ok(outcome.map(drop)?),
            Err(_) => Err(Failure::TimedOut),
        }
    }

    /// The document that the name stands for, or the one of this digest.
    pub async fn manifest(&self, digest: Option<&Digest>) -> Result<Vec<u8>, Failure> {
        let image = digest.map_or_else(|| self.image.clone(), |digest| self.image.clone_with_digest(digest.to_string()));
        let asked = self.client.pull_manifest_raw(&image, &self.auth, ACCEPTED);
        let (bytes, _) = tokio::time::timeout(self.manifest_timeout, asked).await.map_err(|_| Failure::TimedOut)??;
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(Failure::Unusable(format!("manifest of {} bytes", bytes.len())));
        }
        Ok(bytes.into())
    }

    /// Writes the blob to the file `path`; its digest and its length are what the descriptor says, or it is an error.
    pub async fn blob(&self, wanted: &Descriptor, path: &Path) -> Result<(), Failure> {
        let mut stream = self.client.pull_blob_stream(&self.image, wanted.digest.as_str()).await.map_err(Failure::blob)?;
        let mut file = File::create(path).await.map_err(Failure::disk)?;
        let mut size = 0;
        while let Some(bytes) = stream.next().await {
            let bytes = bytes.map_err(Failure::body)?;
            size += bytes.len() as u64;
            if size > wanted.size {
                break;
            }
            file.write_all(&bytes).await.map_err(Failure::disk)?;
        }
        // What is written behind one's back is only known to have failed after this.
        file.flush().await.map_err(Failure::disk)?;
        if size != wanted.size {
            return Err(Failure::Broken(format!("blob {}: failed size validation: {size} != {}", wanted.digest, wanted.size)));
        }
        Ok(())
    }
}

fn auth(credentials: Option<Credentials>) -> Result<RegistryAuth, Failure> {
    match credentials {
        Some(Credentials { username, password, .. }) if !username.is_empty() || !password.is_empty() => {
            Ok(RegistryAuth::Basic(username, password))
        }
        Some(Credentials { identity_token, .. }) if !identity_token.is_empty() => {
            Err(Failure::Denied("an identity token is not supported: use a user name and a password".into()))
        }
        _ => Ok(RegistryAuth::Anonymous),
    }
}
