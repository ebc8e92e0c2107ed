//! Session tokens. They carry their own end, signed, so that no client can make the service remember anything.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use meta::Time;

pub(super) const MAX_TTL_SECONDS: i64 = 21_600;

pub(super) struct Tokens {
    key: hmac::Key,
}

impl Tokens {
    pub fn new() -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &aws_lc_rs::rand::SystemRandom::new());
        Ok(Self { key: key.map_err(|_| "no randomness".to_owned())? })
    }

    /// None for a life that is not allowed.
    pub fn issue(&self, ttl: &str, now: Time) -> Option<(String, i64)> {
        let ttl: i64 = ttl.trim().parse().ok().filter(|ttl| (1..=MAX_TTL_SECONDS).contains(ttl))?;
        let end = now.plus_seconds(ttl).unix().to_be_bytes();
        let mut bytes = end.to_vec();
        bytes.extend_from_slice(hmac::sign(&self.key, &end).as_ref());
        Some((URL_SAFE.encode(bytes), ttl))
    }

    pub fn is_valid(&self, token: &str, now: Time) -> bool {
        let Ok(bytes) = URL_SAFE.decode(token) else { return false };
        let Some((end, signature)) = bytes.split_first_chunk::<8>() else { return false };
        hmac::verify(&self.key, end, signature).is_ok() && now.unix() < i64::from_be_bytes(*end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_live_as_long_as_was_asked() {
        let (ours, others) = (Tokens::new().expect("tokens"), Tokens::new().expect("tokens"));
        let now = Time::from_unix(1_000_000);
        for bad in ["", "0", "-1", "21601", "x", "99999999999999999999"] {
            assert!(ours.issue(bad, now).is_none(), "{bad}");
        }
        let (token, ttl) = ours.issue("60", now).expect("a token");
        assert_eq!(ttl, 60);
        assert!(ours.is_valid(&token, now.plus_seconds(59)) && !ours.is_valid(&token, now.plus_seconds(60)));
        assert!(!others.is_valid(&token, now) && !ours.is_valid("", now) && !ours.is_valid("AAAA", now));
        let forged = token.replacen('A', "B", 1);
        assert!(forged == token || !ours.is_valid(&forged, now));
    }
}
