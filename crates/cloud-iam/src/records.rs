//! The kinds this service stores. Users, keys, roles and customer policies lie in the account's namespace, AWS's own
//! policies in [`MANAGED_NAMESPACE`].

use api::{RecordKind, ResourceDef};
use aws_service::records::property::{any, flag, list, map, number, text, texts};
use aws_service::records::schema;
use client::Resource;
use meta::Doc;
use serde_json::json;

pub const API_VERSION: &str = "iam.pilothouse.dev/v1";
const GROUP: &str = "iam.pilothouse.dev";

/// Named by the account; remembers what the first start has made.
pub const ACCOUNTS: Resource = Resource::new(GROUP, "v1", "accounts");
/// Named by the escaped user name.
pub const USERS: Resource = Resource::new(GROUP, "v1", "users");
/// Named by the access key id in lower case.
pub const ACCESS_KEYS: Resource = Resource::new(GROUP, "v1", "accesskeys");
/// Named by the escaped role name.
pub const ROLES: Resource = Resource::new(GROUP, "v1", "roles");
/// Named by the escaped policy name.
pub const POLICIES: Resource = Resource::new(GROUP, "v1", "policies");

/// Named by the escaped profile name.
pub const INSTANCE_PROFILES: Resource = Resource::new(GROUP, "v1", "instanceprofiles");

/// Where the policies of account `aws` lie.
pub const MANAGED_NAMESPACE: &str = "aws";

/// On AccessKey: the digest of the user's name, so that a user's keys can be listed.
pub const USER_LABEL: &str = "iam.pilothouse.dev/user";

pub fn records() -> Vec<RecordKind> {
    let policies = || (list(), texts());
    let (user_inline, user_attached) = policies();
    let (role_inline, role_attached) = policies();
    vec![
        kind(ResourceDef::record(API_VERSION, "Account", "accounts"), json!({"bootstrapped": texts()})),
        kind(
            ResourceDef::record(API_VERSION, "User", "users").column("User", "/spec/userName"),
            json!({
                "userName": text(), "path": text(), "userId": text(), "arn": text(), "tags": map(),
                "inlinePolicies": user_inline, "attachedPolicies": user_attached,
            }),
        ),
        kind(
            ResourceDef::record(API_VERSION, "AccessKey", "accesskeys").column("User", "/spec/userName").sensitive(),
            json!({"accessKeyId": text(), "userName": text(), "status": text(), "secretAccessKey": text()}),
        ),
        kind(
            ResourceDef::record(API_VERSION, "Role", "roles").column("Role", "/spec/roleName"),
            json!({
                "roleName": text(), "path": text(), "roleId": text(), "arn": text(), "description": text(), "tags": map(),
                "assumeRolePolicyDocument": text(), "maxSessionDuration": number(),
                "inlinePolicies": role_inline, "attachedPolicies": role_attached,
            }),
        ),
        kind(
            ResourceDef::record(API_VERSION, "InstanceProfile", "instanceprofiles")
                .column("Profile", "/spec/instanceProfileName"),
            json!({
                "instanceProfileName": text(), "path": text(), "instanceProfileId": text(), "arn": text(), "roles": texts(),
                "tags": map(),
            }),
        ),
        kind(
            ResourceDef::record(API_VERSION, "Policy", "policies").column("Arn", "/spec/arn"),
            json!({
                "policyName": text(), "path": text(), "policyId": text(), "arn": text(), "document": text(),
                "defaultVersionId": text(), "isAttachable": flag(), "tags": any(),
            }),
        ),
    ]
}

fn kind(def: ResourceDef, spec: Doc) -> RecordKind {
    RecordKind { def: def.category("iam"), schema: schema(spec, Doc::Null) }
}
