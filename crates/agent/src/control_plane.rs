//! Control planes of this host. Promise: a record is let go only after its control plane has been destroyed.

use crate::load_balancers::{self, LoadBalancers};
use crate::plan::{ControlPlaneSpec, FINALIZER, Step, failed, plan, ready};
use crate::vpc::{Place, PlaneNetwork, Realised, Serving, SimulatedVpc, VpcControl, VpcServices, names};
use client::{Client, Resource};
use meta::Doc;
use meta::time::SharedClock;
use reconcile::{Controller, Error, Informers, Next, ObjectChange, ObjectKey, Queue, Runtime, gone_is_done, release};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

pub const CONTROL_PLANES: Resource = Resource::new("eks.pilothouse.dev", "v1", "controlplanes");

/// Control planes that start side by side: loading a store is work for a core.
const WORKERS: usize = 4;

/// Where a control plane serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `https://127.0.0.2:6443`
    pub url: String,
    pub certificate_authority_pem: String,
}

/// Starts and stops control planes.
#[async_trait::async_trait]
pub trait ControlPlaneFactory: Send + Sync + 'static {
    /// Makes it run, if it does not, and says where. Keeps the previous endpoint if that can be. It also serves in
    /// `network`, from when there is one.
    async fn ensure(&self, spec: &ControlPlaneSpec, network: Option<&PlaneNetwork>) -> Result<Endpoint, String>;
    /// Stops it and removes its data. Nothing to do is success.
    async fn destroy(&self, spec: &ControlPlaneSpec) -> Result<(), String>;
}

/// What the agent needs to make VPCs, and the load balancers in them.
pub struct Network {
    /// The id of this instance of the service: in the name of everything that is made on the host.
    pub instance: String,
    pub region: String,
    pub services: Arc<dyn VpcServices>,
    /// Where programs on the host look names of load balancers up. None: nothing is written anywhere.
    pub hosts_file: Option<PathBuf>,
    pub clock: SharedClock,
    /// Nothing is made on the host: interfaces are said to be in place as soon as they have their addresses, and load
    /// balancers never are.
    pub simulated: bool,
}

pub struct Agent {
    client: Client,
    host: String,
    factory: Arc<dyn ControlPlaneFactory>,
    network: Option<Network>,
    realised: Realised,
}

impl Agent {
    /// `client` speaks as `system:host:<host>`.
    pub fn new(client: Client, host: &str, factory: Arc<dyn ControlPlaneFactory>) -> Self {
        Self { client, host: host.to_owned(), factory, network: None, realised: Realised::default() }
    }

    /// Also makes VPCs.
    pub fn with_network(self, network: Network) -> Self {
        Self { network: Some(network), ..self }
    }

    /// Starts with every record there is, then follows changes, until the runtime stops. Whoever notices that a control
    /// plane has ended queues its key again.
    pub fn run(self, informers: &Informers, runtime: &Runtime) -> Arc<Queue<ObjectKey>> {
        let agent = Arc::new(self);
        let controller = Controller::new("control-plane", runtime).watches(&informers.get(CONTROL_PLANES), wakes);
        let queue = Arc::clone(controller.queue());
        if let Some(network) = &agent.network {
            agent.networks(network, informers, runtime, &queue);
        }
        controller.run(WORKERS, move |key| {
            let agent = Arc::clone(&agent);
            async move { agent.reconcile(&key.namespace, &key.name).await.map(|()| Next::OnChange) }
        });
        queue
    }

    fn networks(&self, network: &Network, informers: &Informers, runtime: &Runtime, planes: &Arc<Queue<ObjectKey>>) {
        let place = Place { host: self.host.clone(), instance: network.instance.clone(), region: network.region.clone() };
        let (client, realised) = (self.client.clone(), self.realised.clone());
        if network.simulated {
            return SimulatedVpc { client, place, realised, waiting: planes.clone() }.run(informers, runtime);
        }
        let serving = Arc::new(Serving::new(network.services.clone(), runtime));
        let balancing = load_balancers::Config {
            place: place.clone(),
            serving: serving.clone(),
            hosts_file: network.hosts_file.clone(),
            clock: network.clock.clone(),
        };
        LoadBalancers::run(self.client.clone(), balancing, informers, runtime);
        VpcControl::new(client, place, serving, realised, planes.clone(), informers).run(runtime);
    }

    /// The name of a control plane's namespace goes with it; whoever is inside keeps the rest a little longer.
    fn forget_namespace(&self, spec: &ControlPlaneSpec) -> Result<(), Error> {
        let Some(network) = self.network.as_ref().filter(|network| !network.simulated) else { return Ok(()) };
        let namespace = names::control_plane(&network.instance, &spec.uid);
        node_os::netns::delete(&namespace).map_err(|error| Error::Waiting(error.to_string()))
    }

    /// One pass over the record of this name.
    pub async fn reconcile(&self, namespace: &str, name: &str) -> Result<(), Error> {
        let Some(record) = self.client.find(CONTROL_PLANES, namespace, name).await? else { return Ok(()) };
        let record = record.to_doc();
        let spec = ControlPlaneSpec::of(&record);
        match plan(&record, &self.host) {
            Step::Leave => Ok(()),
            Step::Ensure => self.ensure(&record, &spec).await,
            Step::Destroy => {
                self.factory.destroy(&spec).await.map_err(Error::Waiting)?;
                self.forget_namespace(&spec)?;
                self.release(&record, &spec).await
            }
        }
    }

    async fn ensure(&self, record: &Doc, spec: &ControlPlaneSpec) -> Result<(), Error> {
        let network = self.realised.network(&spec.network_interface_ids);
        match self.factory.ensure(spec, network.as_ref()).await {
            Ok(endpoint) => match ready(record, &endpoint, network.as_ref().map(|network| &*network.addresses)) {
                Some(status) => self.status(spec, status).await,
                None => Ok(()),
            },
            Err(why) => {
                tracing::warn!(control_plane = spec.name, %why, "a control plane does not start");
                self.status(spec, failed(record, &why)).await?;
                Err(Error::Waiting(why))
            }
        }
    }

    /// Only over the record that was looked at. The spec may meanwhile have changed; that change has queued the key again.
    async fn status(&self, spec: &ControlPlaneSpec, status: Doc) -> Result<(), Error> {
        let patch = json!({"metadata": {"uid": spec.uid}, "status": status});
        gone_is_done(self.client.patch(CONTROL_PLANES, &spec.namespace, &spec.name, "status", patch).await)
    }

    async fn release(&self, record: &Doc, spec: &ControlPlaneSpec) -> Result<(), Error> {
        gone_is_done(self.client.patch(CONTROL_PLANES, &spec.namespace, &spec.name, "", release(record, FINALIZER)).await)
    }
}

/// A status written here must not wake the agent again: a control plane that cannot start would be tried without pause.
fn wakes(change: &ObjectChange) -> Option<ObjectKey> {
    let key = || ObjectKey::of(change.object());
    match (&change.old, &change.new) {
        (_, None) => None,
        (None, Some(_)) => Some(key()),
        (Some(old), Some(new)) => {
            let changed = old.meta.uid != new.meta.uid
                || old.meta.generation != new.meta.generation
                || old.meta.is_deleting() != new.meta.is_deleting();
            changed.then(key)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::Object;

    fn object(uid: &str, generation: i64, deleting: bool, phase: &str) -> Arc<Object> {
        let doc = json!({
            "metadata": {"name": "demo", "uid": uid, "generation": generation, "deletionTimestamp": deleting.then_some("x")},
            "status": {"phase": phase},
        });
        Object::from_doc(&doc, 1).expect("an object").shared()
    }

    #[test]
    fn only_changes_that_ask_for_something_wake() {
        let old = || Some(object("u", 1, false, ""));
        for (old, new, expected) in [
            (None, old(), true),
            (old(), None, false),
            (old(), Some(object("u", 1, false, "Ready")), false),
            (old(), Some(object("u", 2, false, "")), true),
            (old(), Some(object("u", 1, true, "")), true),
            (old(), Some(object("v", 1, false, "")), true),
        ] {
            let change = ObjectChange { old, new };
            assert_eq!(wakes(&change).is_some(), expected, "{change:?}");
        }
    }
}
