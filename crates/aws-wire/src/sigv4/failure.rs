//! Why a signature is refused, and the name each protocol has for it.

use crate::error::AwsError;
use crate::model::Protocol;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// No signature at all.
    Missing,
    /// A signature with parts missing or unreadable; the text says which.
    Incomplete(String),
    /// An access key that does not exist, or a session token that is not its own.
    UnknownKey,
    /// The signature is another one than the secret gives.
    Mismatch,
    /// Too old, not yet current, or scoped to something else; the text says which.
    Outdated(String),
    /// A presigned URL past its time.
    RequestExpired,
    /// Temporary credentials past their time.
    ExpiredToken,
}

impl AuthError {
    /// EC2 folds most of them into `AuthFailure`; the JSON protocols say `...Exception`, with 400 where the REST ones say 403.
    pub fn to_aws(&self, protocol: Protocol) -> AwsError {
        match protocol {
            Protocol::Ec2 => self.ec2(),
            Protocol::Query | Protocol::RestXml => self.query(),
            Protocol::Json => self.json(400),
            Protocol::RestJson => self.json(403),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Missing => "Request is missing Authentication Token".to_owned(),
            Self::Incomplete(text) | Self::Outdated(text) => text.clone(),
            Self::UnknownKey => "The security token included in the request is invalid.".to_owned(),
            Self::Mismatch => {
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                               Access Key and signing method. Consult the service documentation for details."
                    .to_owned()
            }
            Self::RequestExpired => "Request has expired.".to_owned(),
            Self::ExpiredToken => "The security token included in the request is expired".to_owned(),
        }
    }

    fn query(&self) -> AwsError {
        let (code, status) = match self {
            Self::Missing => ("MissingAuthenticationToken", 403),
            Self::Incomplete(_) => ("IncompleteSignature", 403),
            Self::UnknownKey => ("InvalidClientTokenId", 403),
            Self::Mismatch | Self::Outdated(_) => ("SignatureDoesNotMatch", 403),
            Self::RequestExpired => ("RequestExpired", 400),
            Self::ExpiredToken => ("ExpiredToken", 403),
        };
        AwsError::new(code, self.message()).with_status(status)
    }

    fn ec2(&self) -> AwsError {
        match self {
            Self::Missing => AwsError::new("MissingParameter", "The request must contain the parameter AWSAccessKeyId"),
            Self::Incomplete(_) => AwsError::new("IncompleteSignature", self.message()),
            Self::RequestExpired | Self::ExpiredToken => AwsError::new("RequestExpired", "Request has expired."),
            Self::UnknownKey | Self::Mismatch | Self::Outdated(_) => {
                AwsError::new("AuthFailure", "AWS was not able to validate the provided access credentials").with_status(401)
            }
        }
    }

    fn json(&self, status: u16) -> AwsError {
        let code = match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Mismatch | Self::Outdated(_) => "InvalidSignatureException",
            Self::RequestExpired => "RequestExpired",
            Self::ExpiredToken => "ExpiredTokenException",
        };
        let message = if *self == Self::Missing { "Missing Authentication Token".to_owned() } else { self.message() };
        AwsError::new(code, message).with_status(status)
    }
}
