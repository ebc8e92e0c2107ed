//! The caches that load balancers are read from, and what in them wakes the reconciler.

use crate::instances::INSTANCES;
use crate::vpc::{BY_VPC, NETWORK_INTERFACES, SUBNETS, if_changed, text, vpc_of};
use client::Resource;
use meta::{Doc, Object};
use reconcile::{Controller, Informer, Informers, ObjectChange};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

pub const LOAD_BALANCERS: Resource = Resource::new("elbv2.pilothouse.dev", "v1", "loadbalancers");
const LISTENERS: Resource = Resource::new("elbv2.pilothouse.dev", "v1", "listeners");
pub const TARGET_GROUPS: Resource = Resource::new("elbv2.pilothouse.dev", "v1", "targetgroups");

const BY_NAME: &str = "agent-name";
const BY_LOAD_BALANCER: &str = "agent-load-balancer";

/// The records of one VPC that load balancers are made of.
#[derive(Clone, Debug, Default)]
pub struct VpcRecords {
    /// Of this host.
    pub balancers: Vec<Doc>,
    pub listeners: Vec<Doc>,
    /// Of this host.
    pub groups: Vec<Doc>,
    pub interfaces: Vec<Doc>,
    pub instances: Vec<Doc>,
    pub subnets: Vec<Doc>,
}

pub struct Sources {
    balancers: Arc<Informer>,
    listeners: Arc<Informer>,
    groups: Arc<Informer>,
    interfaces: Arc<Informer>,
    instances: Arc<Informer>,
    subnets: Arc<Informer>,
}

fn field(object: &Object, pointer: &str) -> String {
    object.get(pointer).as_str().unwrap_or_default().to_owned()
}

impl Sources {
    pub fn new(informers: &Informers) -> Self {
        let get = |resource| informers.get(resource);
        let sources = Self {
            balancers: get(LOAD_BALANCERS),
            listeners: get(LISTENERS),
            groups: get(TARGET_GROUPS),
            interfaces: get(NETWORK_INTERFACES),
            instances: get(INSTANCES),
            subnets: get(SUBNETS),
        };
        for informer in [&sources.balancers, &sources.groups, &sources.interfaces, &sources.instances] {
            informer.add_index(BY_VPC, |object| vec![vpc_of(object)]);
        }
        sources.balancers.add_index(BY_NAME, |object| vec![object.meta.name.clone()]);
        sources.listeners.add_index(BY_LOAD_BALANCER, |object| vec![field(object, "/spec/loadBalancer")]);
        sources
    }

    pub fn records(&self, vpc: &str, host: &str) -> VpcRecords {
        let docs = |objects: Vec<Arc<Object>>| -> Vec<Doc> { objects.iter().map(|object| object.to_doc()).collect() };
        let here = |informer: &Informer| -> Vec<Doc> {
            docs(informer.indexed(BY_VPC, vpc)).into_iter().filter(|doc| text(doc, "/spec/host") == host).collect()
        };
        let balancers = here(&self.balancers);
        let listeners =
            balancers.iter().flat_map(|doc| self.listeners.indexed(BY_LOAD_BALANCER, text(doc, "/metadata/name"))).collect();
        let subnets = docs(self.subnets.all()).into_iter().filter(|doc| text(doc, "/spec/vpcId") == vpc).collect();
        VpcRecords {
            listeners: docs(listeners),
            groups: here(&self.groups),
            interfaces: docs(self.interfaces.indexed(BY_VPC, vpc)),
            instances: docs(self.instances.indexed(BY_VPC, vpc)),
            subnets,
            balancers,
        }
    }

    /// By what others write, not by what the reconciler writes itself.
    pub fn wake(&self, controller: Controller<String>) -> Controller<String> {
        let balancers = self.balancers.clone();
        controller
            .watches(&self.balancers, woken_by_own)
            .watches(&self.groups, woken_by_own)
            .watches(&self.listeners, move |change| woken_by_listener(change, &balancers))
            .watches(&self.interfaces, woken_by_interface)
            .watches(&self.instances, woken_by_instance)
            .watches(&self.subnets, |change| if_changed(change, |subnet| subnet.get("/spec/availabilityZone")))
    }
}

fn woken_by_own(change: &ObjectChange) -> BTreeSet<String> {
    if_changed(change, |object| json!([object.meta.uid, object.meta.generation, object.meta.is_deleting(), object.meta.finalizers]))
}

/// A listener may be there before its load balancer, which then wakes by itself.
fn woken_by_listener(change: &ObjectChange, balancers: &Informer) -> Vec<String> {
    let asked = |object: &Arc<Object>| (object.get("/spec"), object.meta.is_deleting());
    if change.old.as_ref().map(asked) == change.new.as_ref().map(asked) {
        return Vec::new();
    }
    let balancer = field(change.object(), "/spec/loadBalancer");
    balancers.indexed(BY_NAME, &balancer).iter().map(|balancer| vpc_of(balancer)).collect()
}

fn woken_by_interface(change: &ObjectChange) -> BTreeSet<String> {
    if_changed(change, |interface| {
        let balancer = interface.get("/spec/attachment/loadBalancer");
        if balancer.is_null() {
            return Doc::Null;
        }
        json!([balancer, interface.meta.is_deleting(), interface.get("/status")])
    })
}

fn woken_by_instance(change: &ObjectChange) -> BTreeSet<String> {
    if_changed(change, |instance| {
        json!([
            instance.meta.is_deleting(),
            instance.get("/spec/terminate"),
            instance.get("/status/state"),
            instance.get("/status/network"),
        ])
    })
}
