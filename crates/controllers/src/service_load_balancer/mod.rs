//! Gives every Service of type LoadBalancer its network load balancer. Promise: a Service shows a hostname only when traffic
//! to it gets through, and is gone only when nothing of its load balancer is left.
//!
//! Follows kubernetes `k8s.io/cloud-provider/controllers/service/controller.go` in what it does to Services, and
//! aws-load-balancer-controller `pkg/service` in what it wants for them.

mod annotations;
mod cloud;
mod control;
mod health_check;
mod model;
mod service;
mod targets;

pub use cloud::{
    Change, Ensured, HealthCheck, Hear, Listener, LoadBalancer, LoadBalancers, Removed, ServiceKey, State, Target, TargetGroup,
    TargetId,
};

pub(crate) use control::{NAME, start};
