//! Who signed a request.

use crate::policy::{Context, PolicySet, PrincipalFacts};
use meta::Time;

/// What kind of identity it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    User {
        name: String,
    },
    /// A session of a role.
    AssumedRole {
        role_name: String,
        /// The role's own ARN, path included.
        role_arn: String,
        session_name: String,
        expires: Time,
    },
}

/// An authenticated caller with all its policies.
#[derive(Clone, Debug)]
pub struct Caller {
    pub account: String,
    /// As GetCallerIdentity reports it.
    pub arn: String,
    /// `AIDA…`, or `AROA…:session`.
    pub user_id: String,
    pub access_key_id: String,
    pub principal: Principal,
    pub policies: PolicySet,
}

impl Caller {
    /// The ARN of the IAM user or role behind the caller: what access entries and trust policies name.
    pub fn principal_arn(&self) -> &str {
        match &self.principal {
            Principal::User { .. } => &self.arn,
            Principal::AssumedRole { role_arn, .. } => role_arn,
        }
    }

    pub fn facts(&self) -> PrincipalFacts<'_> {
        let session_arn = match &self.principal {
            Principal::User { .. } => None,
            Principal::AssumedRole { .. } => Some(&*self.arn),
        };
        PrincipalFacts { account: &self.account, arn: self.principal_arn(), session_arn }
    }

    /// The condition keys that speak of the caller.
    pub(crate) fn describe(&self, context: Context) -> Context {
        let context = context
            .with("aws:PrincipalAccount", &*self.account)
            .with("aws:PrincipalArn", self.principal_arn())
            .with("aws:userid", &*self.user_id);
        match &self.principal {
            Principal::User { name } => context.with("aws:username", &**name).with("aws:PrincipalType", "User"),
            Principal::AssumedRole { .. } => context.with("aws:PrincipalType", "AssumedRole"),
        }
    }
}
