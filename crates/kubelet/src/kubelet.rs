//! The kubelet as a whole: what it is made of, and how it starts.

use crate::config::Config;
use crate::events::Events;
use crate::eviction::{self, NodeStats, Pressure};
use crate::image_gc::ImageCollector;
use crate::lookup::PodLookup;
use crate::node::{document, reporter};
use crate::parts::{Environment, PodNetwork, Prober, Volumes};
use crate::pods::admission::Admission;
use crate::pods::cx::Cx;
use crate::pods::manager::Manager;
use crate::pods::shown::Shown;
use crate::status::writer::{PODS, StatusWriter};
use client::Client;
use images::ImageService;
use meta::time::SharedClock;
use reconcile::{Informers, Runtime};
use runtime::cri::ContainerRuntime;
use std::sync::Arc;

/// What a kubelet stands on.
#[derive(Clone)]
pub struct Parts {
    pub runtime: Arc<dyn ContainerRuntime>,
    pub images: Arc<dyn ImageService>,
    pub network: Arc<dyn PodNetwork>,
    pub volumes: Arc<dyn Volumes>,
    pub environment: Arc<dyn Environment>,
    pub prober: Arc<dyn Prober>,
    pub clock: SharedClock,
    /// Shared with what else speaks as this kubelet.
    pub events: Events,
}

pub struct Kubelet {
    config: Config,
    client: Client,
    parts: Parts,
    shown: Arc<Shown>,
    stats: Option<Arc<dyn NodeStats>>,
}

impl Kubelet {
    /// `client`: as the node's own user.
    pub fn new(config: Config, client: Client, parts: Parts) -> Self {
        Self { config, client, parts, shown: Arc::default(), stats: None }
    }

    /// What the node has left. Without it nothing is evicted, and no image is removed.
    pub fn with_stats(mut self, stats: Arc<dyn NodeStats>) -> Self {
        self.stats = Some(stats);
        self
    }

    /// For the kubelet's server.
    pub fn lookup(&self) -> Arc<dyn PodLookup> {
        self.shown.clone()
    }

    /// The pods with what the runtime says of them, for summaries.
    pub fn shown(&self) -> Arc<Shown> {
        self.shown.clone()
    }

    /// Starts everything; it ends with the runtime and leaves containers running.
    pub fn run(&self, runtime: &Runtime) {
        let informers = Informers::new(self.client.clone(), runtime.tasks.clone(), runtime.stop.clone());
        let cx = Arc::new(self.context(runtime));
        let node_name = &self.config.node_name;
        let nodes = informers.select(reporter::NODES, &format!("metadata.name={node_name}"));
        let pods = informers.select(PODS, &format!("spec.nodeName={node_name}"));
        let manager = Manager::start(cx.clone(), &pods, runtime);
        if let Some(stats) = &self.stats {
            self.keep_room(&cx, manager, stats.clone(), runtime);
        }
        runtime.tasks.spawn(reporter::run(cx, nodes, runtime.stop.clone()));
    }

    /// Images and pods go before the node cannot go on.
    fn keep_room(&self, cx: &Arc<Cx>, manager: Arc<Manager>, stats: Arc<dyn NodeStats>, runtime: &Runtime) {
        let (containers, images) = (cx.runtime.clone(), cx.images.clone());
        let collector = ImageCollector::new(&cx.config, containers, images, cx.events.clone(), cx.clock.clone());
        let collector = Arc::new(collector);
        runtime.tasks.spawn(collector.clone().run(runtime.stop.clone()));
        runtime.tasks.spawn(eviction::run(cx.clone(), manager, stats, collector, runtime.stop.clone()));
    }

    fn context(&self, runtime: &Runtime) -> Cx {
        let (config, parts) = (self.config.clone(), self.parts.clone());
        Cx {
            admission: Admission::new(&config.node_name, config.capacity.allocatable(), document::labels(&config)),
            client: self.client.clone(),
            runtime: parts.runtime,
            images: parts.images,
            network: parts.network,
            volumes: parts.volumes,
            environment: parts.environment,
            prober: parts.prober,
            clock: parts.clock,
            events: parts.events,
            statuses: StatusWriter::start(self.client.clone(), runtime),
            shown: self.shown.clone(),
            pressure: Pressure::default(),
            config,
        }
    }
}
