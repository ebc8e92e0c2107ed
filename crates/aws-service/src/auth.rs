//! Authentication: the trait that says who called, and the errors of each protocol when nobody did.

use crate::Caller;
use aws_wire::sigv4::Signed;
use aws_wire::{AwsError, HttpRequest, Protocol};
use meta::Status;

/// Knows secrets, so that nothing else has to.
#[async_trait::async_trait]
pub trait Verifier: Send + Sync + 'static {
    async fn verify(&self, request: &HttpRequest, signed: &Signed) -> Result<Caller, AuthError>;
}

/// Why a request has no caller.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AuthError {
    #[error("the request carries no signature")]
    Missing,
    /// The signature's own parts are incomplete or contradict each other.
    #[error("{0}")]
    Incomplete(String),
    #[error("the access key or session token is unknown")]
    UnknownKey,
    #[error("the signature does not match")]
    Mismatch,
    /// Signed too long ago, or in the future; with AWS's text.
    #[error("{0}")]
    Stale(String),
    #[error("the session has expired")]
    SessionExpired,
    #[error("the records could not be read: {0}")]
    Store(#[from] Status),
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
const UNKNOWN: &str = "The security token included in the request is invalid.";
const EC2_FAILURE: &str = "AWS was not able to validate the provided access credentials";

impl AuthError {
    /// As the services of this protocol answer.
    pub fn into_aws(self, protocol: Protocol) -> AwsError {
        let (code, message, status): (&str, &str, u16) = match (protocol, &self) {
            (_, Self::Store(status)) => {
                tracing::error!(%status, "credentials could not be read");
                return AwsError::internal(protocol);
            }
            (Protocol::Ec2, Self::Missing) => ("MissingAuthenticationToken", "Request is missing Authentication Token", 403),
            (Protocol::Ec2, Self::Stale(_)) => ("RequestExpired", "Request has expired.", 400),
            (Protocol::Ec2, Self::SessionExpired) => ("RequestExpired", "Request has expired.", 400),
            (Protocol::Ec2, _) => ("AuthFailure", EC2_FAILURE, 401),
            (Protocol::Query | Protocol::RestXml, error) => match error {
                Self::Missing => ("MissingAuthenticationToken", "Request is missing Authentication Token", 403),
                Self::Incomplete(why) => ("IncompleteSignature", why.as_str(), 400),
                Self::UnknownKey => ("InvalidClientTokenId", UNKNOWN, 403),
                Self::Mismatch | Self::Store(_) => ("SignatureDoesNotMatch", MISMATCH, 403),
                Self::Stale(why) => ("SignatureDoesNotMatch", why.as_str(), 403),
                Self::SessionExpired => ("ExpiredToken", "The security token included in the request is expired", 403),
            },
            (Protocol::Json | Protocol::RestJson, error) => match error {
                Self::Missing => ("MissingAuthenticationTokenException", "Missing Authentication Token", 403),
                Self::Incomplete(why) => ("IncompleteSignatureException", why.as_str(), 403),
                Self::UnknownKey => ("UnrecognizedClientException", UNKNOWN, 403),
                Self::Mismatch | Self::Store(_) => ("InvalidSignatureException", MISMATCH, 403),
                Self::Stale(why) => ("InvalidSignatureException", why.as_str(), 403),
                Self::SessionExpired => ("ExpiredTokenException", "The security token included in the request is expired", 403),
            },
        };
        AwsError::new(code, message).with_status(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_has_its_own_words() {
        for (error, query, json, ec2) in [
            (AuthError::UnknownKey, "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure"),
            (AuthError::Mismatch, "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure"),
            (AuthError::SessionExpired, "ExpiredToken", "ExpiredTokenException", "RequestExpired"),
            (AuthError::Missing, "MissingAuthenticationToken", "MissingAuthenticationTokenException", "MissingAuthenticationToken"),
        ] {
            for (protocol, code) in [(Protocol::Query, query), (Protocol::RestJson, json), (Protocol::Ec2, ec2)] {
                assert_eq!(error.clone().into_aws(protocol).code, code, "{error:?}");
            }
        }
    }
}
