//! Content addresses, and readers that compute them on the way.

use aws_lc_rs::digest::{Context, SHA256, SHA512};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Read};

/// `sha256:…` or `sha512:…`, well-formed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// Texts of opencontainers go-digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    #[error("invalid checksum digest format")]
    Format,
    #[error("invalid checksum digest length")]
    Length,
    #[error("unsupported digest algorithm")]
    Unsupported,
}

impl Digest {
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestError::Format)?;
        let length = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ if algorithm.is_empty() || hex.is_empty() => return Err(DigestError::Format),
            _ => return Err(DigestError::Unsupported),
        };
        if hex.len() != length {
            return Err(DigestError::Length);
        }
        let lower = hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        lower.then(|| Self(text.to_owned())).ok_or(DigestError::Format)
    }

    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::sha256();
        hasher.update(bytes);
        hasher.finish()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
    pub fn algorithm(&self) -> &str {
        self.0.split_once(':').map_or("", |(algorithm, _)| algorithm)
    }
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        Self::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

/// A digest in the making.
#[derive(Clone)]
pub struct Hasher {
    algorithm: &'static str,
    context: Context,
}

impl Hasher {
    pub fn sha256() -> Self {
        Self { algorithm: "sha256", context: Context::new(&SHA256) }
    }

    /// Of the same algorithm as `digest`.
    pub fn like(digest: &Digest) -> Self {
        match digest.algorithm() {
            "sha512" => Self { algorithm: "sha512", context: Context::new(&SHA512) },
            _ => Self::sha256(),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    pub fn finish(self) -> Digest {
        let mut text = format!("{}:", self.algorithm);
        for byte in self.context.finish().as_ref() {
            text.push_str(&format!("{byte:02x}"));
        }
        Digest(text)
    }
}

/// Passes bytes on and remembers what they were.
pub struct HashingReader<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> HashingReader<R> {
    pub fn new(inner: R, hasher: Hasher) -> Self {
        Self { inner, hasher }
    }

    pub fn finish(self) -> Digest {
        self.hasher.finish()
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_checked() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").as_str(), empty);
        for (text, expected) in [
            (empty, Ok(())),
            ("sha256", Err(DigestError::Format)),
            ("sha256:", Err(DigestError::Length)),
            (":abc", Err(DigestError::Format)),
            ("md5:d41d8cd98f00b204e9800998ecf8427e", Err(DigestError::Unsupported)),
            (&empty.to_uppercase().replace("SHA", "sha"), Err(DigestError::Format)),
            (&format!("sha256:{}x", "../".repeat(21)), Err(DigestError::Format)),
            (&format!("sha256:{}x", "../".repeat(20)), Err(DigestError::Length)),
        ] {
            assert_eq!(Digest::parse(text).map(drop), expected, "{text}");
        }
    }
}
