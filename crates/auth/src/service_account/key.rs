//! The RSA key of a token issuer. RS256, as on EKS, because OIDC relying parties expect it.

use crate::pki::{PkiError, pem_decode, pem_encode};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meta::Doc;
use serde_json::json;
use std::fmt;

const LABEL: &str = "PRIVATE KEY";

/// Generating one takes about as long as creating a cluster may: make them ahead and keep a few ready.
pub struct SigningKey {
    pair: KeyPair,
    public: PublicKey,
}

/// What a verifier needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// SHA-256 of the public key, so that it gives nothing away (kubernetes `pkg/serviceaccount/jwt.go`).
    pub key_id: String,
    pkcs1_der: Vec<u8>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl SigningKey {
    pub fn generate() -> Result<Self, PkiError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| PkiError::Key("RSA key generation failed".into()))?;
        Self::new(pair)
    }

    /// Reads PKCS#8.
    pub fn from_pem(pem: &str) -> Result<Self, PkiError> {
        Self::new(KeyPair::from_pkcs8(&pem_decode(LABEL, pem)?).map_err(|e| PkiError::Key(e.to_string()))?)
    }

    fn new(pair: KeyPair) -> Result<Self, PkiError> {
        let key = pair.public_key();
        let spki = key.as_der().map_err(|_| PkiError::Key("no public key".into()))?;
        let public = PublicKey {
            key_id: URL_SAFE_NO_PAD.encode(digest(&SHA256, spki.as_ref())),
            pkcs1_der: key.as_ref().to_vec(),
            modulus: key.modulus().big_endian_without_leading_zero().to_vec(),
            exponent: key.exponent().big_endian_without_leading_zero().to_vec(),
        };
        Ok(Self { pair, public })
    }

    /// PKCS#8. A secret.
    pub fn to_pem(&self) -> Result<String, PkiError> {
        let der = self.pair.as_der().map_err(|_| PkiError::Key("the key cannot be written".into()))?;
        Ok(pem_encode(LABEL, der.as_ref()))
    }

    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| PkiError::Key("signing failed".into()))?;
        Ok(signature)
    }
}

impl PublicKey {
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.pkcs1_der).verify(message, signature).is_ok()
    }

    /// An entry of `/openid/v1/jwks`.
    pub fn jwk(&self) -> Doc {
        json!({
            "use": "sig", "kty": "RSA", "kid": self.key_id, "alg": "RS256",
            "n": URL_SAFE_NO_PAD.encode(&self.modulus), "e": URL_SAFE_NO_PAD.encode(&self.exponent),
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("key_id", &self.public.key_id).finish_non_exhaustive()
    }
}
