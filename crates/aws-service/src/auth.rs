//! Authentication: the trait that says who called.

use crate::Caller;
use aws_wire::sigv4::{AuthError, Signed};
use aws_wire::{AwsError, HttpRequest, Protocol};
use meta::Status;

/// Knows secrets, so that nothing else has to.
#[async_trait::async_trait]
pub trait Verifier: Send + Sync + 'static {
    async fn verify(&self, request: &HttpRequest, signed: &Signed) -> Result<Caller, Unverified>;
}

/// Why a request has no caller.
#[derive(Clone, Debug, PartialEq)]
pub enum Unverified {
    Refused(AuthError),
    /// The credentials' records could not be read.
    Store(Status),
}

impl From<AuthError> for Unverified {
    fn from(error: AuthError) -> Self {
        Self::Refused(error)
    }
}

impl From<Status> for Unverified {
    fn from(status: Status) -> Self {
        Self::Store(status)
    }
}

impl Unverified {
    pub(crate) fn into_aws(self, protocol: Protocol) -> AwsError {
        match self {
            Self::Refused(error) => error.to_aws(protocol),
            Self::Store(status) => {
                tracing::error!(%status, "credentials could not be read");
                AwsError::internal(protocol)
            }
        }
    }
}
