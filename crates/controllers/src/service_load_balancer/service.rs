//! What a Service says about itself.

use super::annotations::Annotations;
use super::cloud::ServiceKey;
use meta::{Doc, Object};

/// Keeps a Service until its load balancer is gone. kubernetes `k8s.io/cloud-provider/service/helpers/helper.go`
pub const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";

/// Classes that mean a load balancer of this cloud: that of EKS, and that of the AWS Load Balancer Controller.
const CLASSES: [&str; 2] = ["eks.amazonaws.com/nlb", "service.k8s.aws/nlb"];

/// Whether it is to have one that is made here. A class that is not known is somebody else's.
pub fn wants_load_balancer(service: &Doc) -> bool {
    let class = service["spec"]["loadBalancerClass"].as_str();
    service["spec"]["type"] == "LoadBalancer" && class.is_none_or(|class| CLASSES.contains(&class))
}

pub fn has_finalizer(service: &Doc) -> bool {
    finalizers(service).any(|finalizer| finalizer == FINALIZER)
}

pub fn finalizers(service: &Doc) -> impl Iterator<Item = &Doc> {
    service["metadata"]["finalizers"].as_array().into_iter().flatten()
}

/// Whether its targets are addresses of pods instead of nodes, as the annotations have it.
pub fn of_addresses(service: &Doc) -> bool {
    let annotations = Annotations::of(service);
    annotations.text("type") == Some("nlb-ip") || annotations.text("nlb-target-type") == Some("ip")
}

pub fn key_of(service: &Object) -> ServiceKey {
    let meta = &service.meta;
    ServiceKey { namespace: meta.namespace.to_string(), name: meta.name.to_string(), uid: meta.uid.to_string() }
}

/// The hostname that its status shows.
pub fn hostname(service: &Doc) -> Option<&str> {
    service["status"]["loadBalancer"]["ingress"][0]["hostname"].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whose_load_balancer_it_is() {
        for (spec, wanted) in [
            (json!({"type": "LoadBalancer"}), true),
            (json!({"type": "LoadBalancer", "loadBalancerClass": "eks.amazonaws.com/nlb"}), true),
            (json!({"type": "LoadBalancer", "loadBalancerClass": "service.k8s.aws/nlb"}), true),
            (json!({"type": "LoadBalancer", "loadBalancerClass": "example.com/own"}), false),
            (json!({"type": "NodePort"}), false),
        ] {
            assert_eq!(wants_load_balancer(&json!({"spec": spec})), wanted, "{spec}");
        }
    }
}
