//! Instances without machines: each is a simulated node of the cluster that its user data names, in this process.

use crate::factory::Factory;
use agent::imds::Metadata;
use agent::instances::{Launch, Machine, Machines};
use apiserver::ApiServer;
use auth::access::CallerIdentity;
use client::{Call, Client, Reply, Transport, WatchStream};
use meta::status::Result;
use meta::time::SharedClock;
use meta::{Reason, Status, User};
use node::{Identity, NodeConfig};
use parking_lot::Mutex;
use reconcile::Runtime;
use simulated::Fleet;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Weak};
use tokio_util::sync::CancellationToken;

pub struct SimulatedInstances {
    factory: Arc<Factory>,
    fleet: Arc<Fleet>,
    runtime: Runtime,
    /// Those that run, by id, and how to stop them before they have joined.
    running: Arc<Mutex<HashMap<String, CancellationToken>>>,
}

impl SimulatedInstances {
    pub fn new(factory: Arc<Factory>, clock: SharedClock, runtime: &Runtime) -> Self {
        Self { factory, fleet: Arc::new(Fleet::new(clock, runtime)), runtime: runtime.clone(), running: Arc::default() }
    }
}

#[async_trait::async_trait]
impl Machines for SimulatedInstances {
    /// They end with their process.
    fn present(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn start(&self, launch: Launch) -> std::result::Result<(), String> {
        let identity = identity(&launch.metadata)?;
        let stop = self.runtime.stop.child_token();
        if self.running.lock().contains_key(&launch.id) {
            return Ok(());
        }
        self.running.lock().insert(launch.id.clone(), stop.clone());
        let joining = Joining { factory: self.factory.clone(), fleet: self.fleet.clone(), running: self.running.clone() };
        self.runtime.tasks.spawn(async move {
            let joined = stop.run_until_cancelled(joining.join(&launch.machine, &launch.metadata, &identity)).await;
            if let Some(Err(why)) = joined {
                tracing::warn!(instance = launch.id, why, "a simulated instance joins no cluster");
            }
        });
        Ok(())
    }

    async fn destroy(&self, id: &str) -> io::Result<()> {
        let mut running = self.running.lock();
        if let Some(stop) = running.remove(id) {
            stop.cancel();
        }
        self.fleet.remove(id);
        Ok(())
    }
}

/// What an instance does when it boots.
struct Joining {
    factory: Arc<Factory>,
    fleet: Arc<Fleet>,
    running: Arc<Mutex<HashMap<String, CancellationToken>>>,
}

impl Joining {
    async fn join(self, machine: &Machine, metadata: &Metadata, identity: &Identity) -> std::result::Result<(), String> {
        let user_data = String::from_utf8_lossy(&metadata.user_data);
        let user_data = NodeConfig::parse(&user_data).map_err(|error| error.to_string())?;
        let authority = user_data.certificate_authority_pem.clone();
        // Later than its nodes after a restart.
        let version = self.factory.version_of(&authority).await;
        let config = node::settings(identity, &user_data, machine, Path::new(""), &version);
        let caller = caller(metadata)?;
        let (node_name, factory) = (config.node_name.clone(), self.factory);
        let client = Client::new(Arc::new(NodeTransport { factory, authority, caller, node_name, known: Mutex::default() }));
        let running = self.running.lock();
        // Destroyed meanwhile: what is not started need not be removed.
        let id = &*metadata.instance_id;
        if running.contains_key(id) && !self.fleet.start(id, config, client) {
            return Err("there are no addresses for the pods of another simulated node".into());
        }
        Ok(())
    }
}

fn identity(metadata: &Metadata) -> std::result::Result<Identity, String> {
    let wrong = |what: &str, text: &str| format!("the instance's {what} is no address: {text:?}");
    let range = metadata.interfaces.first().map_or("", |interface| &interface.vpc_cidr);
    let vpc: ipnet::Ipv4Net = range.parse().map_err(|_| wrong("VPC", range))?;
    Ok(Identity {
        instance_id: metadata.instance_id.clone(),
        instance_type: metadata.instance_type.clone(),
        region: metadata.region.clone(),
        zone: metadata.availability_zone.clone(),
        zone_id: metadata.availability_zone_id.clone(),
        address: metadata.private_ip.parse().map_err(|_| wrong("address", &metadata.private_ip))?,
        private_dns_name: metadata.private_dns_name.clone(),
        vpc: vpc.network(),
    })
}

/// Whom STS would find behind the instance's credentials: a session of its role, named after it.
fn caller(metadata: &Metadata) -> std::result::Result<CallerIdentity, String> {
    let (account, id) = (&metadata.account, &metadata.instance_id);
    let arn = format!("arn:aws:sts::{account}:assumed-role/{}/{id}", metadata.role_name());
    CallerIdentity::new(&arn, account, &format!("{}:{id}", metadata.profile_id), "")
}

/// Carries a node's calls to the control plane with the authority that its user data names, as whoever the cluster's access
/// entries say it is. Control planes come and go meanwhile.
struct NodeTransport {
    factory: Arc<Factory>,
    authority: String,
    caller: CallerIdentity,
    node_name: String,
    known: Mutex<Option<Known>>,
}

/// Whom a control plane took the node for, as long as its access entries stay as they were.
struct Known {
    server: Weak<ApiServer>,
    generation: u64,
    user: User,
}

impl NodeTransport {
    async fn client(&self) -> Result<Client> {
        let unavailable = || Status::new(Reason::ServiceUnavailable, "the control plane does not run");
        let server = self.factory.server_of(&self.authority).await.ok_or_else(unavailable)?;
        // Read before the entries are: what changes meanwhile is looked at next time.
        let generation = server.config().access.generation();
        let mut known = self.known.lock();
        let same = |known: &&Known| known.generation == generation && known.server.as_ptr() == Arc::as_ptr(&server);
        if let Some(known) = known.as_ref().filter(same) {
            return Ok(server.client(known.user.clone()));
        }
        let user = self.user(&server)?;
        *known = Some(Known { server: Arc::downgrade(&server), generation, user: user.clone() });
        Ok(server.client(user))
    }

    fn user(&self, server: &ApiServer) -> Result<User> {
        let named = |_: &str| Some(self.node_name.clone());
        server.config().access.map(&self.caller, named).map_err(|error| {
            tracing::debug!(node = self.node_name, %error, "a simulated node is nobody to its cluster");
            Status::unauthorized()
        })
    }
}

#[async_trait::async_trait]
impl Transport for NodeTransport {
    async fn call(&self, call: Call) -> Result<Reply> {
        self.client().await?.call(call).await
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        self.client().await?.watch(call.target.resource, &call.target.namespace, call.options).await
    }
}
