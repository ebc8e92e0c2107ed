//! What makes a cluster's objects true: the controllers, each with a user of its own, and the one list of them.
//!
//! **Invariant**: a controller acts through the API only, with the permissions of its bootstrap role.

mod certificates;
mod cloud_node_lifecycle;
mod clusterrole_aggregation;
mod context;
mod controller_revisions;
mod daemon_set;
mod deployment;
mod disruption;
mod disruption_target;
mod endpoint_slice;
mod endpoint_slice_mirroring;
mod endpoints;
mod garbage_collector;
mod job;
mod kinds;
mod namespace;
mod node_lifecycle;
mod nodes;
mod pod_gc;
mod replica_set;
mod root_ca;
mod service_account;
mod service_load_balancer;
mod service_pods;
mod stateful_set;
mod taint_eviction;
mod ttl_after_finished;
mod workloads;

pub use certificates::{NodeNames, Presence};
pub use context::{ClientFor, Context, KindFacts};
pub use service_load_balancer::{
    Change, Ensured, HealthCheck, Hear, Listener, LoadBalancer, LoadBalancers, Removed, ServiceKey, State, Target, TargetGroup,
    TargetId,
};

use context::Cx;
use reconcile::Informers;

/// A controller: the service account that it acts as, and how it starts.
pub struct Entry {
    pub name: &'static str,
    start: fn(&Cx),
}

/// Every controller of a control plane.
pub const CONTROLLERS: &[Entry] = &[
    Entry { name: namespace::NAME, start: namespace::start },
    Entry { name: garbage_collector::NAME, start: garbage_collector::start },
    Entry { name: service_account::NAME, start: service_account::start },
    Entry { name: root_ca::NAME, start: root_ca::start },
    Entry { name: certificates::NAME, start: certificates::start },
    Entry { name: clusterrole_aggregation::NAME, start: clusterrole_aggregation::start },
    Entry { name: deployment::NAME, start: deployment::start },
    Entry { name: replica_set::NAME, start: replica_set::start },
    Entry { name: replica_set::REPLICATION, start: replica_set::start_replication },
    Entry { name: daemon_set::NAME, start: daemon_set::start },
    Entry { name: job::NAME, start: job::start },
    Entry { name: ttl_after_finished::NAME, start: ttl_after_finished::start },
    Entry { name: endpoint_slice::NAME, start: endpoint_slice::start },
    Entry { name: endpoints::NAME, start: endpoints::start },
    Entry { name: endpoint_slice_mirroring::NAME, start: endpoint_slice_mirroring::start },
    Entry { name: node_lifecycle::NAME, start: node_lifecycle::start },
    Entry { name: taint_eviction::NAME, start: taint_eviction::start },
    Entry { name: cloud_node_lifecycle::NAME, start: cloud_node_lifecycle::start },
    Entry { name: pod_gc::NAME, start: pod_gc::start },
    Entry { name: disruption::NAME, start: disruption::start },
    Entry { name: service_load_balancer::NAME, start: service_load_balancer::start },
    Entry { name: stateful_set::NAME, start: stateful_set::start },
];

/// Starts them all. They end with the context's runtime. The shared informers come back for whoever watches too.
pub fn start(context: Context) -> std::sync::Arc<Informers> {
    let cx = Cx::new(context);
    CONTROLLERS.iter().for_each(|controller| (controller.start)(&cx));
    cx.informers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_controller_has_a_bootstrap_role_of_its_own() {
        for controller in CONTROLLERS {
            let role = format!("system:controller:{}", controller.name);
            let rules = auth::bootstrap::cluster_role_rules(&role, auth::bootstrap::DEFAULT_MINOR);
            assert!(rules.is_some_and(|r| !r.is_empty()), "{role}");
        }
    }
}
