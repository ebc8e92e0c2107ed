//! The loop: takes the Services that changed and makes one transaction of all of them. Woken by Services, EndpointSlices and
//! the labels of the own node; and now and then, to see whether another program has changed the table.

use crate::Config;
use crate::change::{Change, Parts};
use crate::endpoint::{Endpoints, endpoints, service_of};
use crate::health::HealthChecks;
use crate::kernel::Kernel;
use crate::rules::{Surroundings, part};
use crate::service::{ServicePort, health_check_port, ports};
use crate::stale::Served;
use crate::table::{Layout, fixed};
use crate::topology::Here;
use client::Resource;
use meta::Object;
use node_os::conntrack;
use node_os::nft::{NftError, Protocol};
use parking_lot::Mutex;
use reconcile::{Controller, Error, Informer, Informers, Next, ObjectKey, Runtime};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::watch;

const SERVICES: Resource = Resource::new("", "v1", "services");
const NODES: Resource = Resource::new("", "v1", "nodes");
const ENDPOINT_SLICES: Resource = Resource::new("discovery.k8s.io", "v1", "endpointslices");
const BY_SERVICE: &str = "kube-proxy-by-service";
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

type Changed = Arc<Mutex<BTreeSet<ObjectKey>>>;

/// How far the kernel is behind the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Passes that are in the kernel.
    pub passes: u64,
    /// False before the first, and after one that the kernel refused.
    pub in_step: bool,
}

/// Runs until the runtime stops. What the table has then goes on leading packets, and the next start takes it over.
pub fn start(config: Config, informers: &Informers, runtime: &Runtime) -> watch::Receiver<Progress> {
    let services = informers.get(SERVICES);
    let slices = informers.get(ENDPOINT_SLICES);
    let node = informers.select(NODES, &format!("metadata.name={}", config.node_name));
    slices.add_index(BY_SERVICE, |slice| owner(slice).iter().map(ToString::to_string).collect());
    let (progress, seen) = watch::channel(Progress::default());
    let health = HealthChecks::new(config.namespace.clone(), config.node_addresses.clone(), seen.clone(), runtime);
    let kernel = Kernel::new(config.namespace.clone());
    let (parts, around, changed) = (Parts::new(&config.pod_links), Surroundings::default(), Changed::default());
    let pass = Arc::new(Pass {
        config,
        services: services.clone(),
        slices: slices.clone(),
        node: node.clone(),
        changed: changed.clone(),
        progress,
        state: tokio::sync::Mutex::new(State { parts, around, kernel, health }),
    });
    let (by_service, by_slice) = (changed.clone(), changed);
    // One key: whatever changes during a pass is taken together by the next.
    Controller::<()>::new("kube-proxy", runtime)
        .watches(&services, move |change| {
            by_service.lock().insert(ObjectKey::of(change.object()));
            [()]
        })
        .watches(&slices, move |change| {
            by_slice.lock().extend(change.old.iter().chain(&change.new).filter_map(|slice| owner(slice)));
            [()]
        })
        .watches(&node, |_| [()])
        .run(1, move |()| {
            let pass = pass.clone();
            async move { pass.run().await }
        });
    seen
}

fn owner(slice: &Object) -> Option<ObjectKey> {
    service_of(slice).map(|name| ObjectKey::new(&*slice.meta.namespace, name))
}

/// What is wanted, and what else goes with it.
struct State {
    parts: Parts,
    around: Surroundings,
    kernel: Kernel,
    health: HealthChecks,
}

/// All that a Service's rules depend on.
struct Seen {
    ports: Vec<ServicePort>,
    endpoints: Endpoints,
    health_check_port: Option<u16>,
}

impl Seen {
    fn local_ready(&self) -> usize {
        let places = self.endpoints.values().flatten().filter(|(_, endpoint)| endpoint.local && endpoint.ready);
        places.map(|((address, _), _)| address).collect::<BTreeSet<_>>().len()
    }
}

struct Pass {
    config: Config,
    services: Arc<Informer>,
    slices: Arc<Informer>,
    node: Arc<Informer>,
    changed: Changed,
    progress: watch::Sender<Progress>,
    state: tokio::sync::Mutex<State>,
}

impl Pass {
    async fn run(&self) -> Result<Next, Error> {
        let state = &mut *self.state.lock().await;
        let mut keys = std::mem::take(&mut *self.changed.lock());
        let around = self.surroundings();
        if state.around != around {
            state.around = around;
            keys.extend(self.services.all().iter().map(|service| ObjectKey::of(service)));
            keys.extend(state.parts.keys().cloned());
        }
        let (mut change, mut served) = (Change::default(), Served::default());
        while let Some(key) = keys.pop_first() {
            let seen = self.observe(&key);
            let wanted = seen.as_ref().map(|seen| part(&seen.ports, &seen.endpoints, &state.around));
            keys.extend(state.parts.set(&key, wanted, &mut change));
            self.follow(&key, seen.as_ref(), state, &mut served);
        }
        let idle = change.is_empty();
        let applied = self.apply(state, change).await;
        self.progress.send_modify(|progress| {
            progress.in_step = applied.is_ok();
            progress.passes += u64::from(applied.is_ok());
        });
        applied.map_err(|error| {
            tracing::warn!(%error, "the kernel refused a change");
            Error::Waiting(error.to_string())
        })?;
        self.forget(served).await;
        let tidy = state.kernel.tidy(idle).await;
        Ok(Next::After(tidy.unwrap_or(self.config.sync_period)))
    }

    async fn apply(&self, state: &mut State, change: Change) -> Result<(), NftError> {
        state.kernel.check(change.is_empty()).await;
        if state.kernel.in_step() {
            return state.kernel.change(change).await;
        }
        state.kernel.make(state.parts.whole().write(fixed(&self.layout()))).await
    }

    fn surroundings(&self) -> Surroundings {
        let node = self.node.get("", &self.config.node_name);
        let zone = node.and_then(|node| node.meta.labels.get(ZONE_LABEL).map(ToString::to_string));
        Surroundings {
            here: Here { node: self.config.node_name.clone(), zone: zone.unwrap_or_default() }, // a cluster without zones
            pod_links: self.config.pod_links.clone(),
            node_addresses: self.config.node_addresses.clone(),
            local_addresses: self.config.local_addresses.clone(),
        }
    }

    fn observe(&self, key: &ObjectKey) -> Option<Seen> {
        let service = self.services.get(&key.namespace, &key.name)?;
        let slices = self.slices.indexed(BY_SERVICE, &key.to_string());
        let endpoints = endpoints(slices.iter().map(AsRef::as_ref), &self.config.node_name);
        Some(Seen { ports: ports(&service), endpoints, health_check_port: health_check_port(&service) })
    }

    /// What else depends on a Service besides rules.
    fn follow(&self, key: &ObjectKey, seen: Option<&Seen>, state: &mut State, served: &mut Served) {
        let (port, count) = seen.map_or((None, 0), |seen| (seen.health_check_port, seen.local_ready()));
        if let Err(error) = state.health.set(key, port, count) {
            tracing::warn!(service = %key, ?port, %error, "the health check does not listen");
        }
        if let Some(seen) = seen {
            served.add(&seen.ports, &seen.endpoints, &self.config.node_addresses, &self.config.local_addresses);
        }
    }

    fn layout(&self) -> Layout {
        Layout { service_cidrs: self.config.service_cidrs.clone(), local_addresses: self.config.local_addresses.clone() }
    }

    async fn forget(&self, served: Served) {
        if served.is_empty() {
            return;
        }
        let namespace = self.config.namespace.clone();
        let deleting = move || conntrack::delete(&namespace, Protocol::Udp as u8, |flow| served.is_stale(flow));
        match tokio::task::spawn_blocking(deleting).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "stale UDP flows stay"),
            Err(error) => tracing::warn!(%error, "stale UDP flows stay"),
        }
    }
}
