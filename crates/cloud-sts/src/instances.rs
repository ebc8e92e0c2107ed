//! The sessions that instances have of their roles, handed out by the instance metadata service.

use crate::records::ROLES;
use crate::sealing::SealingKeys;
use crate::session::Session;
use aws_service::policy::PolicyDocument;
use aws_service::{Arn, SharedRandom, ids, names};
use client::Client;
use meta::time::SharedClock;
use meta::{Doc, Time};
use std::sync::Arc;

const SERVICE: &str = "ec2.amazonaws.com";
const SECONDS: i64 = 6 * 3600;

/// Temporary credentials of a role.
#[derive(Clone, PartialEq, Eq)]
pub struct TemporaryCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub expiration: Time,
}

impl std::fmt::Debug for TemporaryCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TemporaryCredentials({})", self.access_key_id)
    }
}

pub struct InstanceSessions {
    client: Client,
    keys: Arc<SealingKeys>,
    clock: SharedClock,
    random: SharedRandom,
}

impl InstanceSessions {
    /// `client` speaks as `system:cloud:sts`.
    pub fn new(client: Client, keys: Arc<SealingKeys>, clock: SharedClock, random: SharedRandom) -> Self {
        Self { client, keys, clock, random }
    }

    /// A session of the role whose name is the instance's id, as EC2 has them. The role must trust EC2. The error is for
    /// the log.
    pub async fn issue(&self, role_arn: &str, instance_id: &str) -> Result<TemporaryCredentials, String> {
        let role = self.trusting_role(role_arn).await?;
        let text = |member: &str| role["spec"][member].as_str().unwrap_or_default().to_owned();
        let session = Session {
            access_key_id: ids::iam_id(&*self.random, "ASIA"),
            secret_access_key: ids::secret_key(&*self.random),
            account: Arn::parse(role_arn).map(|arn| arn.account).unwrap_or_default(),
            role_name: text("roleName"),
            role_id: text("roleId"),
            session_name: instance_id.to_owned(),
            expires: self.clock.now().unix() + SECONDS,
            policy: None,
            policy_arns: Vec::new(),
        };
        let key = self.keys.key().await.map_err(|status| status.to_string())?;
        let session_token = session.seal(key, &*self.random).ok_or("a session could not be sealed")?;
        Ok(TemporaryCredentials {
            access_key_id: session.access_key_id,
            secret_access_key: session.secret_access_key,
            session_token,
            expiration: Time::from_unix(session.expires),
        })
    }

    async fn trusting_role(&self, role_arn: &str) -> Result<Doc, String> {
        let missing = || format!("there is no role {role_arn}");
        let arn =
            Arn::parse(role_arn).filter(|arn| arn.service == "iam" && arn.resource.starts_with("role/")).ok_or_else(missing)?;
        let found =
            self.client.find(ROLES, &arn.account, &names::escape(arn.name())).await.map_err(|status| status.to_string())?;
        let role = found.map(|role| role.to_doc()).filter(|role| role["spec"]["arn"] == role_arn).ok_or_else(missing)?;
        let trust = PolicyDocument::parse_trust(role["spec"]["assumeRolePolicyDocument"].as_str().unwrap_or_default());
        match trust.is_ok_and(|policy| policy.trusts_service(SERVICE)) {
            true => Ok(role),
            false => Err(format!("{role_arn} does not trust {SERVICE}")),
        }
    }
}
