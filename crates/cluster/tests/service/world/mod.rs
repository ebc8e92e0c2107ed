//! A whole service in this process, on a free port and in a directory of its own, and clients for it.

pub mod aws;
pub mod http;
pub mod kube;
pub mod nodes;

use aws::Aws;
use aws_wire::sigv4::Credentials;
use client::{Client, EventKind, Options, Resource, WatchItem};
use cloud_eks::{ACCESS_ENTRIES, CLUSTERS, CONTROL_PLANES};
use cluster::{Config, Service};
use futures::StreamExt;
use kube::Kube;
use meta::{Clock, Doc, Object, SystemClock, Time};
use serde_json::json;
use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "us-east-1";
/// Records of the region.
pub const REGIONAL: &str = "123456789012-us-east-1";
pub const CONTROL_PLANE_KEYS: Resource = Resource::new("eks.pilothouse.dev", "v1", "controlplanekeys");

/// Everything that operations and reconcilers write.
const RECORDS: [Resource; 19] = [
    CLUSTERS,
    ACCESS_ENTRIES,
    CONTROL_PLANES,
    CONTROL_PLANE_KEYS,
    cloud_eks::NODEGROUPS,
    cloud_eks::UPDATES,
    cloud_ec2::INSTANCES,
    cloud_ec2::NETWORK_INTERFACES,
    cloud_ec2::PRIVATE_ADDRESSES,
    cloud_iam::INSTANCE_PROFILES,
    cloud_ec2::VPCS,
    cloud_ec2::SUBNETS,
    cloud_ec2::SECURITY_GROUPS,
    cloud_ec2::ROUTE_TABLES,
    cloud_ec2::NETWORK_ACLS,
    cloud_iam::USERS,
    cloud_iam::ACCESS_KEYS,
    cloud_iam::ROLES,
    cloud_iam::POLICIES,
];

/// Far more than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The machine's clock, moved forward by hand.
#[derive(Default)]
pub struct HandClock(AtomicI64);

impl HandClock {
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Time {
        SystemClock.now().plus_seconds(self.0.load(Ordering::SeqCst))
    }
}

pub struct World {
    pub service: Service,
    pub clock: Arc<HandClock>,
    pub directory: Home,
}

/// A state directory. The network namespaces and cgroups of the services in it go with it.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = cluster::purge(&cluster::StateDir::new(self.path())) {
            eprintln!("a service's leftovers cannot be removed: {error}");
        }
    }
}

pub fn config(directory: &Path) -> Config {
    Config {
        state_dir: directory.to_owned(),
        port: 0,
        account: ACCOUNT.into(),
        region: REGION.into(),
        zones: ["a", "b", "c"].map(|zone| format!("{REGION}{zone}")).into(),
        hosts_file: None,
        simulated: false,
    }
}

impl World {
    pub async fn start() -> Self {
        let directory = Home(tempfile::tempdir().expect("a directory"));
        Self::start_in(directory, Arc::default()).await
    }

    pub async fn start_in(directory: Home, clock: Arc<HandClock>) -> Self {
        let service = Service::start_by(clock.clone(), &config(directory.path()), &|_| ()).await.expect("the service starts");
        Self { service, clock, directory }
    }

    /// Stops the service and starts it again over what it left.
    pub async fn restart(self) -> Self {
        let Self { service, clock, directory } = self;
        service.stop().await;
        Self::start_in(directory, clock).await
    }

    pub fn admin(&self) -> &Client {
        &self.service.admin
    }

    /// A client with the key that the first start made.
    pub fn administrator(&self) -> Aws {
        let made = self.service.state.read_credentials().expect("readable").expect("an administrator's key");
        self.client(made.access_key_id, made.secret_access_key, None)
    }

    pub fn client(&self, access_key_id: String, secret_access_key: String, session_token: Option<String>) -> Aws {
        Aws {
            endpoint: self.service.info.endpoint.clone(),
            authority: std::fs::read_to_string(self.service.state.authority()).expect("the endpoint's authority"),
            region: REGION.into(),
            credentials: Credentials { access_key_id, secret_access_key, session_token },
            time: self.clock.now(),
        }
    }

    /// A new IAM user with a key, who may do what `statements` say.
    pub async fn user(&self, name: &str, statements: Doc) -> Aws {
        let key_id = format!("AKIA{:A<16}", name.to_uppercase());
        let secret = format!("secret of {name}");
        let policies: Vec<Doc> = match statements.is_null() {
            true => Vec::new(),
            false => vec![json!({"policyName": "own", "policyDocument": json!({"Statement": statements}).to_string()})],
        };
        let user = json!({
            "userName": name, "path": "/", "userId": format!("AIDA{:A<16}", name.to_uppercase()),
            "arn": user_arn(name), "attachedPolicies": [], "inlinePolicies": policies, "tags": {},
        });
        let key = json!({"accessKeyId": key_id, "userName": name, "status": "Active", "secretAccessKey": secret});
        self.create(cloud_iam::USERS, ACCOUNT, "User", name, user).await;
        self.create(cloud_iam::ACCESS_KEYS, ACCOUNT, "AccessKey", &key_id.to_lowercase(), key).await;
        self.client(key_id, secret, None)
    }

    /// A new role that principals like `{"AWS": "*"}` may assume.
    pub async fn role(&self, name: &str, principal: Doc) {
        let trust = json!({"Statement": {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}});
        let role = json!({
            "roleName": name, "path": "/", "roleId": format!("AROA{:A<16}", name.to_uppercase()), "arn": role_arn(name),
            "description": "", "assumeRolePolicyDocument": trust.to_string(), "maxSessionDuration": 3600,
            "attachedPolicies": [], "inlinePolicies": [], "tags": {},
        });
        self.create(cloud_iam::ROLES, ACCOUNT, "Role", name, role).await;
    }

    pub async fn create(&self, resource: Resource, namespace: &str, kind: &str, name: &str, spec: Doc) {
        let api_version = format!("{}/{}", resource.group, resource.version);
        let record = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec});
        self.admin().create(resource, namespace, record).await.expect("a record");
    }

    /// A client with a session of the role.
    pub async fn assume(&self, from: &Aws, role: &str, extra: Doc) -> Aws {
        let mut input = json!({"RoleArn": role_arn(role), "RoleSessionName": "visit"});
        let members = extra.as_object().cloned().unwrap_or_default();
        input.as_object_mut().expect("an object").extend(members);
        let made = from.ok("sts", "AssumeRole", input).await["Credentials"].take();
        let text = |member: &str| made[member].as_str().expect("a credential").to_owned();
        self.client(text("AccessKeyId"), text("SecretAccessKey"), Some(text("SessionToken")))
    }

    /// Kind, name and revision of every record there is: equal before and after means that nothing was written.
    pub async fn census(&self) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        for resource in RECORDS {
            let listed = self.admin().list(resource, "", Options::default()).await.expect("a list");
            let row = |object: &Arc<Object>| {
                let metadata = &object.to_doc()["metadata"];
                format!("{} {} {}", resource.plural, metadata["name"], metadata["resourceVersion"])
            };
            out.extend(listed.items.iter().map(row));
        }
        out
    }

    /// What CreateCluster needs at least, in all three zones.
    pub async fn cluster_input(&self, name: &str) -> Doc {
        let listed = self.administrator().ok("ec2", "DescribeSubnets", json!({})).await;
        let subnets: Vec<&Doc> = listed["Subnets"].as_array().into_iter().flatten().map(|subnet| &subnet["SubnetId"]).collect();
        json!({
            "name": name, "roleArn": role_arn("eksClusterRole"), "resourcesVpcConfig": {"subnetIds": subnets},
            "accessConfig": {"authenticationMode": "API"},
        })
    }

    /// Creates a cluster and waits until it is ACTIVE; answers what DescribeCluster says then.
    pub async fn cluster(&self, name: &str) -> Doc {
        let aws = self.administrator();
        aws.ok("eks", "CreateCluster", self.cluster_input(name).await).await;
        self.active(name).await;
        aws.ok("eks", "DescribeCluster", json!({"name": name})).await["cluster"].take()
    }

    pub async fn active(&self, name: &str) {
        self.until(CLUSTERS, name, |record| record.is_some_and(|doc| doc["status"]["phase"] == "ACTIVE")).await;
        // Where there is a virtual network, the control plane enters it when it is already served here.
        if node_os::netns::permitted().is_ok() {
            let inside = |doc: &Doc| doc["status"]["addresses"].as_array().is_some_and(|all| !all.is_empty());
            self.until(CONTROL_PLANES, name, |record| record.is_some_and(inside)).await;
        }
    }

    pub async fn gone(&self, name: &str) {
        self.until(CLUSTERS, name, |record| record.is_none()).await;
    }

    /// Follows the record of this name until it is as wanted; `None` is a record that does not exist.
    pub async fn until(&self, resource: Resource, name: &str, wanted: impl Fn(Option<&Doc>) -> bool) {
        let follow = async {
            let listed = self.admin().list(resource, REGIONAL, Options::default()).await.expect("a list");
            let now = listed.items.iter().map(|object| object.to_doc()).find(|doc| doc["metadata"]["name"] == name);
            if wanted(now.as_ref()) {
                return;
            }
            let options = Options { resource_version: listed.revision.to_string(), ..Options::default() };
            let mut changes = self.admin().watch(resource, REGIONAL, options).await.expect("a watch");
            while let Some(item) = changes.next().await {
                let WatchItem::Event(event) = item else { continue };
                let doc = event.object.to_doc();
                let now = (event.kind != EventKind::Deleted).then_some(&doc);
                if doc["metadata"]["name"] == name && wanted(now) {
                    return;
                }
            }
            panic!("the watch ended");
        };
        within(&format!("{} {name}", resource.plural), follow).await;
    }

    pub fn kube(&self, cluster: &Doc, who: &Aws) -> Kube {
        Kube::of(cluster, who.cluster_token(cluster["name"].as_str().expect("a name")))
    }
}

pub fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

pub fn user_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/{name}")
}

pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// Asks until the answer is the expected one: what one API accepts reaches another through a watch.
pub async fn eventually<T: PartialEq + std::fmt::Debug, F: Future<Output = T>>(expected: T, ask: impl Fn() -> F) {
    let asking = async {
        while ask().await != expected {
            tokio::task::yield_now().await;
        }
    };
    within(&format!("{expected:?}"), asking).await;
}
