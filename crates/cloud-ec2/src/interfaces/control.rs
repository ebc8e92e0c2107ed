//! Makes each NetworkInterface record true, as far as its addresses go; the agent does the rest.

use super::plan::{Seen, Step, plan, status};
use crate::addresses::{self, Taker};
use crate::records::{ADDRESSES_FINALIZER, INSTANCES, NETWORK_INTERFACES, PRIVATE_ADDRESSES, SUBNETS};
use crate::service::Cx;
use aws_service::records::region_of;
use aws_service::{Failure, Random, Request, SharedRandom};
use aws_wire::InstanceType;
use client::Client;
use meta::{Doc, Reason, Status};
use reconcile::{Controller, Error, Informer, Informers, Next, ObjectChange, ObjectKey, Runtime, gone_is_done, release};
use serde_json::json;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Interfaces that are looked at side by side; a pass mostly waits for the store.
const WORKERS: usize = 8;
/// How often a status is written anew when someone else was faster.
const ATTEMPTS: usize = 8;
/// Interfaces that found their subnet full, by subnet.
const WAITING: &str = "ec2-waiting-for-subnet";

const NO_SUBNET: &str = "InvalidSubnetID.NotFound";
pub const NO_ADDRESS: &str = "InsufficientFreeAddressesInSubnet";

pub struct InterfaceControl {
    client: Client,
    random: SharedRandom,
}

impl InterfaceControl {
    /// `client` speaks as `system:cloud:ec2`.
    pub fn new(client: Client, random: SharedRandom) -> Self {
        Self { client, random }
    }

    /// Starts the controller; it runs until the runtime stops.
    pub fn run(self, informers: &Informers, runtime: &Runtime) {
        let control = Arc::new(self);
        let interfaces = informers.get(NETWORK_INTERFACES);
        interfaces.add_index(WAITING, |interface| {
            let waits = interface.get("/status/issue/code") == NO_ADDRESS;
            interface.get("/spec/subnetId").as_str().filter(|_| waits).map(str::to_owned).into_iter().collect()
        });
        let waiting = Arc::clone(&interfaces);
        Controller::new("network-interface", runtime)
            .watches_own(&interfaces)
            .watches(&informers.get(PRIVATE_ADDRESSES), move |change| freed(change, &waiting))
            .run(WORKERS, move |key| {
                let control = Arc::clone(&control);
                async move { control.reconcile(&key.namespace, &key.name).await.map(|()| Next::OnChange) }
            });
    }

    /// One pass over the interface of this name.
    pub async fn reconcile(&self, namespace: &str, name: &str) -> Result<(), Error> {
        let Some(interface) = self.client.find(NETWORK_INTERFACES, namespace, name).await? else { return Ok(()) };
        let claims = addresses::of_interface(&self.client, namespace, name).await?;
        let seen = Seen { interface: interface.to_doc(), claims };
        for step in plan(&seen) {
            self.apply(&seen.interface, step).await?;
        }
        Ok(())
    }

    async fn apply(&self, interface: &Doc, step: Step) -> Result<(), Error> {
        let (namespace, name) = (text(&interface["metadata"]["namespace"]), text(&interface["metadata"]["name"]));
        match step {
            Step::Take { requested, count } => {
                let issue = match self.take(interface, &requested, count).await? {
                    None if interface["status"]["issue"].is_null() => return Ok(()),
                    None => Doc::Null,
                    Some(issue) if interface["status"]["issue"] == issue => return Ok(()),
                    Some(issue) => issue,
                };
                self.patch(interface, "status", json!({"status": {"issue": issue}})).await
            }
            Step::GiveBack(address) => {
                let subnet = text(&interface["spec"]["subnetId"]);
                Ok(addresses::give_back(&self.client, namespace, subnet, name, address).await?)
            }
            Step::Released => {
                let metadata = json!({"resourceVersion": interface["metadata"]["resourceVersion"]});
                self.patch(interface, "", json!({"metadata": metadata, "spec": {"releasing": null}})).await
            }
            Step::Project => project(&self.client, namespace, name).await.map(drop).map_err(Error::from),
            Step::Release => self.patch(interface, "", release(interface, ADDRESSES_FINALIZER)).await,
        }
    }

    /// What stood in the way, if anything did.
    async fn take(&self, interface: &Doc, requested: &[Ipv4Addr], count: usize) -> Result<Option<Doc>, Status> {
        let (namespace, name) = (text(&interface["metadata"]["namespace"]), text(&interface["metadata"]["name"]));
        let subnet = text(&interface["spec"]["subnetId"]);
        let Some(taker) = taker(&self.client, &*self.random, namespace, subnet, name).await? else {
            return Ok(Some(json!({"code": NO_SUBNET, "message": format!("The subnet ID '{subnet}' does not exist")})));
        };
        let mut left = count;
        for address in requested {
            if left > 0 && taker.block.contains(*address) && taker.exactly(*address).await? {
                left -= 1;
            }
        }
        for _ in 0..left {
            if taker.any().await?.is_none() {
                return Ok(Some(json!({"code": NO_ADDRESS, "message": exhausted(subnet)})));
            }
        }
        Ok(None)
    }

    /// Over this incarnation of the record only; one that has gone needs nothing more.
    async fn patch(&self, interface: &Doc, subresource: &str, mut patch: Doc) -> Result<(), Error> {
        let metadata = &interface["metadata"];
        patch["metadata"]["uid"] = metadata["uid"].clone();
        let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
        gone_is_done(self.client.patch(NETWORK_INTERFACES, namespace, name, subresource, patch).await)
    }
}

pub fn exhausted(subnet: &str) -> String {
    format!("There are not enough free addresses in subnet '{subnet}' to satisfy the requested number of instances.")
}

/// How many addresses an interface may have: its instance's type limits those of the attached.
pub async fn limit_of(cx: &Cx, request: &Request, interface: &Doc) -> Result<Option<u64>, Failure> {
    let Some(instance) = interface["spec"]["attachment"]["instanceId"].as_str() else { return Ok(None) };
    let record = cx.client.find(INSTANCES, &request.namespace(), instance).await?;
    let kind = record.and_then(|record| InstanceType::find(record.get("/spec/instanceType").as_str()?));
    Ok(kind.map(|kind| kind.addresses_per_interface()))
}

/// Takes addresses of a subnet for an interface; `None` without such a subnet.
pub async fn taker<'a>(
    client: &'a Client,
    random: &'a dyn Random,
    namespace: &'a str,
    subnet_id: &'a str,
    interface_id: &'a str,
) -> Result<Option<Taker<'a>>, Status> {
    if subnet_id.is_empty() {
        return Ok(None);
    }
    let subnet = client.find(SUBNETS, namespace, subnet_id).await?;
    let block = subnet.and_then(|subnet| addresses::block(&subnet.get("/spec")));
    Ok(block.map(|block| Taker { client, random, namespace, subnet_id, block, interface_id }))
}

/// Writes an interface's claims into its status; whoever has changed them last writes last. Returns the record.
pub async fn project(client: &Client, namespace: &str, name: &str) -> Result<Doc, Status> {
    let mut attempt = 1;
    loop {
        let Some(record) = client.find(NETWORK_INTERFACES, namespace, name).await? else { return Ok(Doc::Null) };
        let record = record.to_doc();
        let claims = addresses::of_interface(client, namespace, name).await?;
        let next = status(&record, &claims, region_of(namespace));
        if ["phase", "privateIpAddresses"].iter().all(|member| record["status"][member] == next[member]) {
            return Ok(record);
        }
        let patch = json!({"metadata": {"resourceVersion": record["metadata"]["resourceVersion"]}, "status": next});
        match client.patch(NETWORK_INTERFACES, namespace, name, "status", patch).await {
            Ok(written) => return Ok(written.to_doc()),
            Err(status) if status.reason == Reason::NotFound => return Ok(Doc::Null),
            Err(status) if status.reason == Reason::Conflict && attempt < ATTEMPTS => attempt += 1,
            Err(status) => return Err(status),
        }
    }
}

/// An address that is free again wakes those that found none in its subnet.
fn freed(change: &ObjectChange, interfaces: &Informer) -> Vec<ObjectKey> {
    if change.new.is_some() {
        return Vec::new();
    }
    let subnet = change.object().get("/spec/subnetId");
    let waiting = interfaces.indexed(WAITING, subnet.as_str().unwrap_or_default());
    waiting.iter().map(|interface| ObjectKey::of(interface)).collect()
}

fn text(value: &Doc) -> &str {
    value.as_str().unwrap_or_default()
}
