//! Image names as Docker writes them. Grammar and texts: distribution/reference, normalize.go and reference.go.

use crate::digest::{Digest, DigestError};
use crate::service::PullError;
use std::fmt;

const DEFAULT_DOMAIN: &str = "docker.io";
const LEGACY_DOMAIN: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
const MAX_NAME_BYTES: usize = 255;
const MAX_TAG_BYTES: usize = 128;

/// A normalised name: domain and path are there, and a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    pub domain: String,
    pub path: String,
    pub tag: Option<String>,
    pub digest: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("invalid reference format")]
    Format,
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    Identifier(String),
    #[error("repository name must not be more than {MAX_NAME_BYTES} characters")]
    TooLong,
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl Reference {
    /// As a pod writes it; without tag and digest, `latest` is meant.
    pub fn parse(name: &str) -> Result<Self, PullError> {
        Self::normalise(name)
            .map_err(|why| PullError::InvalidName(format!("couldn't parse image name \"{}\": {why}", name.escape_debug())))
    }

    fn normalise(name: &str) -> Result<Self, ReferenceError> {
        if name.len() == 64 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(ReferenceError::Identifier(name.into()));
        }
        let (domain, remainder) = split_domain(name);
        let path_end = remainder.find(':').unwrap_or(remainder.len());
        let remote = &remainder[..path_end];
        if remote.chars().any(char::is_uppercase) {
            return Err(ReferenceError::Uppercase(remote.into()));
        }
        let (rest, digest) = match remainder.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (remainder.as_str(), None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        let shaped = is_domain(&domain) && path.split('/').all(is_component) && tag.is_none_or(is_tag);
        if !shaped || !digest.is_none_or(looks_like_digest) {
            return Err(ReferenceError::Format);
        }
        if path.len() > MAX_NAME_BYTES {
            return Err(ReferenceError::TooLong);
        }
        let digest = digest.map(Digest::parse).transpose()?;
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Ok(Self { domain, path: path.to_owned(), tag, digest })
    }

    /// `docker.io/library/busybox`
    pub fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// `docker.io/library/busybox:1.36`; None for a name by digest alone.
    pub fn repo_tag(&self) -> Option<String> {
        self.tag.as_ref().map(|tag| format!("{}:{tag}", self.repository()))
    }

    /// Whether a registry of that domain is spoken to without TLS, as docker does for the machine itself.
    pub fn is_loopback(&self) -> bool {
        let host = match self.domain.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, _)) => host,
            None => self.domain.split(':').next().unwrap_or_default(),
        };
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// What stands before the first slash is a host only if it looks like one.
fn split_domain(name: &str) -> (String, String) {
    let (domain, remote) = match name.split_once('/') {
        Some((LEGACY_DOMAIN, remote)) => (DEFAULT_DOMAIN, remote),
        Some((first, remote)) if first == "localhost" || first.contains(['.', ':']) || first.chars().any(char::is_uppercase) => {
            (first, remote)
        }
        _ => (DEFAULT_DOMAIN, name),
    };
    let official = domain == DEFAULT_DOMAIN && !remote.contains('/');
    (domain.to_owned(), if official { format!("{OFFICIAL}{remote}") } else { remote.to_owned() })
}

/// `host[:port]`, the host a name or a bracketed IPv6 address.
fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').unwrap_or("?")) };
            return address.parse::<std::net::Ipv6Addr>().is_ok() && port.is_none_or(is_port);
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let label = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    host.split('.').all(label) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Lowercase letters and digits, joined by `.`, `_`, `__` or dashes.
fn is_component(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes.first().is_some_and(|b| alphanumeric(*b)) && bytes.last().is_some_and(|b| alphanumeric(*b));
    let separators = bytes.split(|b| alphanumeric(*b)).filter(|separator| !separator.is_empty());
    ends && separators.into_iter().all(|s| matches!(s, b"." | b"_" | b"__") || s.iter().all(|b| *b == b'-'))
}

fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let inner = text.bytes().all(|b| word(b) || b == b'.' || b == b'-');
    (1..=MAX_TAG_BYTES).contains(&text.len()) && inner && text.bytes().next().is_some_and(word)
}

/// What the grammar lets through to the check of the digest itself.
fn looks_like_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let parts = algorithm.split(['-', '_', '+', '.']).all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()));
    parts && hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn names_are_normalised() {
        let by_digest = format!("busybox@sha256:{HEX}");
        let both = format!("ghcr.io/a/b:1@sha256:{HEX}");
        for (name, expected) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1.36", "docker.io/library/busybox:1.36"),
            ("docker.io/busybox", "docker.io/library/busybox:latest"),
            ("index.docker.io/library/busybox", "docker.io/library/busybox:latest"),
            ("bitnami/redis", "docker.io/bitnami/redis:latest"),
            ("localhost/x", "localhost/x:latest"),
            ("localhost:5000/x/y:z", "localhost:5000/x/y:z"),
            ("127.0.0.1:5000/x", "127.0.0.1:5000/x:latest"),
            ("[::1]:5000/x", "[::1]:5000/x:latest"),
            ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
            ("Registry/x", "Registry/x:latest"),
            ("a__b/c--d/e.f", "docker.io/a__b/c--d/e.f:latest"),
            (&by_digest, &format!("docker.io/library/{by_digest}")),
            (&both, &both),
        ] {
            assert_eq!(Reference::parse(name).map(|r| r.to_string()).map_err(|e| e.to_string()), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn refusals_read_like_upstream() {
        let long = "a".repeat(256);
        for (name, why) in [
            ("", "invalid reference format"),
            ("x y", "invalid reference format"),
            ("x:", "invalid reference format"),
            ("x:-a", "invalid reference format"),
            ("/x", "invalid reference format"),
            ("x/", "invalid reference format"),
            ("x//y", "invalid reference format"),
            ("x___y", "invalid reference format"),
            ("-x", "invalid reference format"),
            ("x@sha256:abc", "invalid reference format"),
            ("host.:5/x", "invalid reference format"),
            ("localhost:port/x", "invalid reference format"),
            ("Busybox", "invalid reference format: repository name (library/Busybox) must be lowercase"),
            ("a.b/C:1", "invalid reference format: repository name (C) must be lowercase"),
            (HEX, &format!("invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings")),
            (&long, "repository name must not be more than 255 characters"),
            (&format!("x@sha256:{}", &HEX[1..]), "invalid checksum digest length"),
            (&format!("x@md5:{}", &HEX[32..]), "unsupported digest algorithm"),
        ] {
            let refused = Reference::parse(name).expect_err(name).to_string();
            assert_eq!(refused, format!("couldn't parse image name {name:?}: {why}"));
        }
    }

    #[test]
    fn only_the_machine_itself_is_spoken_to_plainly() {
        for (name, plain) in [
            ("localhost/x", true),
            ("localhost:5000/x", true),
            ("127.0.0.1:5000/x", true),
            ("127.8.9.1/x", true),
            ("[::1]:5000/x", true),
            ("localhost.evil.com/x", false),
            ("127.0.0.1.evil.com/x", false),
            ("10.0.0.1:5000/x", false),
            ("busybox", false),
        ] {
            assert_eq!(Reference::parse(name).map(|r| r.is_loopback()).ok(), Some(plain), "{name}");
        }
    }
}
