//! The kind this service stores, and those of IAM that it reads.

use api::{RecordKind, ResourceDef};
use aws_service::records::{property::text, schema};
use client::Resource;
use meta::Doc;
use serde_json::json;

pub const API_VERSION: &str = "sts.pilothouse.dev/v1";

/// The key that seals session tokens; in the account's namespace.
pub const SEALING_KEYS: Resource = Resource::new("sts.pilothouse.dev", "v1", "sealingkeys");

pub const USERS: Resource = Resource::new("iam.pilothouse.dev", "v1", "users");
pub const ACCESS_KEYS: Resource = Resource::new("iam.pilothouse.dev", "v1", "accesskeys");
pub const ROLES: Resource = Resource::new("iam.pilothouse.dev", "v1", "roles");
pub const POLICIES: Resource = Resource::new("iam.pilothouse.dev", "v1", "policies");

pub fn records() -> Vec<RecordKind> {
    vec![RecordKind {
        def: ResourceDef::record(API_VERSION, "SealingKey", "sealingkeys").sensitive(),
        schema: schema(json!({"key": text()}), Doc::Null),
    }]
}
