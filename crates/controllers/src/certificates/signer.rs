//! Signs approved requests with the cluster's authority.

use super::conditions::{FAILED, find, is_approved, is_issued, with};
use super::request::{CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY, parse, signer, usages, validate};
use super::{NAME, REQUESTS};
use crate::context::Cx;
use auth::pki::{CertificateAuthority, Leaf, Usage};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::Client;
use meta::time::SharedClock;
use meta::{Doc, Time};
use reconcile::{Controller, Error, Informer, Next};
use std::sync::Arc;

const SIGNERS: [&str; 4] = [KUBELET_SERVING, KUBELET_CLIENT, CLIENT, LEGACY];
/// `--cluster-signing-duration` of kube-controller-manager.
const LONGEST_SECONDS: i64 = 365 * 24 * 3600;
/// No shorter life is granted (kubernetes `pkg/controller/certificates/signer/signer.go`).
const SHORTEST_SECONDS: i64 = 600;

pub(super) fn start(cx: &Cx) {
    // Without its key nobody can sign for the authority.
    let Some(authority) = cx.context.authority.clone() else { return };
    let requests = cx.informers.get(REQUESTS);
    let clock = cx.context.clock.clone();
    let pass = Arc::new(Pass { client: cx.client(NAME), requests: requests.clone(), authority, clock });
    Controller::new("csrsigning", &cx.context.runtime).watches_own(&requests).run(1, move |key| {
        let pass = pass.clone();
        async move { pass.reconcile(&key.name).await.map(|()| Next::OnChange) }
    });
}

struct Pass {
    client: Client,
    requests: Arc<Informer>,
    authority: Arc<CertificateAuthority>,
    clock: SharedClock,
}

impl Pass {
    async fn reconcile(&self, name: &str) -> Result<(), Error> {
        let Some(request) = self.requests.get("", name) else { return Ok(()) };
        let request = request.to_doc();
        let done = !is_approved(&request) || is_issued(&request) || find(&request, FAILED).is_some();
        if done || !SIGNERS.contains(&signer(&request)) {
            return Ok(());
        }
        let answered = answer(&request, &self.authority, self.clock.now());
        self.client.update_subresource(REQUESTS, "", name, "status", answered).await?;
        Ok(())
    }
}

/// The request with a certificate, or with the reason why there will be none.
fn answer(request: &Doc, authority: &CertificateAuthority, now: Time) -> Doc {
    match sign(request, authority, now) {
        Ok(pem) => {
            let mut signed = request.clone();
            signed["status"]["certificate"] = STANDARD.encode(pem).into();
            signed
        }
        Err(why) => with(request, FAILED, "SignerValidationFailure", &why, now),
    }
}

fn sign(request: &Doc, authority: &CertificateAuthority, now: Time) -> Result<String, String> {
    let (parsed, usages) = (parse(request).map_err(|error| format!("unable to parse csr: {error}"))?, usages(request));
    validate(signer(request), &parsed, &usages)?;
    let usage = match (usages.contains(&"server auth"), usages.contains(&"client auth")) {
        (true, false) => Usage::Server,
        (false, true) => Usage::Client,
        _ => Usage::Both,
    };
    let leaf = Leaf {
        common_name: parsed.common_name.clone(),
        organizations: parsed.organizations.clone(),
        names: parsed.dns_names.iter().chain(&parsed.ip_addresses).cloned().collect(),
        usage,
        valid_seconds: seconds(request),
    };
    authority.sign(&parsed, &leaf, now).map_err(|error| error.to_string())
}

fn seconds(request: &Doc) -> i64 {
    request["spec"]["expirationSeconds"].as_i64().unwrap_or(LONGEST_SECONDS).clamp(SHORTEST_SECONDS, LONGEST_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use auth::pki::{PrivateKey, SigningRequest, not_after};
    use serde_json::json;

    #[test]
    fn what_is_asked_for_is_signed_or_refused_with_a_reason() {
        let now = Time::parse("2026-11-20T10:00:00Z").expect("a time");
        let authority = CertificateAuthority::generate("kubernetes", now).expect("an authority");
        let key = PrivateKey::generate().expect("a key");
        let request = |organization: &str, seconds: Option<i64>| {
            let pem =
                SigningRequest::write(&key, "system:node:a", &[organization.into()], &["10.0.0.1".into()]).expect("a request");
            json!({"spec": {
                "request": STANDARD.encode(pem), "signerName": KUBELET_SERVING, "expirationSeconds": seconds,
                "usages": ["digital signature", "server auth"],
            }})
        };
        for (asked, granted) in
            [(None, LONGEST_SECONDS), (Some(3600), 3600), (Some(1), SHORTEST_SECONDS), (Some(i64::MAX), LONGEST_SECONDS)]
        {
            let signed = answer(&request("system:nodes", asked), &authority, now);
            let pem = STANDARD.decode(signed["status"]["certificate"].as_str().expect("a certificate")).expect("base64");
            let end = not_after(&String::from_utf8(pem).expect("PEM")).expect("a certificate");
            assert_eq!(end.seconds_since(now), granted, "{asked:?}");
        }
        let refused = answer(&request("system:masters", None), &authority, now);
        assert_eq!(find(&refused, FAILED).expect("a condition")["message"], "organization in CSR is not system:nodes");
        assert!(!is_issued(&refused));
    }
}
