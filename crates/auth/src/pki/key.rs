//! Private keys of certificates: ECDSA P-256, because a cluster must not wait for RSA primes.

use super::{PkiError, pem_decode, pem_encode};
use rcgen::KeyPair;
use std::fmt;

const LABEL: &str = "PRIVATE KEY";

/// Never printed; leaves memory only through [`PrivateKey::to_pem`] and [`PrivateKey::to_der`].
pub struct PrivateKey(pub(super) KeyPair);

impl PrivateKey {
    pub fn generate() -> Result<Self, PkiError> {
        Ok(Self(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?))
    }
    /// Reads PKCS#8.
    pub fn from_pem(pem: &str) -> Result<Self, PkiError> {
        pem_decode(LABEL, pem)?;
        Ok(Self(KeyPair::from_pem(pem)?))
    }
    /// PKCS#8. A secret.
    pub fn to_pem(&self) -> String {
        encode(&self.0)
    }
    /// PKCS#8. A secret.
    pub fn to_der(&self) -> Vec<u8> {
        self.0.serialize_der()
    }
}

pub(super) fn encode(pair: &KeyPair) -> String {
    pem_encode(LABEL, pair.serialized_der())
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}
