//! The part of every VPC that is on this host: routers, and the network interfaces of instances and control planes.
//! Promise: level-triggered and idempotent; a pass looks at what the kernel has and mends only the difference.

mod fabric;
pub mod names;
mod plan;
mod records;
mod services;
mod simulated;

pub use records::{FINALIZER, Place};
pub(crate) use records::{addresses, is_deleting, text};
pub use services::{Serving, VpcServices};
pub(crate) use simulated::SimulatedVpc;

use crate::control_plane::CONTROL_PLANES;
use client::{Client, Resource};
use fabric::Router;
use meta::{Doc, Object};
use node_os::netns::{self, NetNs};
use parking_lot::Mutex;
use plan::{Step, plan};
use reconcile::{Controller, Error, Informer, Informers, Next, ObjectChange, ObjectKey, Queue, Runtime, gone_is_done, release};
use records::{Interface, Records, Wanted, is_asked_for, is_balancers, is_held};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

pub const NETWORK_INTERFACES: Resource = Resource::new("ec2.pilothouse.dev", "v1", "networkinterfaces");
pub(crate) const SUBNETS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "subnets");
const VPCS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "vpcs");

/// Finds interfaces by their VPC.
pub(crate) const BY_VPC: &str = "agent-vpc";
/// Stands for everything that no record speaks of any more; the id of no VPC.
const LEFTOVERS: &str = "";
/// One: routers of two VPCs have nothing to wait for but each other's netlink calls.
const WORKERS: usize = 1;

/// What a control plane has in a VPC.
#[derive(Clone, Debug)]
pub struct PlaneNetwork {
    /// Where its addresses are; it listens and dials there. None: nowhere, the network is simulated.
    pub namespace: Option<NetNs>,
    pub addresses: Vec<Ipv4Addr>,
}

/// The interfaces that this process has seen to be in place.
#[derive(Clone, Default)]
pub struct Realised(Arc<Mutex<BTreeMap<String, Spot>>>);

/// Where an interface is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    /// The namespace of whom it belongs to. None: its network is simulated.
    namespace: Option<String>,
    primary: Ipv4Addr,
}

impl Realised {
    /// The network of these interfaces, once all of them are in place.
    pub fn network(&self, interfaces: &[String]) -> Option<PlaneNetwork> {
        let realised = self.0.lock();
        let all: Option<Vec<&Spot>> = interfaces.iter().map(|id| realised.get(id)).collect();
        let all = all.filter(|all| !all.is_empty())?;
        // A namespace that somebody removed meanwhile comes back with the next pass, which wakes the control plane.
        let namespace = all[0].namespace.as_deref().map(NetNs::named).transpose().ok()?;
        Some(PlaneNetwork { namespace, addresses: all.iter().map(|spot| spot.primary).collect() })
    }

    /// Takes down what has been seen of an interface. The control plane that it belongs to hears of every change.
    fn note(&self, interface: &Doc, now: Option<Spot>, waiting: &Queue<ObjectKey>) {
        let id = text(interface, "/spec/networkInterfaceId");
        let before = match &now {
            Some(spot) => self.0.lock().insert(id.to_owned(), spot.clone()),
            None => self.0.lock().remove(id),
        };
        let plane = text(interface, "/spec/attachment/controlPlane");
        if before != now && !plane.is_empty() {
            waiting.add(ObjectKey::new(text(interface, "/metadata/namespace"), plane));
        }
    }
}

struct Caches {
    vpcs: Arc<Informer>,
    subnets: Arc<Informer>,
    interfaces: Arc<Informer>,
    planes: Arc<Informer>,
}

pub struct VpcControl {
    client: Client,
    place: Place,
    realised: Realised,
    caches: Caches,
    serving: Arc<Serving>,
    /// Of control planes, which wait for their interfaces.
    waiting: Arc<Queue<ObjectKey>>,
    /// Why nothing can be realised, if so.
    permitted: Result<(), String>,
}

impl VpcControl {
    pub fn new(
        client: Client,
        place: Place,
        serving: Arc<Serving>,
        realised: Realised,
        waiting: Arc<Queue<ObjectKey>>,
        informers: &Informers,
    ) -> Self {
        let permitted = netns::permitted();
        if let Err(why) = &permitted {
            tracing::warn!("clusters get no network, and instances cannot be launched: {why}");
        }
        let caches = Caches {
            vpcs: informers.get(VPCS),
            subnets: informers.get(SUBNETS),
            interfaces: informers.get(NETWORK_INTERFACES),
            planes: informers.get(CONTROL_PLANES),
        };
        caches.interfaces.add_index(BY_VPC, |interface| vec![vpc_of(interface)]);
        Self { client, place, realised, caches, serving, waiting, permitted }
    }

    pub fn run(self, runtime: &Runtime) {
        let control = Arc::new(self);
        let interfaces = control.caches.interfaces.clone();
        let controller = Controller::new("vpc", runtime)
            .watches(&control.caches.vpcs, woken_by_vpc)
            .watches(&control.caches.subnets, woken_by_subnet)
            .watches(&control.caches.interfaces, woken_by_interface)
            .watches(&control.caches.planes, move |change| woken_by_plane(change, &interfaces));
        controller.queue().add(LEFTOVERS.to_owned());
        let queue = controller.queue().clone();
        controller.run(WORKERS, move |vpc: String| {
            let (control, queue) = (Arc::clone(&control), queue.clone());
            async move {
                match &*vpc {
                    LEFTOVERS => control.leftovers().map(|vpcs| vpcs.into_iter().for_each(|vpc| queue.add(vpc)))?,
                    vpc => control.reconcile(vpc).await?,
                }
                Ok(Next::OnChange)
            }
        });
    }

    /// Namespaces of ours that no record speaks of go; routers are looked at one by one.
    fn leftovers(&self) -> Result<Vec<String>, Error> {
        let prefix = names::prefix(&self.place.instance);
        let planes = self.caches.planes.all();
        let planes = planes.iter().map(|plane| names::control_plane(&self.place.instance, &plane.meta.uid));
        let interfaces = self.caches.interfaces.all();
        let instances = interfaces.iter().map(|interface| {
            let instance = interface.get("/spec/attachment/instanceId");
            names::of(&self.place.instance, instance.as_str().unwrap_or_default())
        });
        let known: BTreeSet<String> = planes.chain(instances).collect();
        let mut routers = Vec::new();
        for name in netns::list(&prefix).map_err(waiting)? {
            match name.strip_prefix(&prefix) {
                Some(vpc) if vpc.starts_with("vpc-") => routers.push(vpc.to_owned()),
                _ if !known.contains(&name) => netns::delete(&name).map_err(waiting)?,
                _ => {}
            }
        }
        Ok(routers)
    }

    /// One pass over a VPC.
    pub async fn reconcile(&self, vpc: &str) -> Result<(), Error> {
        let records = self.records(vpc);
        let wanted = records.wanted(vpc, &self.place);
        let mut failed = Vec::new();
        if self.permitted.is_ok() {
            self.hold(&records, &wanted).await?;
            failed = self.realise(vpc, &records, &wanted).await.map_err(waiting)?;
        }
        self.tell(&records, &wanted, &failed).await?;
        match failed.into_iter().next() {
            Some((_, why)) => Err(Error::Waiting(why)),
            None => Ok(()),
        }
    }

    fn records(&self, vpc: &str) -> Records {
        let docs = |objects: Vec<Arc<Object>>| -> Vec<Doc> {
            objects.iter().map(|object| object.to_doc()).filter(|doc| text(doc, "/spec/vpcId") == vpc).collect()
        };
        let planes = self.caches.planes.all();
        let planes = planes.iter().map(|plane| ((plane.meta.namespace.clone(), plane.meta.name.clone()), plane.meta.uid.clone()));
        Records {
            vpc: docs(self.caches.vpcs.all()).pop(),
            subnets: docs(self.caches.subnets.all()),
            interfaces: docs(self.caches.interfaces.indexed(BY_VPC, vpc)),
            planes: planes.collect(),
        }
    }

    /// No record goes before what is made of it.
    async fn hold(&self, records: &Records, wanted: &Wanted) -> Result<(), Error> {
        let free = |doc: &&Doc| is_asked_for(doc, &self.place) && !is_held(doc) && wanted.has(doc);
        for doc in records.interfaces.iter().filter(free) {
            let mut finalizers = finalizers(doc);
            finalizers.push(FINALIZER.into());
            let (uid, version) = (&doc["metadata"]["uid"], &doc["metadata"]["resourceVersion"]);
            let metadata = json!({"uid": uid, "resourceVersion": version, "finalizers": finalizers});
            self.patch(doc, "", json!({"metadata": metadata})).await?;
        }
        Ok(())
    }

    /// What of it did not work, by the router's end of the interface, and why.
    async fn realise(&self, vpc: &str, records: &Records, wanted: &Wanted) -> std::io::Result<Vec<(String, String)>> {
        if wanted.is_empty() {
            self.serving.stop(vpc);
            return fabric::remove(wanted).await.map(|()| Vec::new());
        }
        let router = Router::ensure(&wanted.router).await?;
        let mut failed = Vec::new();
        for step in plan(wanted, &router.observe().await?) {
            if let Err(error) = router.apply(&step).await {
                tracing::warn!(vpc, ?step, %error, "the network cannot be made as it should be");
                failed.push((concerns(&step, wanted), error.to_string()));
            }
        }
        self.serving.ensure(vpc, router.namespace(), wanted, services::zone(&self.place.region, wanted, &records.interfaces))?;
        Ok(failed)
    }

    /// Writes what is in place, wakes who waits for it, and lets go what is gone.
    async fn tell(&self, records: &Records, wanted: &Wanted, failed: &[(String, String)]) -> Result<(), Error> {
        for doc in &records.interfaces {
            let link = link_of(doc);
            let works = self.permitted.is_ok() && !failed.iter().any(|(name, _)| *name == link);
            let ready = works && wanted.has(doc);
            if !is_balancers(doc) {
                self.note(doc, wanted.interfaces.get(&link).filter(|_| ready));
            }
            // What is detached names no host any more.
            let host = text(doc, "/spec/host");
            if !host.is_empty() && host != self.place.host {
                continue;
            }
            if (doc["status"]["realised"] == true) != ready {
                let patch = json!({"metadata": {"uid": doc["metadata"]["uid"]}, "status": {"realised": ready}});
                self.patch(doc, "status", patch).await?;
            }
            if is_held(doc) && !is_asked_for(doc, &self.place) && !failed.iter().any(|(name, _)| *name == link) {
                self.patch(doc, "", release(doc, FINALIZER)).await?;
            }
        }
        Ok(())
    }

    fn note(&self, doc: &Doc, ready: Option<&Interface>) {
        let spot = |interface: &Interface| Spot { namespace: Some(interface.owner.clone()), primary: interface.primary };
        self.realised.note(doc, ready.map(spot), &self.waiting);
    }

    async fn patch(&self, doc: &Doc, subresource: &str, patch: Doc) -> Result<(), Error> {
        let (namespace, name) = (text(doc, "/metadata/namespace"), text(doc, "/metadata/name"));
        gone_is_done(self.client.patch(NETWORK_INTERFACES, namespace, name, subresource, patch).await)
    }
}

fn waiting(error: std::io::Error) -> Error {
    Error::Waiting(error.to_string())
}

fn link_of(interface: &Doc) -> String {
    names::router_link(text(interface, "/spec/networkInterfaceId"))
}

fn finalizers(doc: &Doc) -> Vec<Doc> {
    doc["metadata"]["finalizers"].as_array().cloned().unwrap_or_default()
}

/// The link that a step is about, or what would be the link of a load balancer's interface.
fn concerns(step: &Step, wanted: &Wanted) -> String {
    match step {
        Step::Connect(interface) => interface.link_name(),
        Step::RemovePath(path) | Step::PutPath(path) => path.link.clone(),
        Step::Disconnect(link) => link.clone(),
        Step::AddLocal(address) => {
            let balancer = wanted.balancers.iter().find(|(_, own)| *own == address);
            balancer.map(|(id, _)| names::router_link(id)).unwrap_or_default()
        }
        Step::DeleteNamespace(_) | Step::RemoveLocal(_) => String::new(),
    }
}

pub(crate) fn vpc_of(object: &Object) -> String {
    object.get("/spec/vpcId").as_str().unwrap_or_default().to_owned()
}

/// The VPCs of both sides, if they differ in what `seen` sees.
pub(crate) fn if_changed(change: &ObjectChange, seen: fn(&Object) -> Doc) -> BTreeSet<String> {
    let sides = [change.old.as_deref(), change.new.as_deref()];
    if sides[0].map(seen) == sides[1].map(seen) {
        return BTreeSet::new();
    }
    sides.into_iter().flatten().map(vpc_of).filter(|vpc| vpc != LEFTOVERS).collect()
}

fn woken_by_vpc(change: &ObjectChange) -> BTreeSet<String> {
    if_changed(change, |vpc| vpc.get("/spec/cidrBlock"))
}

fn woken_by_subnet(change: &ObjectChange) -> BTreeSet<String> {
    if_changed(change, |subnet| subnet.get("/spec/cidrBlock"))
}

/// Not by what is written here: `status.realised`.
fn woken_by_interface(change: &ObjectChange) -> BTreeSet<String> {
    if_changed(change, |interface| {
        json!([
            interface.meta.uid,
            interface.meta.is_deleting(),
            interface.meta.finalizers.iter().any(|finalizer| finalizer == FINALIZER),
            interface.get("/spec"),
            interface.get("/status/privateIpAddresses"),
        ])
    })
}

/// An interface may be there before the control plane that it is for.
fn woken_by_plane(change: &ObjectChange, interfaces: &Informer) -> BTreeSet<String> {
    if change.old.as_ref().map(|old| &old.meta.uid) == change.new.as_ref().map(|new| &new.meta.uid) {
        return BTreeSet::new();
    }
    let plane = change.object();
    let own = |interface: &Arc<Object>| interface.get("/spec/attachment/controlPlane") == *plane.meta.name;
    interfaces
        .in_namespace(&plane.meta.namespace)
        .iter()
        .filter(|interface| own(interface))
        .map(|interface| vpc_of(interface))
        .collect()
}
