//! What controllers are handed.

use crate::certificates::NodeNames;
use crate::service_load_balancer::LoadBalancers;
use crate::workloads::Pods;
use auth::pki::CertificateAuthority;
use client::{Client, Resource};
use meta::time::SharedClock;
use meta::{Gvr, User};
use reconcile::{Informers, Recorder, Runtime};
use std::sync::Arc;

/// Makes a client of any user: composition's privilege, which each controller uses for its own account only.
pub type ClientFor = Arc<dyn Fn(User) -> Client + Send + Sync>;

/// What discovery says about a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindFacts {
    pub gvr: Gvr,
    pub kind: String,
    pub namespaced: bool,
    pub verbs: Vec<String>,
}

/// What the controllers of one control plane run on.
#[derive(Clone)]
pub struct Context {
    pub client: ClientFor,
    /// In discovery order: of a kind with several versions the preferred one first. Shared by planes that serve the same.
    pub kinds: Arc<[KindFacts]>,
    /// What `kube-root-ca.crt` publishes.
    pub root_ca_pem: String,
    /// What signs certificate requests. None: requests stay unsigned.
    pub authority: Option<Arc<CertificateAuthority>>,
    /// What is known of instances. None: a node's own word on its addresses counts.
    pub node_names: Option<Arc<dyn NodeNames>>,
    /// Where Services get load balancers. None: those of type LoadBalancer wait.
    pub load_balancers: Option<Arc<dyn LoadBalancers>>,
    pub clock: SharedClock,
    pub runtime: Runtime,
}

/// The shared informers' user, which may list and watch everything.
const MANAGER: &str = "system:kube-controller-manager";
const SYSTEM: &str = "kube-system";

pub(crate) const NAMESPACES: Resource = Resource::new("", "v1", "namespaces");
pub(crate) const CONFIG_MAPS: Resource = Resource::new("", "v1", "configmaps");
pub(crate) const NODES: Resource = Resource::new("", "v1", "nodes");
pub(crate) const SERVICES: Resource = Resource::new("", "v1", "services");
pub(crate) const ENDPOINTS: Resource = Resource::new("", "v1", "endpoints");
pub(crate) const ENDPOINT_SLICES: Resource = Resource::new("discovery.k8s.io", "v1", "endpointslices");
pub(crate) const LEASES: Resource = Resource::new("coordination.k8s.io", "v1", "leases");
pub(crate) const SERVICE_ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts");
pub(crate) const CLUSTER_ROLES: Resource = Resource::new("rbac.authorization.k8s.io", "v1", "clusterroles");

/// The context with what all controllers share.
pub(crate) struct Cx {
    pub context: Context,
    pub informers: Arc<Informers>,
    pub pods: Arc<Pods>,
}

impl Cx {
    pub fn new(context: Context) -> Self {
        let manager = (context.client)(User::authenticated::<String>(MANAGER, []));
        let informers = Informers::new(manager, context.runtime.tasks.clone(), context.runtime.stop.clone());
        let pods = Pods::follow(&informers);
        Self { context, informers, pods }
    }

    /// A client of the controller's own service account.
    pub fn client(&self, controller: &'static str) -> Client {
        (self.context.client)(User::service_account(SYSTEM, controller))
    }

    pub fn recorder(&self, controller: &'static str, component: &'static str) -> Recorder {
        Recorder::new(self.client(controller), component, self.context.clock.clone())
    }
}
