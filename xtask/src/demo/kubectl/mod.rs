//! The Kubernetes half: everything that kubectl does with objects.

mod access;
mod discovery;
mod objects;
mod patches;
mod pods;
mod watching;
mod workloads;

use super::steps::Scene;

pub const SCENES: &[(&str, Scene)] = &[
    ("version and discovery", discovery::version_and_discovery),
    ("namespaces", objects::namespaces),
    ("ConfigMaps and Secrets", objects::config),
    ("outputs", objects::outputs),
    ("conflicts", objects::conflicts),
    ("deployments and services", workloads::deployments_and_services),
    ("many other kinds", workloads::other_kinds),
    ("pods and nodes", pods::pods_and_nodes),
    ("edit and the three patches", patches::edits_and_patches),
    ("apply", patches::apply),
    ("watch", watching::watch),
    ("service accounts", access::service_account),
    ("a user whom RBAC refuses", access::viewer),
    ("deletion", objects::deletion),
];
