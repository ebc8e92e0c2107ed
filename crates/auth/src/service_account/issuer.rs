//! Signs and verifies the tokens of one cluster (kubernetes `pkg/serviceaccount/jwt.go`).

use super::claims::{Binding, Claims, KubernetesClaims, ObjectRef};
use super::key::{PublicKey, SigningKey};
use crate::pki::PkiError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meta::{Doc, Time, User};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Clocks may disagree by this much (go-jose's default).
const LEEWAY_SECONDS: i64 = 60;
/// What the kubelet asks for where an old client may not refresh its token; such a token lives longer than it says.
const WARN_ONLY_SECONDS: i64 = 3607;
/// How much longer, on EKS.
const EXTENDED_SECONDS: i64 = 90 * 86_400;

/// Whom a token is for. All of it has been checked by the caller.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    pub namespace: String,
    pub service_account: ObjectRef,
    pub binding: Binding,
    /// Empty: the API server's own.
    pub audiences: Vec<String>,
    pub expiration_seconds: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    pub token: String,
    /// For `status.expirationTimestamp`: when to have fetched a fresh one.
    pub expires: Time,
    pub audiences: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub claims: Claims,
    /// Those of the wanted audiences that the token is for.
    pub audiences: Vec<String>,
    pub user: User,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Some other authenticator may know it.
    #[error("not a token of this issuer")]
    Foreign,
    #[error("{0}")]
    Invalid(String),
}

#[derive(Debug)]
pub struct Issuer {
    url: String,
    signing: Arc<SigningKey>,
    /// Keys whose tokens are good, the signing key first.
    keys: Vec<PublicKey>,
    audiences: Vec<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: String,
}

impl Issuer {
    /// `audiences` are those of the API server; empty means the issuer's URL.
    pub fn new(url: &str, signing: Arc<SigningKey>, audiences: Vec<String>) -> Self {
        let audiences = if audiences.is_empty() { vec![url.to_owned()] } else { audiences };
        Self { url: url.to_owned(), keys: vec![signing.public().clone()], signing, audiences }
    }

    /// Tokens that an earlier key signed stay good.
    pub fn accept(mut self, key: PublicKey) -> Self {
        self.keys.push(key);
        self
    }

    pub fn url(&self) -> &str {
        &self.url
    }
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// `jti` is a fresh uid.
    pub fn sign(&self, subject: &Subject, jti: &str, now: Time) -> Result<Issued, PkiError> {
        let claims = self.claims(subject, jti, now);
        let header = json!({ "alg": "RS256", "kid": self.signing.public().key_id });
        let part = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let payload = serde_json::to_vec(&claims).map_err(|e| PkiError::Malformed(e.to_string()))?;
        let mut token = format!("{}.{}", part(header.to_string().into_bytes()), part(payload));
        let signature = self.signing.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&part(signature));
        Ok(Issued { token, expires: now.plus_seconds(subject.expiration_seconds), audiences: claims.aud })
    }

    fn claims(&self, subject: &Subject, jti: &str, now: Time) -> Claims {
        let audiences = if subject.audiences.is_empty() { &self.audiences } else { &subject.audiences };
        let extended = matches!(subject.binding, Binding::Pod { .. })
            && subject.expiration_seconds == WARN_ONLY_SECONDS
            && audiences.iter().all(|a| self.audiences.contains(a));
        let mut kubernetes = KubernetesClaims {
            namespace: subject.namespace.clone(),
            serviceaccount: subject.service_account.clone(),
            warnafter: extended.then(|| now.unix() + subject.expiration_seconds),
            ..KubernetesClaims::default()
        };
        match subject.binding.clone() {
            Binding::ServiceAccount => {}
            Binding::Pod { pod, node } => (kubernetes.pod, kubernetes.node) = (Some(pod), node),
            Binding::Secret(secret) => kubernetes.secret = Some(secret),
            Binding::Node(node) => kubernetes.node = Some(node),
        }
        Claims {
            aud: audiences.clone(),
            exp: now.unix() + if extended { EXTENDED_SECONDS } else { subject.expiration_seconds },
            iat: now.unix(),
            iss: self.url.clone(),
            jti: jti.to_owned(),
            sub: User::service_account(&subject.namespace, &subject.service_account.name).name,
            nbf: now.unix(),
            kubernetes,
        }
    }

    /// Checks structure, signature, time and audience (`wanted` empty: the API server's own). Whether the bound
    /// objects still exist is [`super::check_bound_objects`]'s question.
    pub fn verify(&self, token: &str, wanted: &[String], now: Time) -> Result<Verified, TokenError> {
        let invalid = |text: &str| TokenError::Invalid(text.to_owned());
        let [header, payload, signature] = parts(token).ok_or(TokenError::Foreign)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Foreign);
        let claims_json = decode(payload)?;
        if unverified_issuer(&claims_json).as_deref() != Some(&self.url) {
            return Err(TokenError::Foreign);
        }
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| TokenError::Foreign)?;
        if header.alg != "RS256" {
            return Err(TokenError::Invalid(format!("unexpected signature algorithm {:?}; expected [\"RS256\"]", header.alg)));
        }
        let mut keys = self.keys.iter().filter(|k| header.kid.is_empty() || k.key_id == header.kid).peekable();
        keys.peek().ok_or_else(|| invalid("invalid signature, no keys found"))?;
        let (signed, signature) = (&token[..token.len() - signature.len() - 1], decode(signature)?);
        if !keys.any(|key| key.verifies(signed.as_bytes(), &signature)) {
            return Err(invalid("error in cryptographic primitive"));
        }
        let claims: Claims = serde_json::from_slice(&claims_json)
            .map_err(|_| invalid("service account token claims could not be validated due to unexpected validation error"))?;
        check_time(&claims, now)?;
        let audiences = self.shared_audiences(&claims, wanted)?;
        Ok(Verified { user: claims.user(), claims, audiences })
    }

    fn shared_audiences(&self, claims: &Claims, wanted: &[String]) -> Result<Vec<String>, TokenError> {
        let wanted = if wanted.is_empty() { &self.audiences } else { wanted };
        let own = if claims.aud.is_empty() { &self.audiences } else { &claims.aud };
        let shared: Vec<String> = own.iter().filter(|a| wanted.contains(a)).cloned().collect();
        if shared.is_empty() {
            let list = crate::rbac::go_strings;
            let text = format!("token audiences {} is invalid for the target audiences {}", list(own), list(wanted));
            return Err(TokenError::Invalid(text));
        }
        Ok(shared)
    }

    /// `/openid/v1/jwks`.
    pub fn jwks(&self) -> Doc {
        json!({ "keys": self.keys.iter().map(PublicKey::jwk).collect::<Vec<_>>() })
    }

    /// `/.well-known/openid-configuration`.
    pub fn discovery(&self, jwks_uri: &str) -> Doc {
        json!({
            "issuer": self.url, "jwks_uri": jwks_uri, "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
        })
    }
}

fn parts(token: &str) -> Option<[&str; 3]> {
    let parts: Vec<&str> = token.splitn(4, '.').collect();
    parts.try_into().ok()
}

fn unverified_issuer(claims: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Probe {
        iss: String,
    }
    serde_json::from_slice::<Probe>(claims).ok().map(|p| p.iss)
}

fn check_time(claims: &Claims, now: Time) -> Result<(), TokenError> {
    let (early, late) = (now.unix() + LEEWAY_SECONDS, now.unix() - LEEWAY_SECONDS);
    let text = match claims {
        _ if claims.nbf > early => "service account token is not valid yet",
        _ if claims.exp < late => "service account token has expired",
        _ if claims.iat > early => "service account token is issued in the future",
        _ => return Ok(()),
    };
    Err(TokenError::Invalid(text.into()))
}
