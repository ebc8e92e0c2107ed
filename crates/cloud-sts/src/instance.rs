//! The credentials of an instance: a session of its role, as EC2 itself takes one out.

use crate::records::ROLES;
use crate::sealing::SealingKeys;
use crate::session::Session;
use aws_service::policy::PolicyDocument;
use aws_service::{Arn, SharedRandom, ids, names};
use client::Client;
use meta::Time;
use std::sync::Arc;

/// How long an instance's credentials live; the metadata service renews them before.
const SECONDS: i64 = 6 * 3600;
const SERVICE: &str = "ec2.amazonaws.com";

/// Temporary credentials of an instance's role.
pub struct InstanceSession {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub expiration: Time,
}

/// Takes out sessions for instances.
pub struct InstanceSessions {
    client: Client,
    keys: Arc<SealingKeys>,
    random: SharedRandom,
}

impl InstanceSessions {
    /// `client` speaks as `system:cloud:sts`.
    pub fn new(client: Client, keys: Arc<SealingKeys>, random: SharedRandom) -> Self {
        Self { client, keys, random }
    }

    /// A session of the role, named by the instance, if the role trusts EC2.
    pub async fn issue(&self, role_arn: &str, instance_id: &str, now: Time) -> Result<InstanceSession, String> {
        let parsed = Arn::parse(role_arn).filter(|arn| arn.service == "iam" && arn.resource.starts_with("role/"));
        let arn = parsed.ok_or_else(|| format!("{role_arn:?} is not the ARN of a role"))?;
        let role = self.client.find(ROLES, &arn.account, &names::escape(arn.name())).await.map_err(|e| e.to_string())?;
        let role = role.map(|role| role.to_doc()).filter(|role| role["spec"]["arn"] == role_arn);
        let role = role.ok_or_else(|| format!("there is no role {role_arn}"))?;
        let text = |member: &str| role["spec"][member].as_str().unwrap_or_default().to_owned();
        let policy = PolicyDocument::parse_trust(&text("assumeRolePolicyDocument"))
            .map_err(|why| format!("the trust policy of {role_arn} does not parse: {why}"))?;
        if !policy.trusts_service(SERVICE) {
            return Err(format!("{role_arn} does not trust {SERVICE}"));
        }
        let session = Session {
            access_key_id: ids::iam_id(&*self.random, "ASIA"),
            secret_access_key: ids::secret_key(&*self.random),
            account: arn.account.clone(),
            role_name: text("roleName"),
            role_id: text("roleId"),
            session_name: instance_id.to_owned(),
            expires: now.unix() + SECONDS,
            policy: None,
            policy_arns: Vec::new(),
        };
        let key = self.keys.key().await.map_err(|e| e.to_string())?;
        let session_token = session.seal(key, &*self.random).ok_or("a session could not be sealed")?;
        Ok(InstanceSession {
            access_key_id: session.access_key_id,
            secret_access_key: session.secret_access_key,
            session_token,
            expiration: Time::from_unix(session.expires),
        })
    }
}
