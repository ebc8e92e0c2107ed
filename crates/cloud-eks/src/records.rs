//! The kinds this service stores, in the namespace of account and region, and those of other services that it touches.

use api::{RecordKind, ResourceDef};
use aws_service::records::property::{any, flag, list, map, number, text, texts};
use aws_service::records::schema;
use client::Resource;
use serde_json::json;

pub const API_VERSION: &str = "eks.pilothouse.dev/v1";
const GROUP: &str = "eks.pilothouse.dev";

/// Named by the escaped cluster name.
pub const CLUSTERS: Resource = Resource::new(GROUP, "v1", "clusters");
/// Named by the digest of the cluster's uid and the principal.
pub const ACCESS_ENTRIES: Resource = Resource::new(GROUP, "v1", "accessentries");
/// Named as its Cluster; made true by the agent of `spec.host`.
pub const CONTROL_PLANES: Resource = Resource::new(GROUP, "v1", "controlplanes");

pub const VPCS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "vpcs");
pub const SUBNETS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "subnets");
pub const SECURITY_GROUPS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "securitygroups");
pub const USERS: Resource = Resource::new("iam.pilothouse.dev", "v1", "users");
pub const ROLES: Resource = Resource::new("iam.pilothouse.dev", "v1", "roles");

/// On everything that belongs to a cluster: the uid of its record.
pub const CLUSTER_LABEL: &str = "eks.pilothouse.dev/cluster-uid";
/// Keeps a Cluster until all that belongs to it is gone.
pub const CLUSTER_FINALIZER: &str = "eks.pilothouse.dev/cluster";

pub fn records() -> Vec<RecordKind> {
    vec![cluster(), access_entry(), control_plane()]
}

fn cluster() -> RecordKind {
    let spec = json!({
        "name": text(), "arn": text(), "version": text(), "platformVersion": text(), "roleArn": text(),
        "resourcesVpcConfig": any(), "kubernetesNetworkConfig": any(), "logging": any(), "identity": any(),
        "accessConfig": any(), "upgradePolicy": any(), "deletionProtection": flag(), "bootstrapSelfManagedAddons": flag(),
        "tags": map(), "creatorArn": text(), "clusterSecurityGroupName": text(), "clientRequest": any(),
    });
    let status = json!({
        "phase": text(), "endpoint": text(), "certificateAuthority": text(), "issues": list(),
    });
    let def = ResourceDef::record(API_VERSION, "Cluster", "clusters")
        .status()
        .category("eks")
        .column("Cluster", "/spec/name")
        .column("Version", "/spec/version")
        .column("Status", "/status/phase")
        .column("Endpoint", "/status/endpoint");
    RecordKind { def, schema: schema(spec, status) }
}

fn access_entry() -> RecordKind {
    let spec = json!({
        "clusterName": text(), "principalArn": text(), "accessEntryArn": text(), "kubernetesGroups": texts(),
        "username": text(), "type": text(), "tags": map(), "modifiedAt": text(), "associatedPolicies": list(),
        "clientRequest": any(),
    });
    let def = ResourceDef::record(API_VERSION, "AccessEntry", "accessentries")
        .category("eks")
        .column("Cluster", "/spec/clusterName")
        .column("Principal", "/spec/principalArn")
        .column("Type", "/spec/type");
    RecordKind { def, schema: schema(spec, meta::Doc::Null) }
}

fn control_plane() -> RecordKind {
    let spec = json!({
        "host": text(), "clusterName": text(), "clusterArn": text(), "clusterUid": text(), "version": text(),
        "serviceIpv4Cidr": text(), "oidcIssuer": text(), "authenticationMode": text(),
    });
    let status = json!({
        "phase": text(), "endpoint": text(), "certificateAuthority": text(), "message": text(), "failures": number(),
    });
    let def = ResourceDef::record(API_VERSION, "ControlPlane", "controlplanes")
        .status()
        .category("eks")
        .column("Host", "/spec/host")
        .column("Phase", "/status/phase")
        .column("Endpoint", "/status/endpoint");
    RecordKind { def, schema: schema(spec, status) }
}

/// What belongs to a cluster names it as its owner.
pub fn owner(cluster: &meta::Doc) -> meta::Doc {
    json!({
        "apiVersion": API_VERSION, "kind": "Cluster", "name": cluster["metadata"]["name"], "uid": cluster["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    })
}
