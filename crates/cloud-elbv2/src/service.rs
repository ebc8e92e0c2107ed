//! Elastic Load Balancing: query protocol, version 2015-12-01.

use crate::arns::Place;
use crate::claims::Maker;
use crate::operations::*;
use aws_service::{Access, OperationEntry, Request, Service, SharedRandom};
use aws_wire::Model;
use client::Client;
use std::sync::Arc;

/// What handlers work with.
pub(crate) struct Cx {
    pub client: Client,
    /// Who makes target groups' health true.
    pub host: String,
    pub random: SharedRandom,
}

impl Cx {
    pub fn maker<'a>(&'a self, namespace: &'a str) -> Maker<'a> {
        Maker { client: &self.client, random: &*self.random, namespace }
    }
}

/// `client` speaks as `system:cloud:elbv2`. `None` when the model is not built in.
pub fn service(client: Client, host: &str, random: SharedRandom) -> Option<Service> {
    let model = Model::load("elbv2")?;
    Some(Service { operations: operations(&Arc::new(Cx { client, host: host.to_owned(), random })), model })
}

fn operations(cx: &Arc<Cx>) -> Vec<OperationEntry> {
    use Access::Policy;
    let any = Policy(|_| vec!["*".to_owned()]);
    let tagged = Policy(|request| request.texts("ResourceArns").into_iter().map(str::to_owned).collect());
    vec![
        OperationEntry::new(cx, "AddTags", tagged, add_tags::run),
        OperationEntry::new(cx, "CreateListener", Policy(balancer), create_listener::run),
        OperationEntry::new(cx, "CreateLoadBalancer", Policy(new_balancer), create_load_balancer::run),
        OperationEntry::new(cx, "CreateTargetGroup", Policy(new_group), create_target_group::run),
        OperationEntry::new(cx, "DeleteListener", Policy(listener), delete_listener::run),
        OperationEntry::new(cx, "DeleteLoadBalancer", Policy(balancer), delete_load_balancer::run),
        OperationEntry::new(cx, "DeleteTargetGroup", Policy(group), delete_target_group::run),
        OperationEntry::new(cx, "DeregisterTargets", Policy(group), deregister_targets::run),
        OperationEntry::new(cx, "DescribeListenerAttributes", any, describe_listener_attributes::run),
        OperationEntry::new(cx, "DescribeListeners", any, describe_listeners::run),
        OperationEntry::new(cx, "DescribeLoadBalancerAttributes", any, describe_load_balancer_attributes::run),
        OperationEntry::new(cx, "DescribeLoadBalancers", any, describe_load_balancers::run),
        OperationEntry::new(cx, "DescribeTags", any, describe_tags::run),
        OperationEntry::new(cx, "DescribeTargetGroupAttributes", any, describe_target_group_attributes::run),
        OperationEntry::new(cx, "DescribeTargetGroups", any, describe_target_groups::run),
        OperationEntry::new(cx, "DescribeTargetHealth", any, describe_target_health::run),
        OperationEntry::new(cx, "ModifyListener", Policy(listener), modify_listener::run),
        OperationEntry::new(cx, "ModifyListenerAttributes", Policy(listener), modify_listener_attributes::run),
        OperationEntry::new(cx, "ModifyLoadBalancerAttributes", Policy(balancer), modify_load_balancer_attributes::run),
        OperationEntry::new(cx, "ModifyTargetGroup", Policy(group), modify_target_group::run),
        OperationEntry::new(cx, "ModifyTargetGroupAttributes", Policy(group), modify_target_group_attributes::run),
        OperationEntry::new(cx, "RegisterTargets", Policy(group), register_targets::run),
        OperationEntry::new(cx, "RemoveTags", tagged, remove_tags::run),
        OperationEntry::new(cx, "SetSubnets", Policy(balancer), set_subnets::run),
    ]
}

fn balancer(request: &Request) -> Vec<String> {
    vec![request.required("LoadBalancerArn").to_owned()]
}

fn listener(request: &Request) -> Vec<String> {
    vec![request.required("ListenerArn").to_owned()]
}

fn group(request: &Request) -> Vec<String> {
    vec![request.required("TargetGroupArn").to_owned()]
}

fn new_balancer(request: &Request) -> Vec<String> {
    vec![Place::of(request).load_balancer(request.required("Name"), "*")]
}

fn new_group(request: &Request) -> Vec<String> {
    vec![Place::of(request).target_group(request.required("Name"), "*")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::golden;

    #[test]
    fn what_is_not_built_is_listed() {
        let random = Arc::new(aws_service::SystemRandom);
        let service = service(golden::nowhere(), "here", random).expect("a built-in model");
        assert_eq!(golden::check_unbuilt(&service, env!("CARGO_MANIFEST_DIR")), Ok(()));
    }
}
