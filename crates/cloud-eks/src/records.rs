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
/// Named by the escaped `<cluster>.<nodegroup>`; neither name can hold a dot.
pub const NODEGROUPS: Resource = Resource::new(GROUP, "v1", "nodegroups");
/// Named by the update's id.
pub const UPDATES: Resource = Resource::new(GROUP, "v1", "updates");

pub const VPCS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "vpcs");
pub const SUBNETS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "subnets");
pub const SECURITY_GROUPS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "securitygroups");
pub const NETWORK_INTERFACES: Resource = Resource::new("ec2.pilothouse.dev", "v1", "networkinterfaces");
pub const INSTANCES: Resource = Resource::new("ec2.pilothouse.dev", "v1", "instances");
pub const USERS: Resource = Resource::new("iam.pilothouse.dev", "v1", "users");
pub const ROLES: Resource = Resource::new("iam.pilothouse.dev", "v1", "roles");
pub const INSTANCE_PROFILES: Resource = Resource::new("iam.pilothouse.dev", "v1", "instanceprofiles");

/// On everything that belongs to a cluster: the uid of its record.
pub const CLUSTER_LABEL: &str = "eks.pilothouse.dev/cluster-uid";
/// Keeps a Cluster until all that belongs to it is gone.
pub const CLUSTER_FINALIZER: &str = "eks.pilothouse.dev/cluster";
/// On a node group's instances and updates: the uid of its record.
pub const NODEGROUP_LABEL: &str = "eks.pilothouse.dev/nodegroup-uid";
/// Keeps a Nodegroup until its instances are gone.
pub const NODEGROUP_FINALIZER: &str = "eks.pilothouse.dev/nodegroup";

pub fn records() -> Vec<RecordKind> {
    vec![cluster(), access_entry(), control_plane(), nodegroup(), update()]
}

fn cluster() -> RecordKind {
    let spec = json!({
        "name": text(), "arn": text(), "version": text(), "platformVersion": text(), "roleArn": text(),
        "resourcesVpcConfig": any(), "kubernetesNetworkConfig": any(), "logging": any(), "identity": any(),
        "accessConfig": any(), "upgradePolicy": any(), "deletionProtection": flag(), "bootstrapSelfManagedAddons": flag(),
        "tags": map(), "creatorArn": text(), "clusterSecurityGroupName": text(), "clientRequest": any(),
        "networkInterfaces": list(),
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
        "networkInterfaceIds": texts(),
    });
    let status = json!({
        "phase": text(), "endpoint": text(), "certificateAuthority": text(), "message": text(), "failures": number(),
        "addresses": texts(),
    });
    let def = ResourceDef::record(API_VERSION, "ControlPlane", "controlplanes")
        .status()
        .category("eks")
        .column("Host", "/spec/host")
        .column("Phase", "/status/phase")
        .column("Endpoint", "/status/endpoint");
    RecordKind { def, schema: schema(spec, status) }
}

fn nodegroup() -> RecordKind {
    let spec = json!({
        "clusterName": text(), "nodegroupName": text(), "nodegroupArn": text(), "version": text(), "releaseVersion": text(),
        "capacityType": text(), "scalingConfig": any(), "instanceTypes": texts(), "subnets": texts(), "amiType": text(),
        "nodeRole": text(), "labels": map(), "taints": list(), "diskSize": number(), "updateConfig": any(), "tags": map(),
        "autoScalingGroupName": text(), "imageId": text(), "instanceProfile": any(), "modifiedAt": text(), "removed": any(),
        "clientRequest": any(), "update": any(),
    });
    let status = json!({"phase": text(), "issues": list(), "readyNodes": number()});
    let def = ResourceDef::record(API_VERSION, "Nodegroup", "nodegroups")
        .status()
        .category("eks")
        .column("Cluster", "/spec/clusterName")
        .column("Nodegroup", "/spec/nodegroupName")
        .column("Desired", "/spec/scalingConfig/desiredSize")
        .column("Ready", "/status/readyNodes")
        .column("Status", "/status/phase");
    RecordKind { def, schema: schema(spec, status) }
}

fn update() -> RecordKind {
    let spec = json!({
        "id": text(), "clusterName": text(), "nodegroupName": text(), "type": text(), "params": list(), "createdAt": text(),
        "clientRequest": any(),
    });
    let status = json!({"phase": text(), "errors": list()});
    let def = ResourceDef::record(API_VERSION, "Update", "updates")
        .status()
        .category("eks")
        .column("Cluster", "/spec/clusterName")
        .column("Nodegroup", "/spec/nodegroupName")
        .column("Type", "/spec/type")
        .column("Status", "/status/phase");
    RecordKind { def, schema: schema(spec, status) }
}

/// What belongs to a cluster names it as its owner.
pub fn owner(cluster: &meta::Doc) -> meta::Doc {
    json!({
        "apiVersion": API_VERSION, "kind": "Cluster", "name": cluster["metadata"]["name"], "uid": cluster["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    })
}
