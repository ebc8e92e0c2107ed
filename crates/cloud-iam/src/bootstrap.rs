//! What an account holds from its first start: one administrator, and the roles that EKS users expect.
//!
//! Runs at every start and creates what is missing; each thing is made once and noted in the Account record, so that
//! what a user deletes later stays deleted.

use crate::managed::{MANAGED_POLICIES, ManagedPolicy, document};
use crate::records::{ACCESS_KEYS, ACCOUNTS, API_VERSION, MANAGED_NAMESPACE, POLICIES, ROLES, USER_LABEL, USERS};
use aws_service::records::{ensure, ensure_namespace};
use aws_service::{Random, ids, names};
use client::{Client, Options};
use meta::{Doc, Status};
use serde_json::json;

/// The administrator of a fresh account.
pub const ADMINISTRATOR: &str = "pilothouse";

/// Whose account it is.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    pub account: String,
}

/// The administrator's access key, for the file that `pilothouse env` and `configure` read.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.access_key_id)
    }
}

/// A role as data.
struct RoleSeed {
    name: &'static str,
    path: &'static str,
    description: &'static str,
    trust: Trust,
    policies: &'static [&'static str],
    /// Name and actions of an inline policy.
    inline: Option<(&'static str, &'static [&'static str])>,
}

enum Trust {
    Service(&'static str, &'static [&'static str]),
    /// Whoever the account's own policies allow.
    Account,
}

const ASSUME: &[&str] = &["sts:AssumeRole"];
const ASSUME_AND_TAG: &[&str] = &["sts:AssumeRole", "sts:TagSession"];

const ROLE_SEEDS: &[RoleSeed] = &[
    RoleSeed {
        name: "eksClusterRole",
        path: "/",
        description: "Lets Amazon EKS manage clusters on your behalf.",
        trust: Trust::Service("eks.amazonaws.com", ASSUME_AND_TAG),
        policies: &["arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"],
        inline: None,
    },
    RoleSeed {
        name: "AmazonEKSNodeRole",
        path: "/",
        description: "Lets EC2 instances join clusters and pull images.",
        trust: Trust::Service("ec2.amazonaws.com", ASSUME),
        policies: &[
            "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
            "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
            "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
        ],
        inline: None,
    },
    RoleSeed {
        name: "AmazonEKSFargatePodExecutionRole",
        path: "/",
        description: "Lets Fargate pull images for pods.",
        trust: Trust::Service("eks-fargate-pods.amazonaws.com", ASSUME),
        policies: &["arn:aws:iam::aws:policy/AmazonEKSFargatePodExecutionRolePolicy"],
        inline: None,
    },
    RoleSeed {
        name: "AWSServiceRoleForAmazonEKS",
        path: "/aws-service-role/eks.amazonaws.com/",
        description: "Allows Amazon EKS to call AWS services on your behalf.",
        trust: Trust::Service("eks.amazonaws.com", ASSUME),
        policies: &["arn:aws:iam::aws:policy/aws-service-role/AmazonEKSServiceRolePolicy"],
        inline: None,
    },
    RoleSeed {
        name: "viewer",
        path: "/",
        description: "Looks at clusters and changes nothing.",
        trust: Trust::Account,
        policies: &[],
        inline: Some(("look", &["eks:Describe*", "eks:List*", "sts:GetCallerIdentity"])),
    },
];

/// Makes what is missing and returns the administrator's key, unless someone has deleted it.
pub async fn bootstrap(client: &Client, config: &Bootstrap, random: &dyn Random) -> Result<Option<Credentials>, Status> {
    let account = &*config.account;
    ensure_namespace(client, account).await?;
    ensure_namespace(client, MANAGED_NAMESPACE).await?;
    for policy in MANAGED_POLICIES {
        managed_policy(client, policy, random).await?;
    }
    ensure(client, ACCOUNTS, account, record("Account", account, json!({"bootstrapped": []}))).await?;
    let mut done = Done::read(client, account).await?;
    for seed in ROLE_SEEDS {
        if done.lacks(&format!("role/{}", seed.name)) {
            let name = names::escape(seed.name);
            ensure(client, ROLES, account, record("Role", &name, role(account, seed, random))).await?;
            done.note(client, format!("role/{}", seed.name)).await?;
        }
    }
    let administrator = format!("user/{ADMINISTRATOR}");
    if done.lacks(&administrator) {
        let name = names::escape(ADMINISTRATOR);
        ensure(client, USERS, account, record("User", &name, user(account, random))).await?;
        if administrator_key(client, account).await?.is_none() {
            client.create(ACCESS_KEYS, account, access_key(random)).await?;
        }
        done.note(client, administrator).await?;
    }
    administrator_key(client, account).await
}

/// Things already made, as the Account record lists them.
struct Done {
    account: String,
    things: Vec<String>,
}

impl Done {
    async fn read(client: &Client, account: &str) -> Result<Self, Status> {
        let record = client.get(ACCOUNTS, account, account).await?.to_doc();
        let things = record["spec"]["bootstrapped"].as_array().into_iter().flatten();
        let things = things.filter_map(Doc::as_str).map(str::to_owned).collect();
        Ok(Self { account: account.to_owned(), things })
    }

    fn lacks(&self, thing: &str) -> bool {
        !self.things.iter().any(|done| done == thing)
    }

    async fn note(&mut self, client: &Client, thing: String) -> Result<(), Status> {
        self.things.push(thing);
        let patch = json!({"spec": {"bootstrapped": self.things}});
        client.patch(ACCOUNTS, &self.account, &self.account, "", patch).await.map(|_| ())
    }
}

async fn administrator_key(client: &Client, account: &str) -> Result<Option<Credentials>, Status> {
    let label_selector = format!("{USER_LABEL}={}", ids::digest(&[ADMINISTRATOR]));
    let keys = client.list(ACCESS_KEYS, account, Options { label_selector, ..Options::default() }).await?;
    let key = keys.items.first().map(|key| key.to_doc());
    Ok(key.and_then(|key| {
        Some(Credentials {
            access_key_id: key["spec"]["accessKeyId"].as_str()?.to_owned(),
            secret_access_key: key["spec"]["secretAccessKey"].as_str()?.to_owned(),
        })
    }))
}

/// AWS may change its policies between versions of this software, so their documents are brought up to date.
async fn managed_policy(client: &Client, policy: &ManagedPolicy, random: &dyn Random) -> Result<(), Status> {
    let name = names::escape(policy.name);
    let document = policy.document();
    let spec = json!({
        "policyName": policy.name, "path": policy.path, "policyId": ids::iam_id(random, "ANPA"), "arn": policy.arn(),
        "document": document, "defaultVersionId": "v1", "isAttachable": true,
    });
    if ensure(client, POLICIES, MANAGED_NAMESPACE, record("Policy", &name, spec)).await? {
        return Ok(());
    }
    let stored = client.get(POLICIES, MANAGED_NAMESPACE, &name).await?;
    if stored.get("/spec/document") != document.as_str() {
        client.patch(POLICIES, MANAGED_NAMESPACE, &name, "", json!({"spec": {"document": document}})).await?;
    }
    Ok(())
}

fn record(kind: &str, name: &str, spec: Doc) -> Doc {
    json!({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn user(account: &str, random: &dyn Random) -> Doc {
    json!({
        "userName": ADMINISTRATOR, "path": "/", "userId": ids::iam_id(random, "AIDA"),
        "arn": format!("arn:aws:iam::{account}:user/{ADMINISTRATOR}"),
        "attachedPolicies": ["arn:aws:iam::aws:policy/AdministratorAccess"], "inlinePolicies": [], "tags": {},
    })
}

fn access_key(random: &dyn Random) -> Doc {
    let id = ids::iam_id(random, "AKIA");
    let spec = json!({
        "accessKeyId": id, "userName": ADMINISTRATOR, "status": "Active", "secretAccessKey": ids::secret_key(random),
    });
    let mut doc = record("AccessKey", &id.to_lowercase(), spec);
    doc["metadata"]["labels"] = json!({USER_LABEL: ids::digest(&[ADMINISTRATOR])});
    doc
}

fn role(account: &str, seed: &RoleSeed, random: &dyn Random) -> Doc {
    let inline: Vec<Doc> = seed
        .inline
        .iter()
        .map(|(name, actions)| json!({"policyName": name, "policyDocument": document(actions).to_string()}))
        .collect();
    json!({
        "roleName": seed.name, "path": seed.path, "roleId": ids::iam_id(random, "AROA"),
        "arn": format!("arn:aws:iam::{account}:role{}{}", seed.path, seed.name), "description": seed.description,
        "assumeRolePolicyDocument": trust(account, &seed.trust).to_string(), "maxSessionDuration": 3600,
        "attachedPolicies": seed.policies, "inlinePolicies": inline, "tags": {},
    })
}

fn trust(account: &str, trust: &Trust) -> Doc {
    let (principal, actions) = match trust {
        Trust::Service(service, actions) => (json!({"Service": service}), *actions),
        Trust::Account => (json!({"AWS": format!("arn:aws:iam::{account}:root")}), ASSUME),
    };
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": actions}]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::SystemRandom;
    use aws_service::policy::PolicyDocument;

    #[test]
    fn every_seeded_role_is_complete() {
        for seed in ROLE_SEEDS {
            let role = role("123456789012", seed, &SystemRandom);
            let trust = role["assumeRolePolicyDocument"].as_str().expect("a trust policy");
            let parsed = PolicyDocument::parse_trust(trust).expect(seed.name);
            if let Trust::Service(service, _) = seed.trust {
                assert!(parsed.trusts_service(service), "{}", seed.name);
            }
            for arn in seed.policies {
                assert!(MANAGED_POLICIES.iter().any(|policy| policy.arn() == *arn), "{arn}");
            }
            for inline in role["inlinePolicies"].as_array().into_iter().flatten() {
                let text = inline["policyDocument"].as_str().expect("a document");
                assert!(PolicyDocument::parse_identity(text).is_ok(), "{}", seed.name);
            }
        }
    }

    #[test]
    fn credentials_do_not_print_their_secret() {
        let credentials = Credentials { access_key_id: "AKIAX".into(), secret_access_key: "hidden".into() };
        assert_eq!(format!("{credentials:?}"), "Credentials(AKIAX)");
    }
}
