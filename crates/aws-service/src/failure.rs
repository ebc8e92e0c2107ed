//! How a handler fails: with an answer for the client, or because the management plane did.

use aws_wire::{AwsError, Model, Protocol};
use meta::{Doc, Reason, Status};

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("management plane: {0}")]
    Store(#[from] Status),
}

/// What a handler returns: the operation's output by member name.
pub type Outcome = Result<Doc, Failure>;

impl Failure {
    /// The one place where a failure of ours becomes an AWS error. The detail goes to the log only.
    pub(crate) fn into_aws(self, model: &Model, operation: &str) -> AwsError {
        match self {
            Self::Aws(error) => error,
            Self::Store(status) if matches!(status.reason, Reason::TooManyRequests | Reason::ServiceUnavailable) => {
                tracing::warn!(%status, operation, "the management plane is busy");
                unavailable(model.protocol())
            }
            Self::Store(status) => {
                tracing::error!(%status, operation, "the management plane refused a call");
                AwsError::internal(model)
            }
        }
    }
}

fn unavailable(protocol: Protocol) -> AwsError {
    let code = match protocol {
        Protocol::Ec2 | Protocol::Query | Protocol::RestXml => "ServiceUnavailable",
        Protocol::Json | Protocol::RestJson => "ServiceUnavailableException",
    };
    AwsError::new(code, "Service is unavailable.").with_status(503)
}
