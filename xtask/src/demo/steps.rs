//! The story's steps, in their order. A later part of the main job adds its steps here.

use super::world::World;
use super::{bad_input, cloud, crash, deploy, kubectl, nodes, service};
use crate::process::Result;

pub type Scene = fn(&mut World) -> Result<()>;

pub struct Step {
    pub name: &'static str,
    pub title: &'static str,
    /// Named parts; a step of one part leaves the name empty.
    pub scenes: &'static [(&'static str, Scene)],
}

pub const STEPS: &[Step] = &[
    Step { name: "up", title: "start the service", scenes: &[("", service::up)] },
    Step { name: "identity", title: "who am I", scenes: &[("", cloud::identity)] },
    Step { name: "network", title: "the default VPC", scenes: &[("", cloud::network)] },
    Step { name: "create-cluster", title: "a cluster is asked for", scenes: &[("", cloud::create_cluster)] },
    Step { name: "wait", title: "until it is ACTIVE", scenes: &[("", cloud::wait_active)] },
    Step { name: "kubeconfig", title: "a kubeconfig for kubectl", scenes: &[("", cloud::kubeconfig)] },
    Step { name: "kubectl", title: "a real Kubernetes API", scenes: kubectl::SCENES },
    Step { name: "crash", title: "kill -9 loses nothing", scenes: &[("", crash::kill_and_compare)] },
    Step { name: "bad-input", title: "mistakes get the API's own errors", scenes: bad_input::SCENES },
    Step { name: "nodegroup", title: "two nodes are asked for", scenes: &[("", nodes::create)] },
    Step { name: "nodes", title: "they join by themselves", scenes: &[("", nodes::ready)] },
    Step { name: "pods", title: "real containers on a real network", scenes: nodes::PODS },
    Step { name: "streams", title: "kubectl logs, exec, attach, cp, port-forward", scenes: nodes::STREAMS },
    Step { name: "failures", title: "what goes wrong says so", scenes: nodes::FAILURES },
    Step { name: "restarts", title: "kill -9 of anything leaves containers running", scenes: nodes::RESTARTS },
    Step { name: "deploy", title: "a Deployment rolls out over both nodes", scenes: deploy::DEPLOY },
    Step { name: "balance", title: "a load balancer leads to it", scenes: deploy::BALANCE },
    Step { name: "change", title: "updated, rolled back, scaled, and a node lost", scenes: deploy::CHANGE },
];

pub const WAY_BACK: &[Step] = &[
    Step { name: "delete-application", title: "the application and its load balancer go", scenes: &[("", deploy::delete)] },
    Step { name: "delete-nodes", title: "the node group goes", scenes: &[("", nodes::delete)] },
    Step { name: "delete", title: "through the same clients", scenes: &[("", cloud::delete)] },
    Step { name: "down", title: "stop the service and remove its state", scenes: &[("", service::down)] },
    Step {
        name: "killed",
        title: "kill -9 of everything in the middle, then down --purge",
        scenes: &[("", nodes::in_the_middle)],
    },
];

/// Steps that take something apart to show that it holds.
pub const PROOFS: &[&str] = &["kubectl", "crash", "bad-input", "streams", "failures", "restarts", "killed"];

/// The step before the first: it needs the network of the machine, so it happens outside the sandbox.
pub const BUILD: &str = "build";

pub fn names() -> Vec<&'static str> {
    [BUILD].into_iter().chain(STEPS.iter().chain(WAY_BACK).map(|step| step.name)).collect()
}
