//! What this controller needs of a cloud.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A Service, and which incarnation of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceKey {
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

/// A load balancer as a Service wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadBalancer {
    pub service: ServiceKey,
    /// What it is to be called; empty: as the cloud calls those of Services.
    pub name: String,
    /// Whether it is for clients of the network only.
    pub internal: bool,
    /// Ids or names of subnets; none: the cloud chooses.
    pub subnets: Vec<String>,
    pub attributes: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub listeners: Vec<Listener>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listener {
    pub port: u16,
    /// `TCP`, `UDP` or `TCP_UDP`
    pub protocol: String,
    pub target_group: TargetGroup,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    pub protocol: String,
    pub port: u16,
    /// Whether its targets are addresses; instances otherwise.
    pub of_addresses: bool,
    pub health_check: HealthCheck,
    pub attributes: BTreeMap<String, String>,
    pub targets: Vec<Target>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthCheck {
    pub protocol: String,
    /// `traffic-port` or a number
    pub port: String,
    /// Of HTTP and HTTPS.
    pub path: Option<String>,
    pub success_codes: Option<String>,
    pub interval_seconds: u32,
    pub timeout_seconds: u32,
    pub healthy_threshold: u32,
    pub unhealthy_threshold: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetId {
    /// `spec.providerID` of a Node.
    Provider(String),
    Address(String),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub id: TargetId,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being set up. Out: a hint, when it is more.
    Provisioning,
    /// Traffic to this name gets through.
    Active { hostname: String },
    /// It cannot be set up, for this reason. Out: a hint, when it can.
    Failed(String),
}

/// What ensuring has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    #[default]
    Nothing,
    Targets,
    Configuration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ensured {
    pub state: State,
    pub change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is being taken away from now on.
    Begun,
    /// Something of it is still there. Out: a hint, when it is not.
    Going,
    Gone,
}

/// Hears which Service's load balancer has changed, by namespace and name.
pub type Hear = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// The load balancers of one cluster. Failures are told to the Service's owner, so they are sentences.
#[async_trait::async_trait]
pub trait LoadBalancers: Send + Sync + 'static {
    /// Makes it so. Doing it again is nothing.
    async fn ensure(&self, wanted: &LoadBalancer) -> Result<Ensured, String>;
    /// Takes it away. Nothing to do is `Gone`.
    async fn remove(&self, service: &ServiceKey) -> Result<Removed, String>;
    /// Tells `hear` from now on.
    fn subscribe(&self, hear: Hear);
}
