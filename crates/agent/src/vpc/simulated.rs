//! Networks that are a matter of records: an interface is in place as soon as it is attached and has its address. Those of
//! load balancers never are, since nobody could be reached behind them.

use super::records::{is_asked_for, is_balancers};
use super::{NETWORK_INTERFACES, Place, Realised, Spot, addresses};
use client::Client;
use meta::Doc;
use reconcile::{Controller, Error, Informer, Informers, Next, ObjectKey, Queue, Runtime, gone_is_done};
use serde_json::json;
use std::sync::Arc;

/// Interfaces that are looked at side by side; a pass waits for one write.
const WORKERS: usize = 8;

pub(crate) struct SimulatedVpc {
    pub client: Client,
    pub place: Place,
    pub realised: Realised,
    /// Of control planes, which wait for their interfaces.
    pub waiting: Arc<Queue<ObjectKey>>,
}

impl SimulatedVpc {
    pub fn run(self, informers: &Informers, runtime: &Runtime) {
        let (vpc, interfaces) = (Arc::new(self), informers.get(NETWORK_INTERFACES));
        let controller = Controller::new("vpc", runtime).watches_own(&interfaces);
        controller.run(WORKERS, move |key| {
            let (vpc, interfaces) = (vpc.clone(), interfaces.clone());
            async move { vpc.reconcile(&interfaces, &key).await.map(|()| Next::OnChange) }
        });
    }

    async fn reconcile(&self, interfaces: &Informer, key: &ObjectKey) -> Result<(), Error> {
        let Some(interface) = interfaces.get(&key.namespace, &key.name) else { return Ok(()) };
        let interface = interface.to_doc();
        let spot = spot(&interface, &self.place);
        let ready = spot.is_some();
        self.realised.note(&interface, spot, &self.waiting);
        if (interface["status"]["realised"] == true) == ready {
            return Ok(());
        }
        let patch = json!({"metadata": {"uid": interface["metadata"]["uid"]}, "status": {"realised": ready}});
        gone_is_done(self.client.patch(NETWORK_INTERFACES, &key.namespace, &key.name, "status", patch).await)
    }
}

fn spot(interface: &Doc, place: &Place) -> Option<Spot> {
    let (primary, _) = addresses(interface)?;
    (is_asked_for(interface, place) && !is_balancers(interface)).then_some(Spot { namespace: None, primary })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_interfaces_are_in_place() {
        let place = Place { host: "here".into(), instance: "0".into(), region: "r".into() };
        let primary = json!([{"primary": true, "privateIpAddress": "10.0.0.7"}]);
        for (host, attachment, addresses, expected) in [
            ("here", json!({"instanceId": "i-1"}), primary.clone(), true),
            ("here", json!({"controlPlane": "demo"}), primary.clone(), true),
            ("here", json!({"loadBalancer": "0a"}), primary.clone(), false),
            ("here", json!({"instanceId": "i-1"}), json!([]), false),
            ("here", json!(null), primary.clone(), false),
            ("there", json!({"instanceId": "i-1"}), primary, false),
        ] {
            let doc = json!({"spec": {"host": host, "attachment": attachment}, "status": {"privateIpAddresses": addresses}});
            assert_eq!(spot(&doc, &place).is_some(), expected, "{doc}");
        }
    }
}
