//! The reconciler of load balancers, one pass per VPC: read the records, check the targets, choose, and make rules, names,
//! listeners and statuses say so.

use super::choice::{Backend, Seen, choose};
use super::check::Route;
use super::health::State;
use super::host::{Entry, HostAccess};
use super::hosts_file::HostsFile;
use super::prober::{Probe, Probers};
use super::records::{FINALIZER, LoadBalancer, Places, TargetGroup, is_held};
use super::rules::Rules;
use super::sources::{LOAD_BALANCERS, Sources, TARGET_GROUPS, VpcRecords};
use super::status::{remembered, report};
use super::table::Tables;
use crate::vpc::{Place, Serving, is_deleting, names, text};
use client::{Client, Resource};
use meta::time::SharedClock;
use meta::{Doc, Reason};
use node_os::netns::NetNs;
use parking_lot::Mutex;
use reconcile::{Controller, Error, Informers, Next, Runtime};
use serde_json::json;
use std::collections::BTreeMap;
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
    tables: Tables,
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
        let hosts = config.hosts_file.clone().map(|path| HostsFile { path, instance });
        let balancers = Arc::new(Self {
            client,
            config,
            sources,
            probers: Probers::new(runtime, Arc::new(move |vpc| queue.add(vpc.to_owned()))),
            tables: Tables::default(),
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
        let reached = match made {
            Ok(entries) => self.host.ensure(vpc, entries).await,
            Err(why) => Err(why),
        };
        let next = self.tell_of_targets(&records, &seen).await?;
        self.tell_of_balancers(&records, &seen, works).await?;
        self.complain(vpc, reached.as_ref().err().map_or("", String::as_str));
        reached.map(|()| next).map_err(Error::Waiting)
    }

    /// Checks, rules and names in the VPC; fills in the targets' health on the way. Says what the host is to reach.
    async fn make(&self, vpc: &str, records: &VpcRecords, seen: &mut Seen) -> Result<Vec<Entry>, String> {
        let router = self.router(vpc, records, seen).map_err(|error| format!("the router of {vpc}: {error}"))?;
        let wanted = router.as_ref().map(|router| probes(records, seen, router)).unwrap_or_default();
        seen.health = self.probers.ensure(vpc, wanted);
        let choice = choose(seen);
        let mut entries = Vec::new();
        if let Some((router, inode)) = &router {
            let rules = (!seen.balancers.is_empty()).then(|| Rules::of(&choice));
            self.tables.ensure(vpc, (router, *inode), rules).await.map_err(|error| error.to_string())?;
            entries.extend(seen.balancers.iter().filter_map(|balancer| entry(balancer, &choice.names, router)));
        }
        self.config.serving.name_load_balancers(vpc, choice.names);
        Ok(entries)
    }

    /// With its number. None while nothing of a load balancer can be in it.
    fn router(&self, vpc: &str, records: &VpcRecords, seen: &Seen) -> std::io::Result<Option<(NetNs, u64)>> {
        if records.balancers.is_empty() {
            return Ok(None);
        }
        let has_addresses = seen.balancers.iter().any(|balancer| !balancer.zones.is_empty());
        match NetNs::named(&names::of(&self.config.place.instance, vpc)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !has_addresses => Ok(None),
            Err(error) => Err(error),
            Ok(router) => {
                let inode = router.inode()?;
                Ok(Some((router, inode)))
            }
        }
    }

    async fn tell_of_targets(&self, records: &VpcRecords, seen: &Seen) -> Result<Next, Error> {
        let (used, mut next) = (seen.used(), Next::OnChange);
        for doc in &records.groups {
            let name = text(doc, "/metadata/name");
            let Some(group) = seen.groups.get(name) else { continue };
            let before = &doc["status"]["targets"];
            let report = report(name, group, used.contains(name), &seen.health, before, self.config.clock.now());
            let unchanged = before.as_array().map_or(report.targets.is_empty(), |before| *before == report.targets);
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

/// The checks of all targets that get traffic, each from an address of a load balancer, one in the target's zone if there is.
fn probes(records: &VpcRecords, seen: &Seen, (router, inode): &(NetNs, u64)) -> BTreeMap<Backend, Probe> {
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
                route: Route { router: router.clone(), from: *from, to },
                router: *inode,
                check: group.check.clone(),
                remembered: record.map_or(State::Initial, |doc| remembered(&doc["status"]["targets"], target)),
            });
        }
    }
    probes
}

/// None without an address on the host or in the VPC.
fn entry(balancer: &LoadBalancer, names: &BTreeMap<String, Vec<Ipv4Addr>>, router: &NetNs) -> Option<Entry> {
    let name = balancer.dns_name.to_lowercase();
    let addresses = names.get(&name).filter(|addresses| !addresses.is_empty())?.clone();
    Some(Entry { loopback: balancer.loopback?, ports: balancer.tcp_ports(), router: router.clone(), addresses, name })
}
