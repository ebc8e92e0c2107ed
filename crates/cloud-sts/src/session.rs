//! A session of a role, and the token that carries it.
//!
//! Token = base64 of a version byte, a 12-byte nonce and the session as JSON under AES-256-GCM.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_service::Random;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;
pub const KEY_BYTES: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub account: String,
    pub role_name: String,
    /// A role made anew under the same name is another role.
    pub role_id: String,
    pub session_name: String,
    /// Seconds since the epoch.
    pub expires: i64,
    /// The session policy, and managed policies used as such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_arns: Vec<String>,
}

/// The key of [`Session::seal`]: any two calls with one key need two nonces, so nonces are random.
pub struct SealingKey(LessSafeKey);

impl SealingKey {
    /// `None` unless it is 32 bytes.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        Some(Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?)))
    }
}

impl Session {
    pub fn seal(&self, key: &SealingKey, random: &dyn Random) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = serde_json::to_vec(self).ok()?;
        key.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from([VERSION]), &mut sealed).ok()?;
        let mut token = vec![VERSION];
        token.extend_from_slice(&nonce);
        token.extend_from_slice(&sealed);
        Some(STANDARD.encode(token))
    }

    /// `None` for anything that this key has not sealed.
    pub fn open(token: &str, key: &SealingKey) -> Option<Self> {
        let mut token = STANDARD.decode(token).ok()?;
        let (head, sealed) = token.split_at_mut_checked(1 + NONCE_LEN)?;
        let [VERSION, nonce @ ..] = &*head else { return None };
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = key.0.open_in_place(nonce, Aad::from([VERSION]), sealed).ok()?;
        serde_json::from_slice(plain).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::SystemRandom;

    #[test]
    fn tokens_open_only_whole_and_with_their_key() {
        let key = SealingKey::new(&[7; KEY_BYTES]).expect("32 bytes");
        let other = SealingKey::new(&[8; KEY_BYTES]).expect("32 bytes");
        let session = Session {
            access_key_id: "ASIAX".into(),
            secret_access_key: "s".into(),
            account: "1".into(),
            role_name: "viewer".into(),
            role_id: "AROA".into(),
            session_name: "me".into(),
            expires: 9,
            policy: None,
            policy_arns: vec![],
        };
        let token = session.seal(&key, &SystemRandom).expect("sealing works");
        assert_eq!(Session::open(&token, &key), Some(session.clone()));
        assert_eq!(Session::open(&token, &other), None);
        assert_ne!(token, session.seal(&key, &SystemRandom).expect("sealing works"));
        let mut bytes = STANDARD.decode(&token).expect("base64");
        for at in [0, 1, 20, bytes.len() - 1] {
            bytes[at] ^= 1;
            assert_eq!(Session::open(&STANDARD.encode(&bytes), &key), None, "byte {at}");
            bytes[at] ^= 1;
        }
        for junk in ["", "AQ==", "not base64!"] {
            assert_eq!(Session::open(junk, &key), None, "{junk}");
        }
    }
}
