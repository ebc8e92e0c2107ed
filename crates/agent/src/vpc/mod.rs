//! The part of every VPC that is on this host: routers, and the network interfaces of instances and control planes.
//! Promise: level-triggered and idempotent; a pass looks at what the kernel has and mends only the difference.

mod fabric;
pub mod names;
mod plan;
mod records;
mod services;

pub use records::{FINALIZER, Place};
pub(crate) use records::{addresses, is_deleting, text};
pub use services::{Serving, VpcServices};

use crate::control_plane::CONTROL_PLANES;
use client::{Client, Resource};
use fabric::Router;
use meta::{Doc, Object, Reason};
use node_os::netns::{self, NetNs};
use parking_lot::Mutex;
use plan::{Step, plan};
use reconcile::{Controller, Error, Informer, Informers, Next, ObjectChange, ObjectKey, Queue, Runtime};
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

/// How networks come to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    /// By this kernel.
    Kernel,
    /// Not at all: what is complete is said to be there.
    Simulated,
    /// Not at all: the kernel does not allow it.
    Forbidden,
}

impl Medium {
    fn of(simulated: bool) -> Self {
        if simulated {
            return Self::Simulated;
        }
        match netns::permitted() {
            Ok(()) => Self::Kernel,
            Err(why) => {
                tracing::warn!("clusters get no network, and instances cannot be launched: {why}");
                Self::Forbidden
            }
        }
    }
}

/// The interfaces that this process has seen to be in place.
#[derive(Clone, Default)]
pub struct Realised {
    /// By id: namespace of the owner and primary address.
    interfaces: Arc<Mutex<BTreeMap<String, (String, Ipv4Addr)>>>,
    simulated: bool,
}

impl Realised {
    pub fn new(simulated: bool) -> Self {
        Self { interfaces: Arc::default(), simulated }
    }

    /// The network of these interfaces, once all of them are in place.
    pub fn network(&self, interfaces: &[String]) -> Option<PlaneNetwork> {
        let realised = self.interfaces.lock();
        let all: Option<Vec<&(String, Ipv4Addr)>> = interfaces.iter().map(|id| realised.get(id)).collect();
        let all = all.filter(|all| !all.is_empty())?;
        // A namespace that somebody removed meanwhile comes back with the next pass, which wakes the control plane.
        let namespace = if self.simulated { None } else { Some(NetNs::named(&all[0].0).ok()?) };
        Some(PlaneNetwork { namespace, addresses: all.iter().map(|(_, address)| *address).collect() })
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
    medium: Medium,
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
        let medium = Medium::of(realised.simulated);
        let caches = Caches {
            vpcs: informers.get(VPCS),
            subnets: informers.get(SUBNETS),
            interfaces: informers.get(NETWORK_INTERFACES),
            planes: informers.get(CONTROL_PLANES),
        };
        caches.interfaces.add_index(BY_VPC, |interface| vec![vpc_of(interface)]);
        Self { client, place, realised, caches, serving, waiting, medium }
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
        if self.medium == Medium::Simulated {
            return Ok(Vec::new());
        }
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
        if self.medium == Medium::Kernel {
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
            self.patch_metadata(doc, json!({"finalizers": finalizers})).await?;
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
            let works = self.medium != Medium::Forbidden && !failed.iter().any(|(name, _)| *name == link);
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
                let rest: Vec<Doc> = finalizers(doc).into_iter().filter(|finalizer| finalizer != FINALIZER).collect();
                self.patch_metadata(doc, json!({"finalizers": rest})).await?;
            }
        }
        Ok(())
    }

    /// Remembers what this process has seen in place. The control plane of an interface hears of every change.
    fn note(&self, doc: &Doc, ready: Option<&Interface>) {
        let id = text(doc, "/spec/networkInterfaceId");
        let now = ready.map(|interface| (interface.owner.clone(), interface.primary));
        let mut realised = self.realised.interfaces.lock();
        if realised.get(id) == now.as_ref() {
            return;
        }
        match now {
            Some(now) => drop(realised.insert(id.to_owned(), now)),
            None => drop(realised.remove(id)),
        }
        drop(realised);
        let plane = text(doc, "/spec/attachment/controlPlane");
        if !plane.is_empty() {
            self.waiting.add(ObjectKey::new(text(doc, "/metadata/namespace"), plane));
        }
    }

    async fn patch_metadata(&self, doc: &Doc, mut metadata: Doc) -> Result<(), Error> {
        metadata["uid"] = doc["metadata"]["uid"].clone();
        metadata["resourceVersion"] = doc["metadata"]["resourceVersion"].clone();
        self.patch(doc, "", json!({"metadata": metadata})).await
    }

    async fn patch(&self, doc: &Doc, subresource: &str, patch: Doc) -> Result<(), Error> {
        let (namespace, name) = (text(doc, "/metadata/namespace"), text(doc, "/metadata/name"));
        match self.client.patch(NETWORK_INTERFACES, namespace, name, subresource, patch).await {
            Err(status) if status.reason != Reason::NotFound => Err(status.into()),
            _ => Ok(()),
        }
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
