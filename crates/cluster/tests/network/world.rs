//! A management plane and an agent that makes VPCs on a real kernel. What control planes and the AWS endpoint do inside is
//! stood in for: here it matters where they are.

use crate::management;
use agent::{Agent, ControlPlaneFactory, ControlPlaneSpec, Endpoint, Network, PlaneNetwork, VpcServices};
use client::{Client, DeleteOptions, Options, Resource};
use cluster::ControlPlane;
use futures::StreamExt as _;
use meta::{Doc, SystemClock, User};
use reconcile::{Informers, Runtime};
use serde_json::json;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub const INSTANCE: &str = "0123abcd";
pub const NAMESPACE: &str = "1-us-east-1";
const HOST: &str = "here";
const PATIENCE: Duration = Duration::from_secs(30);
/// What a machine's hosts file says without us.
pub const HOSTS: &str = "127.0.0.1 localhost\n";

pub const VPCS: Resource = cloud_ec2::VPCS;
pub const SUBNETS: Resource = cloud_ec2::SUBNETS;
pub const NETWORK_INTERFACES: Resource = Resource::new("ec2.pilothouse.dev", "v1", "networkinterfaces");
pub const CONTROL_PLANES: Resource = Resource::new("eks.pilothouse.dev", "v1", "controlplanes");

struct Machines;

#[async_trait::async_trait]
impl ControlPlaneFactory for Machines {
    async fn ensure(&self, _: &ControlPlaneSpec, network: Option<&PlaneNetwork>) -> Result<Endpoint, String> {
        if let Some(network) = network {
            let namespace = network.namespace.as_ref().ok_or("a simulated network")?;
            for address in &network.addresses {
                drop(namespace.listen_tcp((*address, 443).into()).map_err(|e| e.to_string())?);
            }
        }
        Ok(Endpoint { url: "https://127.0.0.2".into(), certificate_authority_pem: "PEM".into() })
    }
    async fn destroy(&self, _: &ControlPlaneSpec) -> Result<(), String> {
        Ok(())
    }
}

/// Greets whoever connects, and counts how often it was started.
struct Greeter(watch::Sender<usize>);

impl VpcServices for Greeter {
    fn serve(&self, _: &str, address: Ipv4Addr, listener: TcpListener, runtime: &Runtime) -> Result<(), String> {
        let stop = runtime.stop.clone();
        runtime.tasks.spawn(async move {
            let greeting = async {
                loop {
                    let (mut stream, _) = listener.accept().await.expect("a connection");
                    stream.write_all(format!("aws at {address}").as_bytes()).await.expect("greeted");
                }
            };
            stop.run_until_cancelled(greeting).await
        });
        self.0.send_modify(|started| *started += 1);
        Ok(())
    }
}

pub struct World {
    plane: ControlPlane,
    engine: storage::Engine,
    pub admin: Client,
    directory: tempfile::TempDir,
}

/// The agent, until it is stopped.
pub struct Running {
    runtime: Runtime,
    served: watch::Receiver<usize>,
}

impl Running {
    /// Resolves at the end of the first pass over a VPC.
    pub async fn serving(&mut self) {
        let served = tokio::time::timeout(PATIENCE, self.served.wait_for(|started| *started > 0)).await;
        served.expect("a pass in time").expect("the agent runs");
    }

    pub async fn stop(self) {
        self.runtime.shutdown().await;
    }
}

impl World {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (plane, engine) = management::start(directory.path()).await;
        let admin = plane.server.client(User::authenticated("test", [meta::user::MASTERS]));
        let namespaces = Resource::new("", "v1", "namespaces");
        admin.create(namespaces, "", json!({"metadata": {"name": NAMESPACE}})).await.expect("a namespace");
        std::fs::write(directory.path().join("hosts"), HOSTS).expect("a hosts file");
        Self { plane, engine, admin, directory }
    }

    pub fn agent(&self) -> Running {
        let runtime = Runtime::new();
        let informers = Informers::new(self.admin.clone(), runtime.tasks.clone(), runtime.stop.clone());
        let (sender, served) = watch::channel(0);
        let network = Network {
            instance: INSTANCE.into(),
            region: "us-east-1".into(),
            services: Arc::new(Greeter(sender)),
            hosts_file: Some(self.hosts_file()),
            clock: Arc::new(SystemClock),
            simulated: false,
        };
        Agent::new(self.admin.clone(), HOST, Arc::new(Machines)).with_network(network).run(&informers, &runtime);
        Running { runtime, served }
    }

    pub fn hosts_file(&self) -> PathBuf {
        self.directory.path().join("hosts")
    }

    pub async fn stop(self) {
        self.plane.stop().await;
        self.engine.close().await;
    }

    pub async fn create(&self, resource: Resource, name: &str, spec: Doc) {
        let doc = json!({"metadata": {"name": name}, "spec": spec});
        self.admin.create(resource, NAMESPACE, doc).await.expect(name);
    }

    /// With its addresses, as EC2 would have given them: the first is the primary one.
    pub async fn interface(&self, name: &str, subnet: &str, addresses: &[&str], attachment: Doc) {
        let mac = format!("0a:00:00:00:00:{}", &name[name.len() - 2..]);
        let spec = json!({
            "networkInterfaceId": name, "subnetId": subnet, "vpcId": "vpc-1", "host": HOST, "macAddress": mac,
            "attachment": attachment,
        });
        self.create(NETWORK_INTERFACES, name, spec).await;
        let entries: Vec<Doc> = addresses
            .iter()
            .enumerate()
            .map(|(number, address)| json!({"privateIpAddress": address, "primary": number == 0}))
            .collect();
        self.status(NETWORK_INTERFACES, name, json!({"phase": "InUse", "privateIpAddresses": entries})).await;
    }

    pub async fn status(&self, resource: Resource, name: &str, status: Doc) {
        self.admin.patch(resource, NAMESPACE, name, "status", json!({"status": status})).await.expect(name);
    }

    pub async fn change(&self, resource: Resource, name: &str, spec: Doc) {
        self.admin.patch(resource, NAMESPACE, name, "", json!({"spec": spec})).await.expect(name);
    }

    pub async fn delete(&self, resource: Resource, name: &str) {
        self.admin.delete(resource, NAMESPACE, name, DeleteOptions::default()).await.expect(name);
    }

    pub async fn realised(&self, interface: &str) {
        self.until(NETWORK_INTERFACES, interface, |doc| doc.is_some_and(|doc| doc["status"]["realised"] == true)).await;
    }

    pub async fn gone(&self, interface: &str) {
        self.until(NETWORK_INTERFACES, interface, |doc| doc.is_none()).await;
    }

    /// Follows a record until it fits.
    pub async fn until(&self, resource: Resource, name: &str, fits: impl Fn(Option<&Doc>) -> bool) {
        let waiting = async {
            let list = self.admin.list(resource, NAMESPACE, Options::default()).await.expect("a list");
            let options = Options { resource_version: list.revision.to_string(), ..Options::default() };
            let mut changes = self.admin.watch(resource, NAMESPACE, options).await.expect("a watch");
            loop {
                let record = self.admin.find(resource, NAMESPACE, name).await.expect("an answer");
                if fits(record.map(|record| record.to_doc()).as_ref()) {
                    return;
                }
                changes.next().await.expect("the watch goes on");
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{name} did not become what it should"));
    }
}
