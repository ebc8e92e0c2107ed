//! The reconciler of load balancers, one pass per VPC: read the records, check the targets, choose, and make rules, names,
//! listeners and statuses say so.

use super::check::Route;
use super::choice::{Backend, Choice, Seen, choose};
use super::flows::{Flows, endings};
use super::health::State;
use super::host::{Entry, HostAccess};
use super::hosts_file::HostsFile;
use super::prober::{Probe, Probers};
use super::records::{FINALIZER, LoadBalancer, Places, TargetGroup, is_held};
use super::router::{Router, Routers};
use super::rules::Rules;
use super::sources::{LOAD_BALANCERS, Sources, TARGET_GROUPS, VpcRecords};
use super::status::{Report, remembered, report};
use super::table::Tables;
use crate::vpc::{Place, Serving, is_deleting, text};
use client::{Client, Resource};
use meta::time::SharedClock;
use meta::{Doc, Reason, Time};
use parking_lot::Mutex;
use reconcile::{Controller, Error, Informers, Next, Runtime};
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One: passes are short, and the host's listeners and names are everybody's.
const WORKERS: usize = 1;

pub struct Config {
    pub place: Place,
    /// The resolvers that are told the names.
    pub serving: Arc<Serving>,
    /// None: names are not written anywhere on the host.
    pub hosts_file: Option<PathBuf>,
    pub clock: SharedClock,
}

pub struct LoadBalancers {
    client: Client,
    config: Config,
    sources: Sources,
    probers: Probers,
    routers: Routers,
    tables: Tables,
    flows: Flows,
    host: HostAccess,
    /// What was last said of what does not work, by VPC: it is said once.
    complaints: Mutex<BTreeMap<String, String>>,
}

impl LoadBalancers {
    /// Starts with every record there is, then follows changes, until the runtime stops. Rules stay then.
    pub fn run(client: Client, config: Config, informers: &Informers, runtime: &Runtime) {
        let sources = Sources::new(informers);
        let controller = sources.wake(Controller::new("load-balancer", runtime));
        let queue = controller.queue().clone();
        let instance = config.place.instance.clone();
        let hosts = config.hosts_file.clone().map(|path| HostsFile { path, instance: instance.clone() });
        let balancers = Arc::new(Self {
            client,
            config,
            sources,
            probers: Probers::new(runtime, Arc::new(move |vpc| queue.add(vpc.to_owned()))),
            routers: Routers::new(&instance),
            tables: Tables::default(),
            flows: Flows::default(),
            host: HostAccess::new(hosts, runtime),
            complaints: Mutex::default(),
        });
        controller.run(WORKERS, move |vpc: String| {
            let balancers = balancers.clone();
            async move { balancers.reconcile(&vpc).await }
        });
    }

    async fn reconcile(&self, vpc: &str) -> Result<Next, Error> {
        let records = self.sources.records(vpc, &self.config.place.host);
        for doc in records.balancers.iter().filter(|doc| !is_deleting(doc) && !is_held(doc)) {
            self.patch(LOAD_BALANCERS, doc, "", finalizers(doc, true)).await?;
        }
        let mut seen = seen(&records);
        let made = self.make(vpc, &records, &mut seen).await;
        let works = made.is_ok();
        let reports = reports(&records, &seen, self.config.clock.now());
        let reached = match made {
            Ok(Some(made)) => self.reach(vpc, &seen, made, &reports).await,
            Ok(None) => self.host.ensure(vpc, Vec::new()).await,
            Err(why) => Err(why),
        };
        let next = self.tell_of_targets(&records, &reports).await?;
        self.tell_of_balancers(&records, &seen, works).await?;
        self.complain(vpc, reached.as_ref().err().map_or("", String::as_str));
        reached.map(|()| next).map_err(Error::Waiting)
    }

    /// Checks, rules and names in the VPC; fills in the targets' health on the way.
    async fn make(&self, vpc: &str, records: &VpcRecords, seen: &mut Seen) -> Result<Option<(Router, Choice)>, String> {
        let router = self.router(vpc, records, seen).map_err(|error| format!("the router of {vpc}: {error}"))?;
        let wanted = router.as_ref().map(|router| probes(records, seen, router)).unwrap_or_default();
        seen.health = self.probers.ensure(vpc, wanted);
        let choice = choose(seen);
        if let Some(router) = &router {
            let rules = (!seen.balancers.is_empty()).then(|| Rules::of(&choice));
            self.tables.ensure(vpc, router, rules).await.map_err(|error| error.to_string())?;
        }
        self.config.serving.name_load_balancers(vpc, choice.names.clone());
        Ok(router.map(|router| (router, choice)))
    }

    /// Ends connections that rules alone do not, and lets the host in.
    async fn reach(
        &self,
        vpc: &str,
        seen: &Seen,
        (router, choice): (Router, Choice),
        reports: &BTreeMap<String, Report>,
    ) -> Result<(), String> {
        let ended = self.flows.end(vpc, &router, endings(seen, &choice, reports)).await.map_err(|error| error.to_string());
        let entries = seen.balancers.iter().filter_map(|balancer| entry(balancer, &choice.names, &router));
        let reached = self.host.ensure(vpc, entries.collect()).await;
        ended.and(reached)
    }

    /// None while nothing of a load balancer can be in it.
    fn router(&self, vpc: &str, records: &VpcRecords, seen: &Seen) -> io::Result<Option<Router>> {
        if records.balancers.is_empty() {
            return Ok(None);
        }
        let router = self.routers.find(vpc)?;
        if router.is_none() && seen.balancers.iter().any(|balancer| !balancer.zones.is_empty()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(router)
    }

    async fn tell_of_targets(&self, records: &VpcRecords, reports: &BTreeMap<String, Report>) -> Result<Next, Error> {
        let mut next = Next::OnChange;
        for doc in &records.groups {
            let Some(report) = reports.get(text(doc, "/metadata/name")) else { continue };
            let before = doc["status"]["targets"].as_array();
            let unchanged = before.map_or(report.targets.is_empty(), |before| *before == report.targets);
            if !unchanged {
                self.patch(TARGET_GROUPS, doc, "status", json!({"status": {"targets": report.targets}})).await?;
            }
            next = sooner(next, report.next);
        }
        Ok(next)
    }

    async fn tell_of_balancers(&self, records: &VpcRecords, seen: &Seen, works: bool) -> Result<(), Error> {
        for doc in &records.balancers {
            if is_deleting(doc) {
                if works && is_held(doc) {
                    self.patch(LOAD_BALANCERS, doc, "", finalizers(doc, false)).await?;
                }
                continue;
            }
            let complete = seen.balancers.iter().any(|one| one.complete && one.id == text(doc, "/metadata/name"));
            let realised = works && complete;
            if (doc["status"]["realised"] == true) != realised {
                self.patch(LOAD_BALANCERS, doc, "status", json!({"status": {"realised": realised}})).await?;
            }
        }
        Ok(())
    }

    fn complain(&self, vpc: &str, why: &str) {
        let mut complaints = self.complaints.lock();
        let before = complaints.insert(vpc.to_owned(), why.to_owned()).unwrap_or_default();
        if !why.is_empty() && before != why {
            tracing::warn!(vpc, why, "load balancers are not as they should be");
        }
    }

    /// Only over the record that was looked at.
    async fn patch(&self, resource: Resource, doc: &Doc, subresource: &str, mut patch: Doc) -> Result<(), Error> {
        patch["metadata"]["uid"] = doc["metadata"]["uid"].clone();
        let (namespace, name) = (text(doc, "/metadata/namespace"), text(doc, "/metadata/name"));
        match self.client.patch(resource, namespace, name, subresource, patch).await {
            Err(status) if status.reason != Reason::NotFound => Err(status.into()),
            _ => Ok(()),
        }
    }
}

/// The finalizers with or without the agent's, of exactly this version of the record.
fn finalizers(doc: &Doc, held: bool) -> Doc {
    let others = doc["metadata"]["finalizers"].as_array().into_iter().flatten().filter(|finalizer| **finalizer != FINALIZER);
    let finalizers: Vec<Doc> = others.cloned().chain(held.then(|| json!(FINALIZER))).collect();
    json!({"metadata": {"resourceVersion": doc["metadata"]["resourceVersion"], "finalizers": finalizers}})
}

fn sooner(next: Next, other: Option<Duration>) -> Next {
    match (next, other) {
        (next, None) => next,
        (Next::OnChange, Some(other)) => Next::After(other),
        (Next::After(next), Some(other)) => Next::After(next.min(other)),
    }
}

/// The records as a choice sees them, but for the targets' health.
fn seen(records: &VpcRecords) -> Seen {
    let places = Places::new(&records.interfaces, &records.instances, &records.subnets);
    let of_balancer = |doc: &Doc| {
        let own = records.listeners.iter().filter(|listener| listener["spec"]["loadBalancer"] == doc["metadata"]["name"]);
        LoadBalancer::of(doc, own, &places)
    };
    Seen {
        balancers: records.balancers.iter().filter(|doc| !is_deleting(doc)).map(of_balancer).collect(),
        groups: records
            .groups
            .iter()
            .map(|doc| (text(doc, "/metadata/name").to_owned(), TargetGroup::of(doc, &places)))
            .collect(),
        health: BTreeMap::new(),
    }
}

/// What is to be said of the targets of each group.
fn reports(records: &VpcRecords, seen: &Seen, now: Time) -> BTreeMap<String, Report> {
    let used = seen.used();
    let of = |doc: &Doc| {
        let (name, before) = (text(doc, "/metadata/name"), &doc["status"]["targets"]);
        let group = seen.groups.get(name)?;
        Some((name.to_owned(), report(name, group, used.contains(name), &seen.health, before, now)))
    };
    records.groups.iter().filter_map(of).collect()
}

/// The checks of all targets that get traffic, each from an address of a load balancer, one in the target's zone if there is.
fn probes(records: &VpcRecords, seen: &Seen, router: &Router) -> BTreeMap<Backend, Probe> {
    let mut probes = BTreeMap::new();
    for (balancer, listener) in seen.balancers.iter().flat_map(|one| one.listeners.iter().map(move |listener| (one, listener))) {
        let Some(group) = seen.groups.get(&listener.group) else { continue };
        let record = records.groups.iter().find(|doc| text(doc, "/metadata/name") == listener.group);
        for target in &group.targets {
            let Some(backend) = target.backend(&listener.group) else { continue };
            let near = target.zone.as_ref().and_then(|zone| balancer.zones.get(zone));
            let Some(from) = near.or_else(|| balancer.zones.values().next()) else { continue };
            let to = (backend.address, group.check.port.unwrap_or(target.port)).into();
            probes.entry(backend).or_insert_with(|| Probe {
                route: Route { router: router.namespace.clone(), from: *from, to },
                router: router.inode,
                check: group.check.clone(),
                remembered: record.map_or(State::Initial, |doc| remembered(&doc["status"]["targets"], target)),
            });
        }
    }
    probes
}

/// None without an address on the host or in the VPC.
fn entry(balancer: &LoadBalancer, names: &BTreeMap<String, Vec<Ipv4Addr>>, router: &Router) -> Option<Entry> {
    let name = balancer.dns_name.to_lowercase();
    let addresses = names.get(&name).filter(|addresses| !addresses.is_empty())?.clone();
    Some(Entry { loopback: balancer.loopback?, ports: balancer.ports(), dialer: router.dialer.clone(), addresses, name })
}
