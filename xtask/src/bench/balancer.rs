//! From the host through a load balancer to pods, beside Debian's haproxy before the same pods.

use super::events::Events;
use super::field::{Field, with_table};
use super::report::Report;
use super::traffic::{self, Clients};
use super::{percentile, sorted};
use crate::demo::{service, world::World};
use crate::process::{Failure, Result};
use crate::procfs;
use hyper::Method;
use node_os::netns::{self, NetNs};
use node_os::nft::{Datum, Tables};
use serde_json::{Value, json};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Child;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const CLUSTER: &str = "balancer";
const PODS: usize = 3;
const PORT: u16 = 8080;
const CLIENTS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);
const SERVICES: &str = "/api/v1/namespaces/default/services";
const BALANCER_TABLE: &str = "pilothouse-elb";

pub fn measure(world: &mut World, runtime: &Runtime, length: Duration, report: &mut Report) -> Result<()> {
    let field = Field::prepare(world, runtime, CLUSTER, PODS)?;
    let servers = runtime.block_on(async { serve(&field) })?;
    let ours = runtime.block_on(balancer(&field))?;
    let mut peer = haproxy(world, runtime, &field)?;
    let measured = runtime.block_on(beside(world, ours, &peer, length, report));
    peer.child.kill().map_err(|error| Failure::io("ending haproxy", &error))?;
    peer.child.wait().map_err(|error| Failure::io("ending haproxy", &error))?;
    runtime.block_on(remove(&field))?;
    servers.into_iter().for_each(|server| server.abort());
    measured.and_then(|()| field.clear(world))
}

fn serve(field: &Field) -> Result<Vec<JoinHandle<()>>> {
    let listen = |pod: &super::field::Pod| pod.namespace.listen_tcp((pod.address, PORT).into()).map(traffic::serve);
    field.pods.iter().map(listen).collect::<std::io::Result<_>>().map_err(|error| Failure::io("a pod's listener", &error))
}

/// Where a Service's load balancer listens on the host, once it answers.
async fn balancer(field: &Field) -> Result<SocketAddr> {
    let annotation = |name: &str| format!("service.beta.kubernetes.io/aws-load-balancer-{name}");
    let annotations = json!({
        annotation("type"): "nlb", annotation("scheme"): "internet-facing",
        annotation("cross-zone-load-balancing-enabled"): "true",
    });
    let ports = json!([{"name": "http", "port": 80, "targetPort": PORT}]);
    let spec = json!({"type": "LoadBalancer", "selector": {"app": "bench"}, "ports": ports});
    let service =
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "page", "annotations": annotations}, "spec": spec});
    let mut events = Events::open(&field.target, &format!("{SERVICES}?watch=true")).await?;
    field.target.connect().await?.exchange(Method::POST, SERVICES, service.to_string().into()).await?;
    let hostname = |service: &Value| service.pointer("/status/loadBalancer/ingress/0/hostname")?.as_str().map(str::to_owned);
    let service = match events.until(|service| hostname(service).is_some()).await {
        Ok(service) => service,
        Err(failure) => return Err(Failure(format!("{failure}\n{}", said(field).await?))),
    };
    let name = hostname(&service).ok_or("the watch has just shown it")?;
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let found = tokio::net::lookup_host((name.as_str(), 80)).await.ok().and_then(|mut all| all.next()); // not yet a name
        if let Some(at) = found
            && traffic::once(at).await.is_ok()
        {
            return Ok(at);
        }
        // Nothing on the host tells when a target has become healthy.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Failure(format!("the load balancer {name} does not answer")))
}

/// The last words about the Service.
async fn said(field: &Field) -> Result<String> {
    let events =
        field.target.connect().await?.exchange(Method::GET, "/api/v1/namespaces/default/events", bytes::Bytes::new()).await?;
    let events: Value = serde_json::from_slice(&events).map_err(|error| Failure(error.to_string()))?;
    let of_service = |event: &&Value| event["involvedObject"]["kind"] == "Service";
    let messages = events["items"].as_array().into_iter().flatten().filter(of_service).map(|event| event["message"].to_string());
    Ok(messages.collect::<Vec<_>>().join("\n"))
}

async fn remove(field: &Field) -> Result<()> {
    field.target.connect().await?.exchange(Method::DELETE, &format!("{SERVICES}/page"), bytes::Bytes::new()).await.map(drop)
}

struct Peer {
    child: Child,
    at: SocketAddr,
}

/// In TCP mode, with the pods themselves as its servers: it dials them from the VPC's router, as the service does.
fn haproxy(world: &mut World, runtime: &Runtime, field: &Field) -> Result<Peer> {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, service::free_port()?));
    let router = with_table(BALANCER_TABLE)?;
    let (name, source) = (name_of(&router)?, address_of_balancer(&router)?);
    let server = |(number, pod): (usize, &super::field::Pod)| {
        format!("  server pod{number} {}:{PORT} source {source} namespace {name}\n", pod.address)
    };
    let servers: String = field.pods.iter().enumerate().map(server).collect();
    let configuration = format!(
        "global\n  maxconn 4096\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n\
         frontend web\n  bind {at}\n  default_backend pods\nbackend pods\n  balance roundrobin\n{servers}"
    );
    let path = world.directory.join("haproxy.cfg");
    fs::write(&path, configuration).map_err(|error| Failure::io(path.display(), &error))?;
    let mut peer = Peer { child: world.start("haproxy -db -f haproxy.cfg 2> haproxy.log")?, at };
    let started = Instant::now();
    while let Err(error) = runtime.block_on(traffic::once(at)) {
        let ended = peer.child.try_wait().map_err(|error| Failure::io("haproxy", &error))?;
        if ended.is_some() || started.elapsed() > PATIENCE {
            let log = fs::read_to_string(world.directory.join("haproxy.log")).unwrap_or_default(); // it has said nothing
            return Err(Failure(format!("haproxy does not answer ({error}): {log}")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(peer)
}

/// The load balancer's own address in the VPC: routes lead back there.
fn address_of_balancer(router: &NetNs) -> Result<Ipv4Addr> {
    let tables = Tables::open(router).and_then(|tables| tables.existing(BALANCER_TABLE));
    let table = tables.map_err(|error| Failure::io(BALANCER_TABLE, &error))?.ok_or("there is a load balancer")?;
    let keys = table.elements.values().flatten().filter_map(|element| element.key.first());
    let mut addresses = keys.filter_map(|datum| if let Datum::Address(address) = datum { Some(*address) } else { None });
    addresses.next().ok_or_else(|| "the load balancer has an address".into())
}

/// What programs that know names only call it.
fn name_of(namespace: &NetNs) -> Result<String> {
    let broken = |error: std::io::Error| Failure::io("network namespaces", &error);
    let inode = namespace.inode().map_err(broken)?;
    for name in netns::list("").map_err(broken)? {
        if NetNs::named(&name).and_then(|other| other.inode()).map_err(broken)? == inode {
            return Ok(name);
        }
    }
    Err("the router has no name".into())
}

/// Requests of one run.
struct Run {
    per_second: f64,
    samples: Vec<f64>,
    cpu_us: f64,
}

impl Run {
    fn text(&self) -> String {
        let (median, worst) = (percentile(&self.samples, 0.5), percentile(&self.samples, 0.99));
        format!("{:.0}/s, p50 {median:.2} ms, p99 {worst:.2} ms, {:.0} us of its CPU each", self.per_second, self.cpu_us)
    }
}

async fn beside(world: &World, ours: SocketAddr, peer: &Peer, length: Duration, report: &mut Report) -> Result<()> {
    let pid = service::only_pid(world)?;
    for (clients, name) in [(Clients::Kept, "on kept connections"), (Clients::New, "each on a new connection")] {
        let here = run(ours, pid, clients, length).await?;
        let there = run(peer.at, peer.child.id(), clients, length).await?;
        let what = format!("HTTP requests {name} through a load balancer to {PODS} pods, {CLIENTS} clients on the host");
        report.add(what, "-", format!("{}; {:.2}x of haproxy", here.text(), here.per_second / there.per_second));
        report.add(format!("peer: haproxy (Debian), TCP mode, the same pods, requests {name}"), "-", there.text());
    }
    Ok(())
}

async fn run(to: SocketAddr, pid: u32, clients: Clients, length: Duration) -> Result<Run> {
    traffic::load(to, clients, CLIENTS, WARM_UP).await?;
    let before = procfs::cpu_seconds(pid).ok_or("the load balancer is gone")?;
    let started = Instant::now();
    let samples = sorted(traffic::load(to, clients, CLIENTS, length).await?);
    let seconds = started.elapsed().as_secs_f64();
    let spent = procfs::cpu_seconds(pid).ok_or("the load balancer is gone")? - before;
    let count = samples.len() as f64;
    Ok(Run { per_second: count / seconds, cpu_us: spent * 1e6 / count, samples })
}
