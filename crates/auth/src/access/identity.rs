//! An AWS identity that STS has vouched for (aws-iam-authenticator `pkg/arn`, `pkg/token`).

use meta::User;

/// User extra that names the IAM principal; [`super::AccessIndex`] finds access policies by it.
pub const CANONICAL_ARN: &str = "canonicalArn";
pub(super) const UID_PREFIX: &str = "aws-iam-authenticator:";

/// What `GetCallerIdentity` says of a token's owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerIdentity {
    /// As STS writes it: a user, or `assumed-role/<role>/<session>`.
    pub arn: String,
    /// The principal behind the ARN: a role instead of a session of it.
    pub canonical_arn: String,
    pub account: String,
    /// `AIDA...` or `AROA...`, without the session.
    pub user_id: String,
    /// Empty for users.
    pub session_name: String,
    pub access_key_id: String,
}

impl CallerIdentity {
    /// Takes the answer of `GetCallerIdentity`, whose user id is `<id>` or `<id>:<session>`.
    pub fn new(arn: &str, account: &str, user_id: &str, access_key_id: &str) -> Result<Self, String> {
        let (user_id, session_name) = match user_id.split(':').collect::<Vec<_>>()[..] {
            [id] => (id, ""),
            [id, session] => (id, session),
            _ => return Err(format!("malformed UserID {user_id:?}")),
        };
        Ok(Self {
            arn: arn.to_owned(),
            canonical_arn: canonical_arn(arn)?,
            account: account.to_owned(),
            user_id: user_id.to_owned(),
            session_name: session_name.to_owned(),
            access_key_id: access_key_id.to_owned(),
        })
    }

    pub(super) fn user(&self, name: String, groups: impl IntoIterator<Item = String>) -> User {
        let mut user = User::authenticated(name, groups);
        user.uid = format!("{UID_PREFIX}{}:{}", self.account, self.user_id);
        for (key, value) in [
            ("accessKeyId", &self.access_key_id),
            ("arn", &self.arn),
            (CANONICAL_ARN, &self.canonical_arn),
            ("principalId", &self.user_id),
            ("sessionName", &self.session_name),
            ("sigs.k8s.io/aws-iam-authenticator/principalId", &self.user_id),
        ] {
            user.extra.insert(key.to_owned(), vec![value.clone()]);
        }
        user
    }
}

/// `arn:aws:sts::1:assumed-role/R/session` becomes `arn:aws:iam::1:role/R`; users, roles and roots stay.
pub fn canonical_arn(arn: &str) -> Result<String, String> {
    let unknown = || format!("service or resource type of arn {arn:?} is not supported");
    let [_, partition, service, _, account, resource] = arn.splitn(6, ':').collect::<Vec<_>>()[..] else {
        return Err(format!("arn {arn:?} is invalid"));
    };
    if !arn.starts_with("arn:") {
        return Err(format!("arn {arn:?} is invalid"));
    }
    let kind = resource.split('/').next().unwrap_or_default();
    match (service, kind) {
        ("sts", "assumed-role") => {
            let [_, role, _] = resource.split('/').collect::<Vec<_>>()[..] else {
                return Err(format!("assumed-role arn {arn:?} does not have a role"));
            };
            Ok(format!("arn:{partition}:iam::{account}:role/{role}"))
        }
        ("sts", "federated-user") | ("iam", "role" | "user" | "root") => Ok(arn.to_owned()),
        _ => Err(unknown()),
    }
}

/// How the index names a principal: STS never tells a role's path, so it does not count.
pub(super) fn key_of(principal_arn: &str) -> String {
    match principal_arn.split_once(":role/") {
        Some((account, role)) => format!("{account}:role/{}", role.rsplit('/').next().unwrap_or(role)),
        None => principal_arn.to_owned(),
    }
}
