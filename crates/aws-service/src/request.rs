//! What a handler is given.

use crate::Caller;
use crate::policy::{Context, Decision, Query};
use aws_wire::{AwsError, Protocol};
use meta::{Doc, Time};

/// An authenticated, parsed and validated request.
#[derive(Clone, Debug)]
pub struct Request {
    pub operation: &'static str,
    pub caller: Caller,
    /// Of the credential scope.
    pub region: String,
    /// By the model's member names.
    pub input: Doc,
    pub request_id: String,
    pub now: Time,
    /// Condition keys and their values.
    pub context: Context,
}

impl Request {
    pub fn account(&self) -> &str {
        &self.caller.account
    }

    /// Where this account's records of this region live.
    pub fn namespace(&self) -> String {
        crate::records::regional_namespace(&self.caller.account, &self.region)
    }

    /// A member's text; absent and null are `None`.
    pub fn text(&self, member: &str) -> Option<&str> {
        self.input[member].as_str()
    }

    /// A member that the model requires, so that validation has already insisted on it.
    pub fn required(&self, member: &str) -> &str {
        self.text(member).unwrap_or_default()
    }

    /// A list of texts; absent is empty.
    pub fn texts(&self, member: &str) -> Vec<&str> {
        self.input[member].as_array().into_iter().flatten().filter_map(Doc::as_str).collect()
    }

    /// For handlers with [`crate::Access::Handler`]: what the caller's own policies say.
    pub fn allowed(&self, action: &str, resource: &str) -> Decision {
        self.caller.policies.decide(&Query { action, resource, context: &self.context })
    }

    pub fn denied(&self, protocol: Protocol, action: &str, resource: &str) -> AwsError {
        crate::authorize::denied(protocol, &self.caller, &Query { action, resource, context: &self.context })
    }
}
