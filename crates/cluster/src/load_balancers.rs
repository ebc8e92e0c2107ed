//! Load balancers for the Services of clusters: what their control planes want becomes records of Elastic Load Balancing, by
//! the names and tags that the AWS Load Balancer Controller gives them.

use agent::ControlPlaneSpec;
use aws_service::{Arn, ids};
use client::{Client, Options, Resource};
use cloud_elbv2::{
    LOAD_BALANCERS, LoadBalancerState, Removal, STACK_LABEL, Stack, StackChange, StackGroup, StackListener, Stacks,
};
use controllers::{
    Change, Ensured, HealthCheck, Hear, Listener, LoadBalancer, LoadBalancers, Removed, ServiceKey, State, Target, TargetId,
};
use meta::{Doc, Status};
use parking_lot::RwLock;
use reconcile::{Informers, ObjectChange};
use serde_json::{Map, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock, Weak};

mod names;
mod subnets;

const CLUSTERS: Resource = Resource::new("eks.pilothouse.dev", "v1", "clusters");
const SUBNETS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "subnets");

/// Everything that clusters' load balancers share.
pub struct Balancers {
    client: Client,
    stacks: Stacks,
    hints: Hints,
}

impl Balancers {
    /// `client` speaks as `system:cloud:eks-load-balancing`, as `stacks` do.
    pub fn new(client: Client, stacks: Stacks, informers: &Informers) -> Arc<Self> {
        let made = Arc::new(Self { client, stacks, hints: Hints::default() });
        let hints = Arc::downgrade(&made);
        informers.get(LOAD_BALANCERS).on_change(move |change| {
            if let Some(made) = hints.upgrade() {
                made.hints.tell(change);
            }
        });
        made
    }

    /// Those of one cluster.
    pub fn of(self: &Arc<Self>, spec: &ControlPlaneSpec) -> ClusterBalancers {
        let (account, region) = Arn::parse(&spec.cluster_arn).map(|arn| (arn.account, arn.region)).unwrap_or_default();
        ClusterBalancers {
            shared: self.clone(),
            namespace: spec.namespace.clone(),
            record: spec.name.clone(),
            cluster: spec.cluster_name.clone(),
            cluster_uid: spec.cluster_uid.clone(),
            account,
            region,
            hear: OnceLock::new(),
        }
    }
}

/// Who hears of which load balancer, by the key of its stack.
#[derive(Default)]
struct Hints(RwLock<HashMap<String, Hint>>);

struct Hint {
    /// Gone with its control plane.
    hear: Weak<dyn Fn(&str, &str) + Send + Sync>,
    namespace: String,
    name: String,
}

impl Hints {
    fn tell(&self, change: &ObjectChange) {
        let labels = change.object().get("/metadata/labels");
        let Some(key) = labels[STACK_LABEL].as_str() else { return };
        let known = self.0.read();
        let Some(hint) = known.get(key) else { return };
        if let Some(hear) = hint.hear.upgrade() {
            hear(&hint.namespace, &hint.name);
        }
    }

    fn add(&self, key: &str, hear: &Hear, service: &ServiceKey) {
        let hint = Hint { hear: Arc::downgrade(hear), namespace: service.namespace.clone(), name: service.name.clone() };
        let mut known = self.0.write();
        if known.insert(key.to_owned(), hint).is_none() {
            known.retain(|_, hint| hint.hear.strong_count() > 0);
        }
    }

    fn remove(&self, key: &str) {
        self.0.write().remove(key);
    }
}

/// The load balancers of one cluster.
pub struct ClusterBalancers {
    shared: Arc<Balancers>,
    /// Of the records, and the Cluster's name among them.
    namespace: String,
    record: String,
    cluster: String,
    cluster_uid: String,
    account: String,
    region: String,
    hear: OnceLock<Hear>,
}

#[async_trait::async_trait]
impl LoadBalancers for ClusterBalancers {
    async fn ensure(&self, wanted: &LoadBalancer) -> Result<Ensured, String> {
        let key = self.key(&wanted.service);
        // Before anything is made, so that nothing is missed.
        self.listen(&key, &wanted.service);
        let stack = self.stack(wanted, key, self.subnets(wanted).await?);
        let (record, change) = self.shared.stacks.ensure(&self.namespace, &stack).await.map_err(|error| error.to_string())?;
        let change = match change {
            StackChange::Nothing => Change::Nothing,
            StackChange::Targets => Change::Targets,
            StackChange::Configuration => Change::Configuration,
        };
        Ok(Ensured { state: state(&record), change })
    }

    async fn remove(&self, service: &ServiceKey) -> Result<Removed, String> {
        let key = self.key(service);
        self.listen(&key, service);
        match self.shared.stacks.remove(&self.namespace, &key).await.map_err(|error| error.to_string())? {
            Removal::Begun => Ok(Removed::Begun),
            Removal::Going => Ok(Removed::Going),
            Removal::Gone => {
                self.shared.hints.remove(&key);
                Ok(Removed::Gone)
            }
        }
    }

    fn subscribe(&self, hear: Hear) {
        // A cluster has one service controller; a second has nothing to hear.
        drop(self.hear.set(hear));
    }
}

impl ClusterBalancers {
    fn key(&self, service: &ServiceKey) -> String {
        ids::digest(&[&self.cluster_uid, &service.uid])
    }

    fn listen(&self, key: &str, service: &ServiceKey) {
        if let Some(hear) = self.hear.get() {
            self.shared.hints.add(key, hear, service);
        }
    }

    async fn subnets(&self, wanted: &LoadBalancer) -> Result<Vec<Doc>, String> {
        let told = |status: Status| format!("unable to resolve subnets: {status}");
        let client = &self.shared.client;
        let cluster = client.get(CLUSTERS, &self.namespace, &self.record).await.map_err(told)?;
        let config = cluster.get("/spec/resourcesVpcConfig");
        let listed = client.list(SUBNETS, &self.namespace, Options::default()).await.map_err(told)?;
        let all: Vec<Doc> = listed.items.iter().map(|subnet| subnet.get("/spec")).collect();
        subnets::choose(&all, &config, &wanted.subnets, wanted.internal)
    }

    fn stack(&self, wanted: &LoadBalancer, key: String, subnets: Vec<Doc>) -> Stack {
        let service = &wanted.service;
        let scheme = if wanted.internal { "internal" } else { "internet-facing" };
        let name = match wanted.name.is_empty() {
            true => names::load_balancer(&self.cluster, service, scheme),
            false => wanted.name.clone(),
        };
        Stack {
            key,
            account: self.account.clone(),
            region: self.region.clone(),
            name,
            scheme: scheme.into(),
            subnets,
            attributes: texts(&wanted.attributes),
            tags: self.tags(wanted, "LoadBalancer"),
            target_groups: wanted.listeners.iter().map(|listener| self.group(wanted, listener)).collect(),
            listeners: wanted.listeners.iter().enumerate().map(|(at, listener)| self.listener(wanted, listener, at)).collect(),
        }
    }

    fn group(&self, wanted: &LoadBalancer, listener: &Listener) -> StackGroup {
        let (service, group) = (&wanted.service, &listener.target_group);
        let target_type = if group.of_addresses { "ip" } else { "instance" };
        StackGroup {
            name: names::target_group(&self.cluster, service, listener, target_type),
            protocol: group.protocol.clone(),
            port: group.port.into(),
            target_type: target_type.into(),
            health_check: health_check(&group.health_check),
            attributes: texts(&group.attributes),
            tags: self.tags(wanted, &format!("{}/{}:{}", service.namespace, service.name, listener.port)),
            targets: group.targets.iter().map(target).collect(),
        }
    }

    fn listener(&self, wanted: &LoadBalancer, listener: &Listener, at: usize) -> StackListener {
        StackListener {
            port: listener.port.into(),
            protocol: listener.protocol.clone(),
            target_group: at,
            tags: self.tags(wanted, &listener.port.to_string()),
        }
    }

    /// As aws-load-balancer-controller `pkg/deploy/tracking/provider.go`.
    fn tags(&self, wanted: &LoadBalancer, resource: &str) -> Map<String, Doc> {
        let service = &wanted.service;
        let mut tags = texts(&wanted.tags);
        tags.insert("elbv2.k8s.aws/cluster".into(), json!(self.cluster));
        tags.insert("service.k8s.aws/stack".into(), json!(format!("{}/{}", service.namespace, service.name)));
        tags.insert("service.k8s.aws/resource".into(), json!(resource));
        tags
    }
}

fn texts(map: &BTreeMap<String, String>) -> Map<String, Doc> {
    map.iter().map(|(key, value)| (key.clone(), json!(value))).collect()
}

/// An instance is the last part of its provider ID: `aws:///us-east-1a/i-0abc`.
fn target(target: &Target) -> Doc {
    let id = match &target.id {
        TargetId::Provider(id) => id.rsplit('/').next().unwrap_or_default(),
        TargetId::Address(address) => address,
    };
    json!({"id": id, "port": target.port})
}

fn health_check(check: &HealthCheck) -> Doc {
    let mut out = json!({
        "enabled": true, "protocol": check.protocol, "port": check.port, "intervalSeconds": check.interval_seconds,
        "timeoutSeconds": check.timeout_seconds, "healthyThresholdCount": check.healthy_threshold,
        "unhealthyThresholdCount": check.unhealthy_threshold,
    });
    if let Some(path) = &check.path {
        out["path"] = json!(path);
    }
    if let Some(codes) = &check.success_codes {
        out["matcher"] = json!(codes);
    }
    out
}

fn state(record: &Doc) -> State {
    let text = |value: &Doc| value.as_str().unwrap_or_default().to_owned();
    match LoadBalancerState::of(record) {
        LoadBalancerState::Provisioning => State::Provisioning,
        LoadBalancerState::Active => State::Active { hostname: text(&record["spec"]["dnsName"]) },
        LoadBalancerState::Failed => State::Failed(text(&record["status"]["message"])),
    }
}
