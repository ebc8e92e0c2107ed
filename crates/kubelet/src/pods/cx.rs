//! What every pod's worker has at hand.

use super::admission::Admission;
use super::shown::Shown;
use crate::config::Config;
use crate::events::Events;
use crate::eviction::Pressure;
use crate::parts::{Environment, PodNetwork, Prober, Volumes};
use crate::status::writer::StatusWriter;
use client::Client;
use images::ImageService;
use meta::time::SharedClock;
use runtime::cri::ContainerRuntime;
use std::sync::Arc;

pub struct Cx {
    pub config: Config,
    pub client: Client,
    pub runtime: Arc<dyn ContainerRuntime>,
    pub images: Arc<dyn ImageService>,
    pub network: Arc<dyn PodNetwork>,
    pub volumes: Arc<dyn Volumes>,
    pub environment: Arc<dyn Environment>,
    pub prober: Arc<dyn Prober>,
    pub clock: SharedClock,
    pub events: Events,
    pub statuses: Arc<StatusWriter>,
    pub admission: Admission,
    /// What the node is short of.
    pub pressure: Pressure,
    pub shown: Arc<Shown>,
}

impl Cx {
    /// 64 hex digits that nobody else has.
    pub fn new_id(&self) -> String {
        format!("{}{}", self.clock.new_uid(), self.clock.new_uid()).replace('-', "")
    }
}
