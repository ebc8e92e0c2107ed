//! Services on a node: how long until the first packet is answered, with few and with many of them there.

use super::field::{Field, PROXY_TABLE, Pod};
use super::http::Connection;
use super::report::Report;
use super::{percentile, sorted};
use crate::demo::world::World;
use crate::process::{Failure, Result};
use crate::procfs;
use bytes::Bytes;
use hyper::Method;
use node_os::nft::Transaction;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const CLUSTER: &str = "services";
const SIZES: [usize; 3] = [10, 1_000, 10_000];
const TRIES: usize = 30;
const SERVICES: &str = "/api/v1/namespaces/default/services";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
const PORT: u16 = 8080;
/// Between two packets of a client that waits for an answer: the numbers are as exact as that.
const STEP: Duration = Duration::from_micros(200);
const PATIENCE: Duration = Duration::from_secs(60);
/// Each packet of a try is the first of a connection of its own, as long as these last.
const SOCKETS: usize = 128;
const WRITERS: usize = 32;
/// Between two tries: what a removal leaves to do is no part of the next one.
const PAUSE: Duration = Duration::from_millis(100);

/// What one size has shown.
struct Seen {
    created_ms: Vec<f64>,
    changed_ms: Vec<f64>,
    memory_mib: f64,
}

pub fn measure(world: &mut World, runtime: &Runtime, report: &mut Report) -> Result<()> {
    let field = Field::prepare(world, runtime, CLUSTER, 3)?;
    let measured = runtime.block_on(all_sizes(world, &field, report));
    measured.and_then(|()| field.clear(world))
}

async fn all_sizes(world: &World, field: &Field, report: &mut Report) -> Result<()> {
    let [client, first, second] = field.pods.as_slice() else { return Err("three pods were asked for".into()) };
    let servers = [serve(first)?, serve(second)?];
    let mut tries =
        Tries { field, client, places: [first.address, second.address], writer: field.target.connect().await?, number: 0 };
    let mut all = Vec::new();
    let mut there = 0;
    for size in SIZES {
        fill(field, there..size, tries.places).await?;
        there = size;
        // What has just been written is on its way to the node: a Service written behind it is led behind it.
        tries.create().await?;
        let seen = tries.all(world).await?;
        seen.report(size, report);
        all.push(seen);
    }
    cold_sync(&mut tries, there, report).await?;
    growth(&all, report);
    servers.into_iter().for_each(|server| server.abort());
    Ok(())
}

impl Seen {
    fn report(&self, size: usize, report: &mut Report) {
        let goal = if size == SIZES[2] { "p99 <= 2 ms" } else { "-" };
        let what =
            ["one more Service, created to its first packet answered", "an endpoint changed to the first packet at the new one"];
        for (what, samples, goal) in [(what[0], &self.created_ms, "-"), (what[1], &self.changed_ms, goal)] {
            let here = format!("p50 {:.1} ms, p99 {:.1} ms", percentile(samples, 0.5), percentile(samples, 0.99));
            report.add(format!("{size} Services on a node: {what}"), goal, here);
        }
        report.add(format!("{size} Services: PSS of the node process"), "-", format!("{:.1} MiB", self.memory_mib));
    }
}

/// The largest size beside the smallest.
fn growth(all: &[Seen], report: &mut Report) {
    let [few, .., many] = all else { return };
    let times = |of: fn(&Seen) -> &Vec<f64>| percentile(of(many), 0.5) / percentile(of(few), 0.5);
    let each_kib = (many.memory_mib - few.memory_mib) * 1024.0 / (SIZES[2] - SIZES[0]) as f64;
    report.add(
        format!("growth, {} Services beside {}", SIZES[2], SIZES[0]),
        "-",
        format!(
            "create {:.2}x, endpoint change {:.2}x (p50), {each_kib:.1} KiB of the node process for each Service",
            times(|seen| &seen.created_ms),
            times(|seen| &seen.changed_ms)
        ),
    );
}

/// Answers every packet with the pod's address.
fn serve(pod: &Pod) -> Result<tokio::task::JoinHandle<()>> {
    let address = pod.address;
    let socket = pod.namespace.bind_udp((address, PORT).into()).map_err(|error| Failure::io("a pod's socket", &error))?;
    Ok(tokio::spawn(async move {
        let mut buffer = [0; 16];
        while let Ok((_, from)) = socket.recv_from(&mut buffer).await {
            // Who has closed its socket no longer waits.
            drop(socket.send_to(&address.octets(), from).await);
        }
    }))
}

async fn fill(field: &Field, numbers: std::ops::Range<usize>, places: [Ipv4Addr; 2]) -> Result<()> {
    let (next, end) = (Arc::new(AtomicUsize::new(numbers.start)), numbers.end);
    let mut tasks = JoinSet::new();
    for _ in 0..WRITERS {
        let (mut writer, next) = (field.target.connect().await?, next.clone());
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return Ok::<(), Failure>(());
                }
                create(&mut writer, &format!("service-{number}"), &places, "TCP").await?;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| Failure(error.to_string()))??;
    }
    Ok(())
}

/// Returns the Service's address. Its endpoints are there before it is.
async fn create(writer: &mut Connection, name: &str, places: &[Ipv4Addr], protocol: &str) -> Result<Ipv4Addr> {
    let ports = json!([{"name": "p", "port": 80, "targetPort": PORT, "protocol": protocol}]);
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": ports}});
    writer.exchange(Method::POST, SLICES, slice(name, places, protocol)).await?;
    let created = writer.exchange(Method::POST, SERVICES, service.to_string().into()).await?;
    let created: Value = serde_json::from_slice(&created).map_err(|error| Failure(error.to_string()))?;
    let address = created.pointer("/spec/clusterIP").and_then(Value::as_str).and_then(|text| text.parse().ok());
    address.ok_or_else(|| "a Service has an address".into())
}

fn slice(service: &str, places: &[Ipv4Addr], protocol: &str) -> Bytes {
    let metadata = json!({"name": format!("{service}-1"), "labels": {"kubernetes.io/service-name": service}});
    let endpoints: Vec<Value> = places.iter().map(|place| json!({"addresses": [place], "conditions": {"ready": true}})).collect();
    let ports = json!([{"name": "p", "port": PORT, "protocol": protocol}]);
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata, "addressType": "IPv4",
        "endpoints": endpoints, "ports": ports})
    .to_string()
    .into()
}

/// Services that are created, changed and removed again while a pod sends packets to them.
struct Tries<'a> {
    field: &'a Field,
    client: &'a Pod,
    places: [Ipv4Addr; 2],
    writer: Connection,
    number: usize,
}

impl Tries<'_> {
    async fn all(&mut self, world: &World) -> Result<Seen> {
        let (mut created_ms, mut changed_ms) = (Vec::new(), Vec::new());
        for _ in 0..TRIES {
            created_ms.push(self.create().await?);
            changed_ms.push(self.change().await?);
        }
        let sizes: Vec<f64> = procfs::role(&world.binary, "node").into_iter().filter_map(procfs::pss_mib).collect();
        Ok(Seen { created_ms: sorted(created_ms), changed_ms: sorted(changed_ms), memory_mib: sizes.iter().sum() })
    }

    async fn create(&mut self) -> Result<f64> {
        let name = self.next();
        let sockets = self.sockets()?;
        let address = create(&mut self.writer, &name, &self.places, "UDP").await?;
        let took = answered(sockets, address, self.places.to_vec(), Instant::now()).await?;
        self.remove(&name).await?;
        Ok(took)
    }

    async fn change(&mut self) -> Result<f64> {
        let name = self.next();
        let (sockets, [first, second]) = (self.sockets()?, self.places);
        let address = create(&mut self.writer, &name, &[first], "UDP").await?;
        answered(self.sockets()?, address, vec![first], Instant::now()).await?;
        tokio::time::sleep(PAUSE).await;
        let path = format!("{SLICES}/{name}-1");
        self.writer.exchange(Method::PUT, &path, slice(&name, &[second], "UDP")).await?;
        let took = answered(sockets, address, vec![second], Instant::now()).await?;
        self.remove(&name).await?;
        Ok(took)
    }

    fn next(&mut self) -> String {
        self.number += 1;
        format!("try-{}", self.number)
    }

    async fn remove(&mut self, name: &str) -> Result<()> {
        self.writer.exchange(Method::DELETE, &format!("{SERVICES}/{name}"), Bytes::new()).await?;
        self.writer.exchange(Method::DELETE, &format!("{SLICES}/{name}-1"), Bytes::new()).await?;
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    fn sockets(&self) -> Result<Vec<UdpSocket>> {
        let make = || (0..SOCKETS).map(|_| UdpSocket::bind((self.client.address, 0))).collect();
        self.client.namespace.run(make).map_err(|error| Failure::io("a pod's sockets", &error))
    }
}

/// Milliseconds until one of these places answers. On a thread of its own: the runtime's clock is too coarse for this.
async fn answered(sockets: Vec<UdpSocket>, to: Ipv4Addr, by: Vec<Ipv4Addr>, since: Instant) -> Result<f64> {
    let waited = tokio::task::spawn_blocking(move || {
        for socket in sockets.iter().cycle() {
            if since.elapsed() > PATIENCE {
                break;
            }
            let sent = Instant::now();
            if ask(socket, to).is_ok_and(|place| by.contains(&place)) {
                return Ok(since.elapsed().as_secs_f64() * 1000.0);
            }
            std::thread::sleep(STEP.saturating_sub(sent.elapsed()));
        }
        Err(Failure(format!("{to} does not answer")))
    });
    waited.await.map_err(|error| Failure(error.to_string()))?
}

/// Who answers one packet within a step.
fn ask(socket: &UdpSocket, to: Ipv4Addr) -> std::io::Result<Ipv4Addr> {
    let mut answer = [0; 4];
    socket.set_read_timeout(Some(STEP))?;
    socket.send_to(b"?", (to, 80))?;
    socket.recv_from(&mut answer)?;
    Ok(Ipv4Addr::from(answer))
}

/// Somebody removes the node's table: the next change brings back all of it.
async fn cold_sync(tries: &mut Tries<'_>, services: usize, report: &mut Report) -> Result<()> {
    let gone = Transaction::new(PROXY_TABLE).remove_table().commit(&tries.field.node);
    gone.map_err(|error| Failure(error.to_string()))?;
    let took = tries.create().await?;
    report.add(
        format!("{services} Services into an empty table, to the first packet answered"),
        "<= 2 s",
        format!("{took:.0} ms"),
    );
    Ok(())
}
