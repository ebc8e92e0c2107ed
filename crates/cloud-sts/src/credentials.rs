//! Verifies signatures: with the secrets of access keys, or with the one a session token carries.

use crate::policies;
use crate::records::{ACCESS_KEYS, ROLES, USERS};
use crate::sealing::SealingKeys;
use crate::session::Session;
use aws_service::policy::{PolicyDocument, PolicySet};
use aws_service::{Caller, Principal, Unverified, Verifier, names};
use aws_wire::HttpRequest;
use aws_wire::sigv4::{AuthError, Signed};
use client::Client;
use meta::time::SharedClock;
use meta::{Doc, Status, Time};
use std::sync::Arc;

pub struct CredentialVerifier {
    client: Client,
    account: String,
    keys: Arc<SealingKeys>,
    clock: SharedClock,
}

#[async_trait::async_trait]
impl Verifier for CredentialVerifier {
    async fn verify(&self, request: &HttpRequest, signed: &Signed) -> Result<Caller, Unverified> {
        match &signed.security_token {
            None => self.user(request, signed).await,
            Some(token) => self.session(request, signed, token).await,
        }
    }
}

impl CredentialVerifier {
    /// `client` speaks as `system:cloud:sts`.
    pub fn new(client: Client, account: &str, keys: Arc<SealingKeys>, clock: SharedClock) -> Self {
        Self { client, account: account.to_owned(), keys, clock }
    }

    async fn user(&self, request: &HttpRequest, signed: &Signed) -> Result<Caller, Unverified> {
        let Some(key) = key_record_name(&signed.access_key_id) else { return Err(AuthError::UnknownKey.into()) };
        let key = self.client.find(ACCESS_KEYS, &self.account, &key).await?.ok_or(AuthError::UnknownKey)?.to_doc();
        let (Some(secret), "Active") = (key["spec"]["secretAccessKey"].as_str(), text(&key, "status")) else {
            return Err(AuthError::UnknownKey.into());
        };
        signed.verify(request, secret, self.clock.now().0)?;
        let name = text(&key, "userName");
        let user = self.client.find(USERS, &self.account, &names::escape(name)).await?.ok_or(AuthError::UnknownKey)?.to_doc();
        Ok(Caller {
            account: self.account.clone(),
            arn: text(&user, "arn").to_owned(),
            user_id: text(&user, "userId").to_owned(),
            access_key_id: signed.access_key_id.clone(),
            principal: Principal::User { name: name.to_owned() },
            policies: PolicySet { identity: policies::of_identity(&self.client, &user).await?, session: Vec::new() },
        })
    }

    async fn session(&self, request: &HttpRequest, signed: &Signed, token: &str) -> Result<Caller, Unverified> {
        let session = Session::open(token, self.keys.key().await?).ok_or(AuthError::UnknownKey)?;
        if session.access_key_id != signed.access_key_id {
            return Err(AuthError::UnknownKey.into());
        }
        let now = self.clock.now();
        signed.verify(request, &session.secret_access_key, now.0)?;
        if now.unix() >= session.expires {
            return Err(AuthError::ExpiredToken.into());
        }
        let role = self.client.find(ROLES, &session.account, &names::escape(&session.role_name)).await?;
        let role = role.ok_or(AuthError::UnknownKey)?.to_doc();
        if text(&role, "roleId") != session.role_id {
            return Err(AuthError::UnknownKey.into());
        }
        let policies = PolicySet {
            identity: policies::of_identity(&self.client, &role).await?,
            session: self.session_policies(&session).await?,
        };
        Ok(caller(&session, text(&role, "arn"), policies))
    }

    /// A managed policy that is gone leaves the session nothing it might have granted.
    async fn session_policies(&self, session: &Session) -> Result<Vec<PolicyDocument>, Status> {
        let mut out = Vec::new();
        if let Some(text) = &session.policy {
            out.push(PolicyDocument::parse_identity(text).map_err(Status::internal)?);
        }
        for arn in &session.policy_arns {
            out.push(policies::managed(&self.client, arn).await?.unwrap_or(PolicyDocument { statements: Vec::new() }));
        }
        Ok(out)
    }
}

fn caller(session: &Session, role_arn: &str, policies: PolicySet) -> Caller {
    let Session { account, role_name, session_name, .. } = session;
    Caller {
        account: account.clone(),
        arn: format!("arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}"),
        user_id: format!("{}:{session_name}", session.role_id),
        access_key_id: session.access_key_id.clone(),
        principal: Principal::AssumedRole {
            role_name: role_name.clone(),
            role_arn: role_arn.to_owned(),
            session_name: session_name.clone(),
            expires: Time::from_unix(session.expires),
        },
        policies,
    }
}

/// The record of an access key; `None` for text that is no key id, which then names no record either.
fn key_record_name(id: &str) -> Option<String> {
    let shaped = id.len() >= 16 && id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    shaped.then(|| id.to_lowercase())
}

fn text<'a>(record: &'a Doc, member: &str) -> &'a str {
    record["spec"][member].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_key_ids_name_records() {
        for (id, name) in [
            ("AKIAABCDEFGHIJKLMNOP", Some("akiaabcdefghijklmnop")),
            ("akiaabcdefghijklmnop", None),
            ("AKIA", None),
            ("../../AKIAABCDEFGHIJ", None),
            ("", None),
        ] {
            assert_eq!(key_record_name(id).as_deref(), name, "{id}");
        }
    }
}
