//! The reconciler of Instance records of this host.

use super::INSTANCES;
use super::machines::{Launch, Machines};
use super::node_file::Machine;
use super::plan::{FINALIZER, Step, plan, status};
use super::records::{Records, attached_to};
use super::states::InstanceState;
use client::Client;
use meta::{Doc, Object};
use reconcile::{Controller, Error, Informers, Next, ObjectChange, ObjectKey, Runtime, gone_is_done, release};
use serde_json::json;
use std::sync::Arc;

/// Instances that are started or taken apart side by side.
const WORKERS: usize = 4;
/// `StateReason` of an instance that could not be launched for no fault of its owner.
const INTERNAL_ERROR: &str = "Server.InternalError";
const INITIATED: &str = "Client.UserInitiatedShutdown";

/// What an agent is told about its host.
pub struct Config {
    pub host: String,
    pub account: String,
    pub region: String,
    /// The hardware of an instance type. None: there is no such type.
    pub machine: Arc<dyn Fn(&str) -> Option<Machine> + Send + Sync>,
    /// What instances are made of here.
    pub machines: Arc<dyn Machines>,
}

pub struct Instances {
    client: Client,
    config: Config,
    records: Records,
}

impl Instances {
    /// Adopts what runs, starts and ends the rest, and follows changes until the runtime stops. Node processes stay then.
    pub fn run(client: Client, config: Config, informers: &Informers, runtime: &Runtime) {
        let records = Records::new(informers, &config.account, &config.region);
        let (instances, interfaces) = (records.instances.clone(), records.interfaces.clone());
        let all = Arc::new(Self { client, config, records });
        runtime.tasks.spawn(all.clone().sweep(runtime.clone()));
        Controller::new("instance", runtime).watches(&instances, wakes).watches(&interfaces, attached).run(WORKERS, move |key| {
            let all = all.clone();
            async move { all.reconcile(&key.namespace, &key.name).await.map(|()| Next::OnChange) }
        });
    }

    /// Removes the remains of instances whose records have gone.
    async fn sweep(self: Arc<Self>, runtime: Runtime) {
        if runtime.stop.run_until_cancelled(self.records.instances.synced()).await.is_none() {
            return;
        }
        let known: Vec<String> = self.records.instances.all().iter().map(|record| record.meta.name.clone()).collect();
        let left = self.config.machines.present().unwrap_or_else(|error| {
            tracing::warn!(%error, "what is left of instances cannot be found");
            Vec::new()
        });
        for id in left.into_iter().filter(|id| !known.contains(id)) {
            tracing::info!(instance = id, "removing what is left of an instance without a record");
            if let Err(error) = self.config.machines.destroy(&id).await {
                tracing::warn!(instance = id, %error, "what is left of an instance cannot be removed");
            }
        }
    }

    async fn reconcile(&self, namespace: &str, name: &str) -> Result<(), Error> {
        // The latest there is: a cache may not know yet what was just written.
        let Some(record) = self.client.find(INSTANCES, namespace, name).await? else { return Ok(()) };
        let record = record.to_doc();
        let interface = self.records.primary(namespace, &record);
        match plan(&record, interface.as_ref(), &self.config.host) {
            Step::Leave => Ok(()),
            Step::Await(what) => self.say(namespace, name, &record, InstanceState::Pending, what, "").await,
            Step::Run => self.ensure(namespace, name, &record).await,
            Step::Terminate => {
                let message = "the instance was asked to terminate";
                self.say(namespace, name, &record, InstanceState::ShuttingDown, message, INITIATED).await?;
                self.config.machines.destroy(name).await.map_err(|error| Error::Waiting(error.to_string()))?;
                self.say(namespace, name, &record, InstanceState::Terminated, message, INITIATED).await?;
                self.release(namespace, name).await
            }
            Step::Release => self.release(namespace, name).await,
        }
    }

    async fn ensure(&self, namespace: &str, name: &str, record: &Doc) -> Result<(), Error> {
        match self.start(namespace, name, record).await {
            Ok(()) => self.say(namespace, name, record, InstanceState::Running, "", "").await,
            Err(why) => {
                tracing::warn!(instance = name, %why, "an instance does not start");
                // One that ran before stays running, in EC2's words: its owner did not stop it.
                self.say(namespace, name, record, InstanceState::Pending, &why, INTERNAL_ERROR).await?;
                Err(Error::Waiting(why))
            }
        }
    }

    async fn start(&self, namespace: &str, id: &str, record: &Doc) -> Result<(), String> {
        let kind = record["spec"]["instanceType"].as_str().unwrap_or_default();
        let machine = (self.config.machine)(kind).ok_or_else(|| format!("there is no instance type {kind:?}"))?;
        let (records, at) = (self.records.clone(), (namespace.to_owned(), id.to_owned()));
        let source = Arc::new(move || records.metadata(&at.0, &at.1));
        let metadata = self.records.describe(namespace, record);
        self.config.machines.start(Launch { id: id.to_owned(), machine, metadata, source }).await
    }

    async fn say(
        &self,
        namespace: &str,
        name: &str,
        record: &Doc,
        state: InstanceState,
        message: &str,
        code: &str,
    ) -> Result<(), Error> {
        let Some(status) = status(record, state, message, code) else { return Ok(()) };
        let patch = json!({ "metadata": { "uid": record["metadata"]["uid"] }, "status": status });
        gone_is_done(self.client.patch(INSTANCES, namespace, name, "status", patch).await)
    }

    async fn release(&self, namespace: &str, name: &str) -> Result<(), Error> {
        let Some(record) = self.client.find(INSTANCES, namespace, name).await? else { return Ok(()) };
        let patch = release(&record.to_doc(), FINALIZER);
        gone_is_done(self.client.patch(INSTANCES, namespace, name, "", patch).await)
    }
}

/// The agent's own statuses do not wake it; what others write does.
fn wakes(change: &ObjectChange) -> Option<ObjectKey> {
    let asked = |object: &Arc<Object>| {
        (object.meta.uid.clone(), object.meta.generation, object.meta.is_deleting(), object.get("/status/network"))
    };
    let new = change.new.as_ref()?;
    (change.old.as_ref().map(asked) != Some(asked(new))).then(|| ObjectKey::of(new))
}

/// An interface that became usable wakes its instance.
fn attached(change: &ObjectChange) -> Option<ObjectKey> {
    let new = change.new.as_ref()?;
    (new.get("/status/realised") == true).then(|| attached_to(new)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(generation: i64, doc: Doc) -> Option<Arc<Object>> {
        let mut whole = json!({"metadata": {"name": "i-1", "namespace": "n", "uid": "u", "generation": generation}});
        whole["status"] = doc["status"].clone();
        whole["spec"] = doc["spec"].clone();
        Some(Object::from_doc(&whole, 1).expect("an object").shared())
    }

    #[test]
    fn only_what_others_write_wakes() {
        let network = json!({"status": {"network": {"privateIpAddress": "10.0.0.4"}}});
        for (old, new, expected) in [
            (None, object(1, json!({})), true),
            (object(1, json!({})), None, false),
            (object(1, json!({})), object(1, json!({"status": {"state": "running"}})), false),
            (object(1, json!({})), object(1, network), true),
            (object(1, json!({})), object(2, json!({})), true),
        ] {
            let change = ObjectChange { old, new };
            assert_eq!(wakes(&change).is_some(), expected, "{change:?}");
        }
        let interface = |realised: bool, instance: &str| {
            let doc = json!({"spec": {"attachment": {"instanceId": instance}}, "status": {"realised": realised}});
            attached(&ObjectChange { old: None, new: object(1, doc) }).map(|key| key.name)
        };
        assert_eq!(interface(true, "i-9").as_deref(), Some("i-9"));
        assert_eq!((interface(false, "i-9"), interface(true, "")), (None, None));
    }
}
