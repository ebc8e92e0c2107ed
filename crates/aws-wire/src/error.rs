//! The one error of AWS's services: a code, a message, a status, and members the model may add.

use serde_json::{Map, Value};

use crate::model::{Model, Operation, Protocol};

/// Who is to blame; SDKs retry only the receiver's faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Sender,
    Receiver,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AwsError {
    /// The name on the wire: `ResourceNotFoundException`, `InvalidVpcID.NotFound`.
    pub code: String,
    pub message: String,
    pub status: u16,
    pub fault: Fault,
    /// Modelled members beside the message, such as EKS's `clusterName`.
    pub members: Map<String, Value>,
}

impl AwsError {
    /// The sender's fault, status 400.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: 400, fault: Fault::Sender, members: Map::new() }
    }

    /// Status and fault as the service's model has them for this code; 400 where it does not know the code.
    pub fn modelled(model: &Model, code: &str, message: impl Into<String>) -> Self {
        let error = Self::new(code, message);
        let Some(shape) = model.error(code) else { return error };
        let status = shape.error_status.unwrap_or(if shape.receiver_fault { 500 } else { 400 });
        error.with_status(status)
    }

    /// Something of ours broke, under the name the service models for it: the detail belongs in a log, not here.
    pub fn internal(model: &Model) -> Self {
        let modelled =
            ["ServerException", "InternalServerException", "InternalServerError", "KMSInternalException", "ServiceFailure"];
        let code = match model.protocol() {
            Protocol::Ec2 => "InternalError",
            _ => modelled.into_iter().find(|code| model.error(code).is_some()).unwrap_or("InternalFailure"),
        };
        Self::new(code, "An internal error has occurred.").with_status(500)
    }

    /// A modelled operation that this service does not offer. Services answer this way for operations a region lacks:
    /// the query protocols say `UnsupportedOperation`; the others use the first of these codes that the operation models,
    /// so that SDKs raise a class of the service's own, and otherwise `UnsupportedOperationException`. Always 400, since
    /// SDKs retry 5xx.
    pub fn not_implemented(model: &Model, op: &Operation) -> Self {
        let message = "The requested operation is not supported.";
        if matches!(model.protocol(), Protocol::Query | Protocol::Ec2 | Protocol::RestXml) {
            return Self::new("UnsupportedOperation", message);
        }
        let known = ["UnsupportedOperationException", "InvalidRequestException"];
        let modelled = |code: &&str| op.errors.iter().any(|id| model.shape(*id).error_code() == *code);
        Self::new(known.into_iter().find(modelled).unwrap_or(known[0]), message)
    }

    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self.fault = if status >= 500 { Fault::Receiver } else { Fault::Sender };
        self
    }

    pub fn with_member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for AwsError {}

/// Input that does not fit its shape. Each protocol has a name of its own for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// The member as the client wrote it; empty for the whole message.
    pub member: String,
    pub reason: String,
}

impl Malformed {
    pub fn new(member: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { member: member.into(), reason: reason.into() }
    }
    /// A scalar that is not of its type.
    pub fn value(member: &str, text: &str, expected: &str) -> Self {
        let shown: String = text.chars().take(64).collect();
        Self::new(member, format!("Value ({shown}) for parameter {member} is invalid. Expected {expected}."))
    }
    pub fn into_error(self, protocol: Protocol) -> AwsError {
        let code = match protocol {
            Protocol::Query | Protocol::RestXml => "MalformedInput",
            Protocol::Ec2 => "InvalidParameterValue",
            Protocol::Json | Protocol::RestJson => "SerializationException",
        };
        AwsError::new(code, self.reason)
    }
}
