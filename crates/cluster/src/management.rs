//! The management plane: a control plane of the service's own, whose kinds are the cloud's records.

use api::{Catalog, RecordKind, ResourceDef};
use client::{Client, Resource};
use meta::status::Result;
use meta::{Doc, User};
use serde_json::json;

/// The store's name for it; clusters go by the uid of their ControlPlane record.
pub const STORE: &str = "management";

pub const CONTROL_PLANE_KEYS: Resource = Resource::new("eks.pilothouse.dev", "v1", "controlplanekeys");

/// A component of the service and what it may do in the management plane.
struct Component {
    user: &'static str,
    /// (apiGroup, resources, verbs)
    rules: &'static [(&'static str, &'static [&'static str], &'static [&'static str])],
}

const ALL: &[&str] = &["*"];
const READ: &[&str] = &["get", "list", "watch"];
const NAMESPACES: (&str, &[&str], &[&str]) = ("", &["namespaces"], &["get", "create"]);

const EKS_KINDS: &[&str] = &[
    "clusters",
    "clusters/status",
    "accessentries",
    "controlplanes",
    "nodegroups",
    "nodegroups/status",
    "updates",
    "updates/status",
];

const COMPONENTS: &[Component] = &[
    Component { user: "system:cloud:iam", rules: &[("iam.pilothouse.dev", ALL, ALL), NAMESPACES] },
    Component {
        user: "system:cloud:sts",
        rules: &[("sts.pilothouse.dev", ALL, ALL), ("iam.pilothouse.dev", ALL, READ), NAMESPACES],
    },
    Component { user: "system:cloud:ec2", rules: &[("ec2.pilothouse.dev", ALL, ALL), NAMESPACES] },
    Component {
        user: "system:cloud:eks",
        rules: &[
            ("eks.pilothouse.dev", EKS_KINDS, ALL),
            ("ec2.pilothouse.dev", &["vpcs", "subnets"], READ),
            ("ec2.pilothouse.dev", &["securitygroups", "networkinterfaces", "instances"], ALL),
            ("iam.pilothouse.dev", &["roles", "users"], READ),
            ("iam.pilothouse.dev", &["instanceprofiles"], ALL),
            NAMESPACES,
        ],
    },
    Component {
        user: "system:cloud:elbv2",
        rules: &[
            ("elbv2.pilothouse.dev", ALL, ALL),
            ("ec2.pilothouse.dev", &["vpcs", "subnets", "securitygroups", "instances"], READ),
            ("ec2.pilothouse.dev", &["networkinterfaces"], ALL),
            NAMESPACES,
        ],
    },
    // What the control planes of clusters want for their Services.
    Component {
        user: "system:cloud:eks-load-balancing",
        rules: &[
            ("elbv2.pilothouse.dev", &["loadbalancers", "listeners", "targetgroups", "names"], ALL),
            ("ec2.pilothouse.dev", &["subnets"], READ),
            ("eks.pilothouse.dev", &["clusters"], READ),
        ],
    },
    Component {
        user: "system:host:local",
        rules: &[
            ("eks.pilothouse.dev", &["controlplanes"], &["get", "list", "watch", "patch"]),
            ("eks.pilothouse.dev", &["controlplanes/status"], &["patch"]),
            ("eks.pilothouse.dev", &["controlplanekeys"], &["get", "create", "delete"]),
            ("eks.pilothouse.dev", &["accessentries"], READ),
            ("ec2.pilothouse.dev", &["vpcs", "subnets"], READ),
            ("ec2.pilothouse.dev", &["instances", "networkinterfaces"], &["get", "list", "watch", "patch"]),
            ("ec2.pilothouse.dev", &["instances/status", "networkinterfaces/status"], &["patch"]),
            ("elbv2.pilothouse.dev", &["listeners", "targetgroups"], READ),
            ("elbv2.pilothouse.dev", &["loadbalancers"], &["get", "list", "watch", "patch"]),
            ("elbv2.pilothouse.dev", &["loadbalancers/status", "targetgroups/status"], &["patch"]),
        ],
    },
    // The shared informers of the service's reconcilers.
    Component {
        user: "system:pilothouse:informers",
        rules: &[
            ("eks.pilothouse.dev", &["clusters", "controlplanes", "accessentries", "nodegroups"], READ),
            ("ec2.pilothouse.dev", &["vpcs", "subnets", "networkinterfaces", "privateaddresses", "instances"], READ),
            ("elbv2.pilothouse.dev", &["loadbalancers", "listeners", "targetgroups"], READ),
        ],
    },
];

/// Every kind of every cloud service, and those of this composition.
pub fn catalog(minor: u32) -> Option<Catalog> {
    let lists = [
        cloud_iam::records(),
        cloud_sts::records(),
        cloud_ec2::records(),
        cloud_eks::records(),
        cloud_elbv2::records(),
        vec![control_plane_keys()],
    ];
    Catalog::management(minor, lists.into_iter().flatten().collect())
}

/// What a control plane of this host keeps secret, and the address it has for good.
fn control_plane_keys() -> RecordKind {
    let text = || json!({ "type": "string" });
    let spec = json!({ "authorityCertificate": text(), "authorityKey": text(), "signingKey": text(), "address": text() });
    let schema = json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": spec } } });
    let def = ResourceDef::record("eks.pilothouse.dev/v1", "ControlPlaneKeys", "controlplanekeys").sensitive();
    RecordKind { def, schema }
}

pub fn user(component: &str) -> User {
    User::authenticated(component, [] as [&str; 0])
}

/// The components' roles and bindings. Rules are rewritten at each start, so that an upgrade takes effect.
pub async fn authorize_components(admin: &Client) -> Result<()> {
    for component in COMPONENTS {
        let rules: Vec<Doc> = component
            .rules
            .iter()
            .map(|(group, resources, verbs)| json!({ "apiGroups": [group], "resources": resources, "verbs": verbs }))
            .collect();
        let role = json!({ "metadata": { "name": component.user }, "rules": rules });
        let binding = json!({
            "metadata": { "name": component.user },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": component.user },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": component.user }],
        });
        put(admin, Resource::new("rbac.authorization.k8s.io", "v1", "clusterroles"), component.user, role).await?;
        put(admin, Resource::new("rbac.authorization.k8s.io", "v1", "clusterrolebindings"), component.user, binding).await?;
    }
    Ok(())
}

async fn put(admin: &Client, resource: Resource, name: &str, doc: Doc) -> Result<()> {
    match admin.find(resource, "", name).await? {
        Some(_) => admin.patch(resource, "", name, "", doc).await.map(drop),
        None => admin.create(resource, "", doc).await.map(drop),
    }
}
