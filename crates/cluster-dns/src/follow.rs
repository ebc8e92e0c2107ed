//! Keeps a zone true to the cluster.

use crate::records::{Service, Slice};
use crate::zone::SharedZone;
use client::Resource;
use reconcile::{Informers, ObjectKey, Runtime};

const NAMESPACES: Resource = Resource::new("", "v1", "namespaces");
const SERVICES: Resource = Resource::new("", "v1", "services");
const ENDPOINT_SLICES: Resource = Resource::new("discovery.k8s.io", "v1", "endpointslices");

/// Until the runtime stops. The zone says itself when it is complete.
pub fn follow(informers: &Informers, zone: &SharedZone, runtime: &Runtime) {
    let (namespaces, services, slices) = (informers.get(NAMESPACES), informers.get(SERVICES), informers.get(ENDPOINT_SLICES));
    let known = zone.clone();
    namespaces.on_change(move |change| known.write().set_namespace(&change.object().meta.name, change.new.is_some()));
    let known = zone.clone();
    services.on_change(move |change| {
        let service = change.new.as_deref().and_then(Service::of);
        known.write().set_service(&ObjectKey::of(change.object()), service);
    });
    let known = zone.clone();
    slices.on_change(move |change| {
        let slice = change.new.as_deref().and_then(Slice::of);
        known.write().set_slice(&ObjectKey::of(change.object()), slice);
    });
    let (zone, stop) = (zone.clone(), runtime.stop.clone());
    runtime.tasks.spawn(async move {
        let complete = async { tokio::join!(namespaces.synced(), services.synced(), slices.synced()) };
        if stop.run_until_cancelled(complete).await.is_some() {
            zone.write().set_synced();
        }
    });
}
