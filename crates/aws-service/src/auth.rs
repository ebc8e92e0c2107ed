//! Authentication: the trait that says who called.

use crate::Caller;
use aws_wire::sigv4::{AuthError, Signed};
use aws_wire::{AwsError, HttpRequest, Model, Protocol};
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
    /// As the service answers, or as the protocol that was guessed where no service is known.
    pub(crate) fn into_aws(self, service: Result<&Model, Protocol>) -> AwsError {
        match (self, service) {
            (Self::Refused(error), Ok(model)) => error.to_aws(model.protocol()),
            (Self::Refused(error), Err(guess)) => error.to_aws(guess),
            (Self::Store(status), service) => {
                tracing::error!(%status, "credentials could not be read");
                let unknown = || AwsError::new("InternalFailure", "An internal error has occurred.").with_status(500);
                service.map_or_else(|_| unknown(), AwsError::internal)
            }
        }
    }
}
