//! Cluster IPs and node ports: claims that commit in the same transaction as the Service that takes them, so that
//! neither can leak nor be given twice. A cluster IP's claim is its `IPAddress` object (KEP-1880); a node port's is an
//! internal record.

use crate::commit::{Plan, store_error};
use crate::keys::INTERNAL_PREFIX;
use crate::server::{ApiServer, Cx};
use bytes::Bytes;
use meta::status::Result;
use meta::{Doc, FieldErrors, Gvr, Path, Status};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

const HEADLESS: &str = "None";
/// How often a choice that somebody else took first is made again.
const CHOICES: usize = 64;

/// A claim that the server chose, and may choose again when it loses the race for it.
pub(crate) struct Chosen {
    key: String,
    /// Where the choice stands in the document.
    pointer: String,
}

fn ip_key(ip: &str) -> String {
    format!("/ipaddresses.networking.k8s.io/{ip}")
}

fn port_prefix() -> String {
    format!("{INTERNAL_PREFIX}nodeports/")
}

fn port_key(port: u64) -> String {
    format!("{}{port}", port_prefix())
}

fn is_service(cx: &Cx<'_>) -> bool {
    cx.def.kind == "Service" && cx.def.gvr.group.is_empty() && cx.call.target.subresource != "status"
}

/// What a Service holds: its addresses and its ports.
#[derive(Default, PartialEq)]
struct Held {
    ips: BTreeSet<String>,
    ports: BTreeSet<u64>,
}

impl Held {
    fn of(service: &Doc) -> Self {
        let mut held = Self::default();
        if service["spec"]["type"] == "ExternalName" {
            return held;
        }
        let many = service["spec"]["clusterIPs"].as_array().into_iter().flatten();
        let ips = many.chain(std::iter::once(&service["spec"]["clusterIP"])).filter_map(Doc::as_str);
        held.ips = ips.filter(|ip| !ip.is_empty() && *ip != HEADLESS).map(str::to_owned).collect();
        let ports = service["spec"]["ports"].as_array().into_iter().flatten().map(|p| &p["nodePort"]);
        held.ports = ports
            .chain(std::iter::once(&service["spec"]["healthCheckNodePort"]))
            .filter_map(Doc::as_u64)
            .filter(|p| *p > 0)
            .collect();
        held
    }
}

impl ApiServer {
    pub(crate) async fn allocate_new(&self, cx: &Cx<'_>, doc: &mut Doc, plan: &mut Plan) -> Result<Vec<Chosen>> {
        self.allocate(cx, doc, &Held::default(), plan).await
    }

    pub(crate) async fn allocate_update(&self, cx: &Cx<'_>, new: &mut Doc, old: &Doc, plan: &mut Plan) -> Result<Vec<Chosen>> {
        if !is_service(cx) {
            return Ok(Vec::new());
        }
        carry_over(new, old);
        let before = Held::of(old);
        let chosen = self.allocate(cx, new, &before, plan).await?;
        let after = Held::of(new);
        before.ips.difference(&after.ips).for_each(|ip| plan.release(ip_key(ip)));
        before.ports.difference(&after.ports).for_each(|port| plan.release(port_key(*port)));
        Ok(chosen)
    }

    pub(crate) fn release_all(&self, cx: &Cx<'_>, old: &Doc, plan: &mut Plan) {
        if is_service(cx) {
            let held = Held::of(old);
            held.ips.iter().for_each(|ip| plan.release(ip_key(ip)));
            held.ports.iter().for_each(|port| plan.release(port_key(*port)));
        }
    }

    /// Undoes every choice when one was lost to somebody else, so that all are made anew; a claim the client asked for
    /// by name is refused.
    pub(crate) fn release_choice(&self, doc: &mut Doc, chosen: &[Chosen], key: &str) -> Result<()> {
        if !chosen.iter().any(|c| c.key == key) {
            return Err(self.taken(doc, key));
        }
        for choice in chosen {
            set_at(doc, &choice.pointer, Doc::Null);
            if choice.pointer.ends_with("/clusterIP") {
                doc["spec"]["clusterIPs"] = Doc::Null;
            }
        }
        Ok(())
    }

    fn taken(&self, doc: &Doc, key: &str) -> Status {
        let name = doc["metadata"]["name"].as_str().unwrap_or_default();
        let mut errors = FieldErrors::default();
        match key.strip_prefix(&port_prefix()) {
            Some(port) => {
                let number = port.parse::<u64>().unwrap_or(0);
                let of = |pointer: &String| doc.pointer(pointer).and_then(Doc::as_u64) == Some(number);
                let pointer = port_pointers(doc).into_iter().find(of).unwrap_or_default();
                errors.invalid(&path_of(&pointer), number, "provided port is already allocated");
            }
            None => {
                let ip = doc["spec"]["clusterIP"].as_str().unwrap_or_default();
                let path = Path::new("spec.clusterIPs");
                errors.invalid(&path, json!([ip]), format!("failed to allocate IP {ip}: provided IP is already allocated"));
            }
        }
        Status::invalid(&meta::GroupKind::new("", "Service"), name, &errors)
    }

    async fn allocate(&self, cx: &Cx<'_>, doc: &mut Doc, held: &Held, plan: &mut Plan) -> Result<Vec<Chosen>> {
        if !is_service(cx) || doc["spec"]["type"] == "ExternalName" {
            return Ok(Vec::new());
        }
        let mut chosen = Vec::new();
        self.allocate_ip(doc, held, plan, &mut chosen).await?;
        self.allocate_ports(cx, doc, held, plan, &mut chosen).await?;
        Ok(chosen)
    }

    async fn allocate_ip(&self, doc: &mut Doc, held: &Held, plan: &mut Plan, chosen: &mut Vec<Chosen>) -> Result<()> {
        let asked = doc["spec"]["clusterIP"].as_str().or(doc["spec"]["clusterIPs"][0].as_str()).unwrap_or_default().to_owned();
        let ip = match asked.as_str() {
            "" => {
                let ip = self.free_ip(doc).await?.to_string();
                chosen.push(Chosen { key: ip_key(&ip), pointer: "/spec/clusterIP".into() });
                ip
            }
            _ => asked,
        };
        doc["spec"]["clusterIP"] = ip.clone().into();
        doc["spec"]["clusterIPs"] = json!([ip]);
        if doc["spec"]["ipFamilies"].is_null() {
            doc["spec"]["ipFamilies"] = json!(["IPv4"]);
        }
        if doc["spec"]["ipFamilyPolicy"].is_null() {
            doc["spec"]["ipFamilyPolicy"] = "SingleStack".into();
        }
        if ip != HEADLESS && !held.ips.contains(&ip) {
            self.check_in_range(doc, &ip)?;
            plan.claim(ip_key(&ip), self.address_object(doc, &ip));
        }
        Ok(())
    }

    fn check_in_range(&self, doc: &Doc, ip: &str) -> Result<()> {
        let range = self.config.service_cidr;
        let inside = ip
            .parse()
            .is_ok_and(|ip: Ipv4Addr| range.is_some_and(|r| r.contains(&ip) && ip != r.network() && ip != r.broadcast()));
        if inside {
            return Ok(());
        }
        let mut errors = FieldErrors::default();
        let range = range.map(|r| r.to_string()).unwrap_or_default();
        let why = format!(
            "failed to allocate IP {ip}: the provided IP ({ip}) is not in the valid range. The range of valid IPs is {range}"
        );
        errors.invalid(&Path::new("spec.clusterIPs"), json!([ip]), why);
        let name = doc["metadata"]["name"].as_str().unwrap_or_default();
        Err(Status::invalid(&meta::GroupKind::new("", "Service"), name, &errors))
    }

    /// Starts at a random place of the range's upper part, as upstream: the first addresses (at most 256, at least 16)
    /// are left for those who ask for one by number.
    async fn free_ip(&self, doc: &Doc) -> Result<Ipv4Addr> {
        let full = || {
            let mut errors = FieldErrors::default();
            errors.push(
                meta::field::ErrorKind::InternalError,
                &Path::new("spec.clusterIPs"),
                Doc::Null,
                "failed to allocate a serviceIP: range is full",
            );
            Status::invalid(&meta::GroupKind::new("", "Service"), doc["metadata"]["name"].as_str().unwrap_or_default(), &errors)
        };
        let range = self.config.service_cidr.ok_or_else(full)?;
        let taken = self.caches.of(&Gvr::new("networking.k8s.io", "v1", "ipaddresses")).ok_or_else(full)?;
        let (base, size) = (u32::from(range.network()), 1u32 << (32 - range.prefix_len()));
        let reserved = (size / 16).clamp(16, 256).min(size.saturating_sub(2));
        let dynamic = size.saturating_sub(reserved + 2);
        let start = self.random() as u32 % dynamic.max(1);
        let look = || {
            let upper = (0..dynamic).map(|i| base + 1 + reserved + (start + i) % dynamic);
            let lower = (0..reserved).map(|i| base + 1 + i);
            upper.chain(lower).map(Ipv4Addr::from).find(|ip| taken.get(&ip.to_string()).is_none())
        };
        if let Some(free) = look() {
            return Ok(free);
        }
        // What was freed a moment ago may not have reached the cache.
        self.caches.fresh().await?;
        look().ok_or_else(full)
    }

    fn address_object(&self, service: &Doc, ip: &str) -> Bytes {
        let metadata = &service["metadata"];
        let doc = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
            "metadata": { "name": ip, "uid": self.clock.new_uid(), "creationTimestamp": self.clock.now().to_string(),
                "labels": { "ipaddress.kubernetes.io/ip-family": "IPv4", "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io" } },
            "spec": { "parentRef": { "group": "", "resource": "services", "namespace": metadata["namespace"], "name": metadata["name"] } },
        });
        Bytes::from(meta::object::canonical(&doc))
    }

    async fn allocate_ports(
        &self,
        cx: &Cx<'_>,
        doc: &mut Doc,
        held: &Held,
        plan: &mut Plan,
        chosen: &mut Vec<Chosen>,
    ) -> Result<()> {
        let owner = json!({ "namespace": doc["metadata"]["namespace"], "name": doc["metadata"]["name"] }).to_string();
        let mut mine = Held::of(doc).ports;
        // Two ports of one Service may share a number when their protocols differ.
        let mut claimed = BTreeSet::new();
        for pointer in port_pointers(doc) {
            let port = match doc.pointer(&pointer).and_then(Doc::as_u64).unwrap_or(0) {
                0 => {
                    let shared = shared_port(doc, &pointer);
                    let port = match shared {
                        Some(port) => port,
                        None => self.free_port(cx, doc, &pointer, &mine).await?,
                    };
                    set_at(doc, &pointer, port.into());
                    // A number that was asked for is not chosen anew when somebody else has it.
                    if shared.is_none() || chosen.iter().any(|other| other.key == port_key(port)) {
                        chosen.push(Chosen { key: port_key(port), pointer });
                    }
                    port
                }
                port => {
                    self.check_port(cx, doc, &pointer, port)?;
                    port
                }
            };
            mine.insert(port);
            if !held.ports.contains(&port) && claimed.insert(port) {
                plan.claim(port_key(port), Bytes::from(owner.clone()));
            }
        }
        Ok(())
    }

    fn check_port(&self, cx: &Cx<'_>, doc: &Doc, pointer: &str, port: u64) -> Result<()> {
        let range = &self.config.node_ports;
        if u16::try_from(port).is_ok_and(|p| range.contains(&p)) {
            return Ok(());
        }
        let mut errors = FieldErrors::default();
        let why =
            format!("provided port is not in the valid range. The range of valid ports is {}-{}", range.start(), range.end());
        errors.invalid(&path_of(pointer), port, why);
        Err(Status::invalid(&cx.def.gvk().group_kind(), doc["metadata"]["name"].as_str().unwrap_or_default(), &errors))
    }

    /// A random port that is free as far as can be seen; whether it still is the transaction decides.
    async fn free_port(&self, cx: &Cx<'_>, doc: &Doc, pointer: &str, mine: &BTreeSet<u64>) -> Result<u64> {
        let (low, high) = (u64::from(*self.config.node_ports.start()), u64::from(*self.config.node_ports.end()));
        let store = self.caches.store();
        for _ in 0..CHOICES {
            let port = low + self.random() % (high - low + 1);
            if !mine.contains(&port) && store.get(&port_key(port), None).await.map_err(store_error)?.is_none() {
                return Ok(port);
            }
        }
        // Nearly all are taken: look at every one.
        let prefix = port_prefix();
        let page = store.range(&prefix, None, 0, None).await.map_err(store_error)?;
        let taken: BTreeSet<u64> = page.entries.iter().filter_map(|e| e.key.strip_prefix(&prefix)?.parse().ok()).collect();
        (low..=high).find(|port| !mine.contains(port) && !taken.contains(port)).ok_or_else(|| {
            let mut errors = FieldErrors::default();
            let why = "failed to allocate a nodePort: range is full";
            errors.push(meta::field::ErrorKind::InternalError, &path_of(pointer), Doc::Null, why);
            Status::invalid(&cx.def.gvk().group_kind(), doc["metadata"]["name"].as_str().unwrap_or_default(), &errors)
        })
    }

    /// Randomness by way of the clock's identifiers, so that tests can fix both.
    pub(crate) fn random(&self) -> u64 {
        let uid = self.clock.new_uid().replace('-', "");
        u64::from_str_radix(&uid[16..], 16).unwrap_or_default() & (u64::MAX >> 4) // a uid is always hexadecimal
    }
}

/// Where the document has, or is to have, ports that are open on every node.
fn port_pointers(service: &Doc) -> Vec<String> {
    let count = if wants_node_ports(service) { service["spec"]["ports"].as_array().map_or(0, Vec::len) } else { 0 };
    let mut pointers: Vec<String> = (0..count).map(|index| format!("/spec/ports/{index}/nodePort")).collect();
    if service["spec"]["type"] == "LoadBalancer" && service["spec"]["externalTrafficPolicy"] == "Local" {
        pointers.push("/spec/healthCheckNodePort".into());
    }
    pointers
}

/// The number that the Service has for the same port of another protocol (`findRequestedNodePort` of kubernetes
/// `pkg/registry/core/service/storage`): load balancers want one for both.
fn shared_port(service: &Doc, pointer: &str) -> Option<u64> {
    let of = service.pointer(pointer.strip_suffix("/nodePort")?)?;
    let mut ports = service["spec"]["ports"].as_array()?.iter();
    let other = |one: &&Doc| one["port"] == of["port"] && one["protocol"] != of["protocol"] && one["nodePort"].as_u64() > Some(0);
    ports.find(other)?["nodePort"].as_u64()
}

/// `spec.ports[0].nodePort` from `/spec/ports/0/nodePort`.
fn path_of(pointer: &str) -> Path {
    pointer.split('/').filter(|step| !step.is_empty()).fold(Path::default(), |path, step| match step.parse() {
        Ok(index) => path.index(index),
        Err(_) => path.child(step),
    })
}

fn set_at(doc: &mut Doc, pointer: &str, value: Doc) {
    if let Some((parent, field)) = pointer.rsplit_once('/')
        && let Some(parent) = doc.pointer_mut(parent)
    {
        parent[field] = value;
    }
}

fn wants_node_ports(service: &Doc) -> bool {
    match service["spec"]["type"].as_str() {
        Some("NodePort") => true,
        Some("LoadBalancer") => service["spec"]["allocateLoadBalancerNodePorts"] != false,
        _ => false,
    }
}

/// What an update does not mention stays (`patchAllocatedValues` of kubernetes `pkg/registry/core/service/storage`).
fn carry_over(new: &mut Doc, old: &Doc) {
    let external = |service: &Doc| service["spec"]["type"] == "ExternalName";
    if external(new) || external(old) {
        return;
    }
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        let unset = new["spec"].get(field).is_none_or(|value| value.is_null() || value == "");
        if let (true, Some(value)) = (unset, old["spec"].get(field)) {
            new["spec"][field] = value.clone();
        }
    }
    if !wants_node_ports(new) || !wants_node_ports(old) {
        return;
    }
    let known: Vec<Doc> = old["spec"]["ports"].as_array().cloned().unwrap_or_default();
    let ports = new["spec"].get_mut("ports").and_then(Doc::as_array_mut);
    for port in ports.into_iter().flatten().filter(|p| p["nodePort"].as_u64().unwrap_or(0) == 0) {
        let same = |o: &&Doc| o["port"] == port["port"] && o["protocol"] == port["protocol"];
        if let Some(old_port) = known.iter().find(same) {
            port["nodePort"] = old_port["nodePort"].clone();
        }
    }
}
