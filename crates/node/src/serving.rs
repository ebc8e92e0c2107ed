//! The kubelet's serving certificate: asked for by a request to the cluster, kept on disk, renewed before it ends.
//! Follows client-go `util/certificate/certificate_manager.go`.

use auth::pki::{PrivateKey, SigningRequest, not_after};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::{Client, Options, Resource, WatchItem};
use futures::StreamExt;
use kubelet::server::ServingCertificate;
use meta::time::SharedClock;
use meta::{Doc, Time};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const REQUESTS: Resource = Resource::new("certificates.k8s.io", "v1", "certificatesigningrequests");
const SIGNER: &str = "kubernetes.io/kubelet-serving";
/// `certificateWaitTimeout`: after so long without an answer another request is made.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// Renewed when so much of its life is over; upstream spreads it between 70 and 90.
const RENEW_PERCENT: i64 = 80;

/// What is kept on disk.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Kept {
    certificate: String,
    key: String,
    /// The names that it was asked for.
    names: Vec<String>,
    /// Seconds since the epoch.
    issued: i64,
}

impl Kept {
    /// Seconds until it should be renewed.
    fn renew_in(&self, now: Time) -> i64 {
        let Ok(end) = not_after(&self.certificate) else { return 0 };
        let life = end.unix() - self.issued;
        self.issued + life * RENEW_PERCENT / 100 - now.unix()
    }
}

pub struct Serving {
    pub client: Client,
    pub node_name: String,
    /// DNS names and addresses.
    pub names: Vec<String>,
    /// In a directory of its owner's only.
    pub file: PathBuf,
    pub clock: SharedClock,
    pub current: Arc<ServingCertificate>,
}

impl Serving {
    /// Keeps [`Serving::current`] up to date until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut kept = read(&self.file).filter(|kept| kept.names == self.names && kept.renew_in(self.clock.now()) > 0);
        let mut failures = 0;
        loop {
            if let Some(good) = &kept {
                self.show(good);
                let left = Duration::from_secs(good.renew_in(self.clock.now()).max(0).unsigned_abs());
                if stop.run_until_cancelled(tokio::time::sleep(left)).await.is_none() {
                    return;
                }
            }
            match stop.run_until_cancelled(self.request()).await {
                None => return,
                Some(Ok(new)) => {
                    failures = 0;
                    if let Err(error) = write(&self.file, &new) {
                        tracing::warn!(%error, "the serving certificate cannot be kept");
                    }
                    kept = Some(new);
                }
                Some(Err(why)) => {
                    tracing::warn!(%why, "no serving certificate");
                    let pause = (FIRST_PAUSE * 2u32.pow(failures)).min(LONGEST_PAUSE);
                    failures = (failures + 1).min(9);
                    if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    fn show(&self, kept: &Kept) {
        if let Err(why) = self.current.set(&kept.certificate, &kept.key) {
            tracing::error!(%why, "the serving certificate cannot be used");
        }
    }

    async fn request(&self) -> Result<Kept, String> {
        let key = PrivateKey::generate().map_err(|e| e.to_string())?;
        let common_name = format!("{}{}", meta::user::NODE_PREFIX, self.node_name);
        let pem = SigningRequest::write(&key, &common_name, &[meta::user::NODES.to_owned()], &self.names);
        let request = json!({
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"generateName": "csr-"},
            "spec": {
                "request": STANDARD.encode(pem.map_err(|e| e.to_string())?), "signerName": SIGNER,
                "usages": ["digital signature", "server auth"],
            },
        });
        let made = self.client.create(REQUESTS, "", request).await.map_err(|e| e.to_string())?;
        let answered = tokio::time::timeout(PATIENCE, self.answer(&made.meta.name)).await;
        let certificate = answered.map_err(|_| "the request was not answered".to_owned())??;
        Ok(Kept { certificate, key: key.to_pem(), names: self.names.clone(), issued: self.clock.now().unix() })
    }

    /// The signed certificate, once it is there.
    async fn answer(&self, name: &str) -> Result<String, String> {
        loop {
            let selected = Options { field_selector: format!("metadata.name={name}"), ..Options::default() };
            let list = self.client.list(REQUESTS, "", selected.clone()).await.map_err(|e| e.to_string())?;
            let request = list.items.first().ok_or("the request was deleted")?;
            if let Some(answer) = answer_in(&request.to_doc()) {
                return answer;
            }
            let options = Options { resource_version: list.revision.to_string(), ..selected };
            let mut changes = self.client.watch(REQUESTS, "", options).await.map_err(|e| e.to_string())?;
            while let Some(WatchItem::Event(event)) = changes.next().await {
                if let Some(answer) = answer_in(&event.object.to_doc()) {
                    return answer;
                }
            }
        }
    }
}

fn answer_in(request: &Doc) -> Option<Result<String, String>> {
    let conditions = request["status"]["conditions"].as_array().into_iter().flatten();
    for condition in conditions {
        if condition["type"] == "Denied" || condition["type"] == "Failed" {
            let text = |field: &str| condition[field].as_str().unwrap_or_default();
            return Some(Err(format!("the request was refused: {} {}", text("reason"), text("message"))));
        }
    }
    let pem = STANDARD.decode(request["status"]["certificate"].as_str()?).ok().and_then(|pem| String::from_utf8(pem).ok());
    Some(pem.ok_or_else(|| "the certificate is no PEM".to_owned()))
}

/// What cannot be read is asked for anew.
fn read(path: &Path) -> Option<Kept> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    let next = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    file.sync_all()?;
    fs::rename(&next, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use auth::pki::{CertificateAuthority, Leaf};

    #[test]
    fn a_certificate_is_kept_and_renewed_in_time() {
        let now = Time::parse("2026-11-20T10:00:00Z").expect("a time");
        let authority = CertificateAuthority::generate("kubernetes", now).expect("an authority");
        let leaf = Leaf { valid_seconds: 1000, ..Leaf::api_server(&["10.0.0.1".into()]) };
        let identity = authority.issue(&leaf, now).expect("a certificate");
        let (certificate, key) = (identity.certificate_pem, identity.key.to_pem());
        let kept = Kept { certificate, key, names: vec!["10.0.0.1".into()], issued: now.unix() };
        assert_eq!((kept.renew_in(now), kept.renew_in(now.plus_seconds(900))), (800, -100));
        ServingCertificate::default().set(&kept.certificate, &kept.key).expect("a certificate and its key");
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("serving.json");
        write(&path, &kept).expect("written");
        assert_eq!(read(&path).expect("what was written").names, kept.names);
        fs::write(&path, "{").expect("written");
        assert!(read(&path).is_none());
    }

    #[test]
    fn answers_end_the_waiting() {
        let of = |kind: &str| json!({"status": {"conditions": [{"type": kind, "reason": "R", "message": "m"}]}});
        assert_eq!(answer_in(&json!({"status": {}})), None);
        assert_eq!(answer_in(&of("Approved")), None);
        assert_eq!(answer_in(&of("Failed")), Some(Err("the request was refused: R m".into())));
        assert_eq!(answer_in(&json!({"status": {"certificate": "eA=="}})), Some(Ok("x".into())));
    }
}
