//! Makes each LoadBalancer record true, as far as its interfaces, its names and its state go; the agent of its host does the
//! rest.

use super::interface::interface;
use super::loopback;
use super::plan::{Seen, Step, plan};
use crate::claims;
use crate::lookup::{is_live, listeners_of, name_of, text};
use crate::records::{LISTENERS, LOAD_BALANCER_FINALIZER, LOAD_BALANCER_LABEL, LOAD_BALANCERS, NETWORK_INTERFACES};
use aws_service::SharedRandom;
use aws_service::records::ensure;
use client::{Client, DeleteOptions, Options, Resource};
use meta::time::SharedClock;
use meta::{Doc, Status};
use reconcile::{Controller, Error, Informers, Next, ObjectChange, ObjectKey, Runtime, gone_is_done, release};
use serde_json::json;
use std::sync::Arc;

/// Load balancers that are looked at side by side; a pass mostly waits for the store.
const WORKERS: usize = 4;

pub struct LoadBalancerControl {
    client: Client,
    host: String,
    clock: SharedClock,
    random: SharedRandom,
}

impl LoadBalancerControl {
    /// `client` speaks as `system:cloud:elbv2`; `host` is the one that makes load balancers true.
    pub fn new(client: Client, host: &str, clock: SharedClock, random: SharedRandom) -> Self {
        Self { client, host: host.to_owned(), clock, random }
    }

    /// Starts the controller; it runs until the runtime stops.
    pub fn run(self, informers: &Informers, runtime: &Runtime) {
        let control = Arc::new(self);
        Controller::new("load-balancer", runtime)
            .watches_own(&informers.get(LOAD_BALANCERS))
            .watches(&informers.get(NETWORK_INTERFACES), owner)
            .run(WORKERS, move |key| {
                let control = Arc::clone(&control);
                async move { control.reconcile(&key.namespace, &key.name).await.map(|()| Next::OnChange) }
            });
    }

    /// One pass over the load balancer of this name.
    pub async fn reconcile(&self, namespace: &str, name: &str) -> Result<(), Error> {
        let Some(seen) = self.observe(namespace, name).await? else { return Ok(()) };
        for step in plan(&seen) {
            self.apply(&seen.balancer, step).await?;
        }
        Ok(())
    }

    async fn observe(&self, namespace: &str, name: &str) -> Result<Option<Seen>, Status> {
        let Some(balancer) = self.client.find(LOAD_BALANCERS, namespace, name).await? else { return Ok(None) };
        let balancer = balancer.to_doc();
        let options = Options { label_selector: format!("{LOAD_BALANCER_LABEL}={name}"), ..Options::default() };
        let interfaces = self.client.list(NETWORK_INTERFACES, namespace, options).await?;
        let listeners = match is_live(&balancer) {
            true => Vec::new(),
            false => listeners_of(&self.client, namespace, name).await?.iter().map(|one| name_of(one).to_owned()).collect(),
        };
        Ok(Some(Seen { balancer, interfaces: interfaces.items.iter().map(|record| record.to_doc()).collect(), listeners }))
    }

    async fn apply(&self, balancer: &Doc, step: Step) -> Result<(), Error> {
        let namespace = text(&balancer["metadata"]["namespace"]);
        match step {
            Step::TakeLoopback => self.take_loopback(balancer).await,
            Step::CreateInterface(at) => {
                let zone = &balancer["spec"]["availabilityZones"][at];
                let record = interface(balancer, zone, &self.host, &*self.random, self.clock.now());
                ensure(&self.client, NETWORK_INTERFACES, namespace, record).await?;
                Ok(())
            }
            Step::DeleteInterface(name) => self.delete(NETWORK_INTERFACES, namespace, &name).await,
            Step::Status(status) => self.status(balancer, status).await,
            Step::DeleteListener(name) => self.delete(LISTENERS, namespace, &name).await,
            Step::Release => self.release(balancer).await,
        }
    }

    /// Whatever else of the record has changed meanwhile: nobody else writes these members, and a change wakes the next pass.
    async fn status(&self, balancer: &Doc, status: Doc) -> Result<(), Error> {
        let patch = json!({"metadata": {"uid": balancer["metadata"]["uid"]}, "status": status});
        let namespace = text(&balancer["metadata"]["namespace"]);
        gone_is_done(self.client.patch(LOAD_BALANCERS, namespace, name_of(balancer), "status", patch).await)
    }

    async fn take_loopback(&self, balancer: &Doc) -> Result<(), Error> {
        let (namespace, name) = (text(&balancer["metadata"]["namespace"]), name_of(balancer));
        let taken = loopback::take(&self.client, &self.host, name).await?;
        let address = taken.ok_or_else(|| Error::Waiting("no loopback address is free".into()))?;
        let spec = json!({"host": self.host, "loopback": address});
        // Without the record's version: a status may have been written since it was read.
        let patch = json!({"metadata": {"uid": balancer["metadata"]["uid"]}, "spec": spec});
        gone_is_done(self.client.patch(LOAD_BALANCERS, namespace, name, "", patch).await)
    }

    async fn release(&self, balancer: &Doc) -> Result<(), Error> {
        let (namespace, name) = (text(&balancer["metadata"]["namespace"]), name_of(balancer));
        claims::release_all(&self.client, namespace, name).await?;
        let loopback = text(&balancer["spec"]["loopback"]);
        if !loopback.is_empty() {
            loopback::give_back(&self.client, &self.host, loopback, name).await?;
        }
        let patch = release(balancer, LOAD_BALANCER_FINALIZER);
        gone_is_done(self.client.patch(LOAD_BALANCERS, namespace, name, "", patch).await)
    }

    async fn delete(&self, resource: Resource, namespace: &str, name: &str) -> Result<(), Error> {
        gone_is_done(self.client.delete(resource, namespace, name, DeleteOptions::default()).await)
    }
}

/// The load balancer that an interface belongs to.
fn owner(change: &ObjectChange) -> Option<ObjectKey> {
    let name = change.object().get("/spec/attachment/loadBalancer");
    let name = name.as_str().filter(|name| !name.is_empty())?;
    Some(ObjectKey::new(&*change.object().meta.namespace, name))
}
