//! A cluster's certificate authority, the certificates it signs, and the identity a client certificate proves.

mod authority;
mod key;
mod peer;
mod request;

pub use authority::{CertificateAuthority, Identity, Leaf, Usage};
pub use key::PrivateKey;
pub use peer::{from_peer_certificate, not_after};
pub use request::SigningRequest;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    #[error("cannot make or sign a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("not a PEM block labelled {0}")]
    Pem(&'static str),
    #[error("not a valid certificate: {0}")]
    Malformed(String),
    #[error("the key was refused: {0}")]
    Key(String),
    #[error("a subject can name two organizations, not {0}")]
    TooManyOrganizations(usize),
    #[error("the signature of the request does not match its key")]
    Signature,
}

/// One PEM block, lines of 64 characters.
pub fn pem_encode(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// The first PEM block with this label.
pub fn pem_decode(label: &'static str, text: &str) -> Result<Vec<u8>, PkiError> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let body = text.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)).map(|(body, _)| body);
    let joined: String = body.ok_or(PkiError::Pem(label))?.split_whitespace().collect();
    STANDARD.decode(joined).map_err(|_| PkiError::Pem(label))
}

#[cfg(test)]
mod tests;
