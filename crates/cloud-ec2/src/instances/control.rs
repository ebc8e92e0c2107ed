//! Makes each Instance record true, as far as its network goes; the agent of its host does the rest.

use super::plan::{Seen, Step, plan};
use crate::interfaces::{Attachment, NewInterface, mac_address};
use crate::records::{INSTANCE_FINALIZER, INSTANCE_LABEL, INSTANCES, NETWORK_INTERFACES, SUBNETS};
use aws_service::records::ensure;
use aws_service::{SharedRandom, ids};
use client::{Client, DeleteOptions, Options, Resource};
use meta::Doc;
use meta::time::SharedClock;
use reconcile::{Controller, Error, Informers, Next, ObjectChange, ObjectKey, Runtime, gone_is_done, release};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Instances that are looked at side by side; a pass mostly waits for the store.
const WORKERS: usize = 8;

pub struct InstanceControl {
    client: Client,
    clock: SharedClock,
    random: SharedRandom,
}

impl InstanceControl {
    /// `client` speaks as `system:cloud:ec2`.
    pub fn new(client: Client, clock: SharedClock, random: SharedRandom) -> Self {
        Self { client, clock, random }
    }

    /// Starts the controller; it runs until the runtime stops.
    pub fn run(self, informers: &Informers, runtime: &Runtime) {
        let control = Arc::new(self);
        Controller::new("instance", runtime)
            .watches_own(&informers.get(INSTANCES))
            .watches(&informers.get(NETWORK_INTERFACES), attached_to)
            .run(WORKERS, move |key| {
                let control = Arc::clone(&control);
                async move { control.reconcile(&key.namespace, &key.name).await }
            });
    }

    /// One pass over the instance of this name.
    pub async fn reconcile(&self, namespace: &str, name: &str) -> Result<Next, Error> {
        let Some(instance) = self.client.find(INSTANCES, namespace, name).await? else { return Ok(Next::OnChange) };
        let label_selector = format!("{INSTANCE_LABEL}={name}");
        let interfaces =
            self.client.list(NETWORK_INTERFACES, namespace, Options { label_selector, ..Options::default() }).await?;
        let interfaces = interfaces.items.iter().map(|interface| interface.to_doc()).collect();
        let seen = Seen { instance: instance.to_doc(), interfaces, now: self.clock.now() };
        let mut next = Next::OnChange;
        for step in plan(&seen) {
            match step {
                Step::Wait(seconds) => next = Next::After(Duration::from_secs(seconds)),
                step => self.apply(&seen, namespace, step).await?,
            }
        }
        Ok(next)
    }

    async fn apply(&self, seen: &Seen, namespace: &str, step: Step) -> Result<(), Error> {
        let metadata = &seen.instance["metadata"];
        let name = text(&metadata["name"]);
        match step {
            Step::CreateInterface => self.create_interface(&seen.instance, namespace).await,
            Step::Status(status) => {
                let patch = json!({"metadata": {"uid": metadata["uid"]}, "status": status});
                gone_is_done(self.client.patch(INSTANCES, namespace, name, "status", patch).await)
            }
            Step::DeleteInterface(interface) => self.delete(NETWORK_INTERFACES, namespace, &interface).await,
            Step::DetachInterface(interface) => {
                let patch = json!({
                    "metadata": {"labels": {INSTANCE_LABEL: null}}, "spec": {"attachment": null, "host": ""},
                });
                gone_is_done(self.client.patch(NETWORK_INTERFACES, namespace, &interface, "", patch).await)
            }
            Step::Delete => self.delete(INSTANCES, namespace, name).await,
            Step::Wait(_) => Ok(()),
            Step::Release => {
                let patch = release(&seen.instance, INSTANCE_FINALIZER);
                gone_is_done(self.client.patch(INSTANCES, namespace, name, "", patch).await)
            }
        }
    }

    /// Under the id that the instance has for it, so that there is never a second one.
    async fn create_interface(&self, instance: &Doc, namespace: &str) -> Result<(), Error> {
        let spec = &instance["spec"];
        let subnet_id = text(&spec["subnetId"]);
        let subnet = match subnet_id {
            "" => None,
            id => self.client.find(SUBNETS, namespace, id).await?,
        };
        let Some(subnet) = subnet else {
            let issue = json!({
                "code": "InvalidSubnetID.NotFound", "message": format!("The subnet ID '{subnet_id}' does not exist"),
            });
            if instance["status"]["issue"] == issue {
                return Ok(());
            }
            let patch = json!({"metadata": {"uid": instance["metadata"]["uid"]}, "status": {"issue": issue}});
            let name = text(&instance["metadata"]["name"]);
            return gone_is_done(self.client.patch(INSTANCES, namespace, name, "status", patch).await);
        };
        let attachment = Attachment {
            attachment_id: ids::ec2_id(&*self.random, "eni-attach"),
            instance_id: text(&spec["instanceId"]),
            owner_id: text(&spec["ownerId"]),
            device_index: 0,
            network_card_index: 0,
            delete_on_termination: true,
            at: self.clock.now(),
        };
        let interface = NewInterface {
            id: text(&spec["networkInterfaceId"]),
            subnet: &subnet.get("/spec"),
            owner_id: text(&spec["ownerId"]),
            requester_id: text(&spec["ownerId"]),
            description: "",
            groups: spec["groups"].clone(),
            mac_address: mac_address(&*self.random),
            address_count: 1,
            tags: json!({}),
            attachment: Some(attachment),
            host: text(&spec["host"]),
        };
        ensure(&self.client, NETWORK_INTERFACES, namespace, interface.to_doc()).await?;
        Ok(())
    }

    async fn delete(&self, resource: Resource, namespace: &str, name: &str) -> Result<(), Error> {
        gone_is_done(self.client.delete(resource, namespace, name, DeleteOptions::default()).await)
    }
}

/// The instances that a change of an interface concerns: the one before, and the one after.
fn attached_to(change: &ObjectChange) -> Vec<ObjectKey> {
    let sides = change.old.iter().chain(change.new.iter());
    let key = |interface: &Arc<meta::Object>| {
        let instance = interface.meta.labels.get(INSTANCE_LABEL)?;
        Some(ObjectKey::new(&*interface.meta.namespace, instance))
    };
    let mut keys: Vec<ObjectKey> = sides.filter_map(key).collect();
    keys.dedup();
    keys
}

fn text(value: &Doc) -> &str {
    value.as_str().unwrap_or_default()
}
