//! What a node's kubelet stands on, put together from `node.json`, the metadata service and user data.

use crate::addresses::Ec2Addresses;
use crate::aws::Ec2;
use crate::credentials::RoleCredentials;
use crate::imds::{Imds, ImdsError};
use crate::names;
use crate::network::PodAddresses;
use crate::serving::Serving;
use crate::settings::{Identity, IdentityError, settings};
use crate::token::ClusterToken;
use crate::user_data::{NodeConfig, UserDataError};
use crate::version;
use agent::instances::{IMAGES_SOCKET, NODE_FILE, NodeFile};
use client::Client;
use client_http::HttpTransport;
use images::RemoteImages;
use ipnet::Ipv4Net;
use kubelet::Config;
use kubelet::server::ServingCertificate;
use meta::SystemClock;
use meta::time::SharedClock;
use node_os::cgroup::Cgroup;
use node_os::netns::NetNs;
use pod_network::{Limits, PodNetwork};
use reconcile::{Informers, Runtime};
use runtime::cri::{ContainerRuntime, SandboxState};
use runtime::{Embedded, RuntimeConfig};
use std::fs::DirBuilder;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Why a node does not start. Whoever keeps its process tries again.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{NODE_FILE}: {0}")]
    File(#[from] serde_json::Error),
    #[error(transparent)]
    Imds(#[from] ImdsError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    UserData(#[from] UserDataError),
    #[error("{0}")]
    Setup(String),
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> NodeError {
    let path = path.to_owned();
    move |source| NodeError::Io { path, source }
}

/// The parts of a node, ready to be used.
pub struct Node {
    pub config: Config,
    pub identity: Identity,
    pub client: Client,
    /// Of Services and what is behind them: one cache for all that this node does with them.
    pub informers: Arc<Informers>,
    /// Where the cluster's names are answered.
    pub cluster_dns: Ipv4Addr,
    /// Where Services have their addresses from.
    pub service_cidr: Ipv4Net,
    pub clock: SharedClock,
    /// Everything of the instance.
    pub cgroup: Cgroup,
    pub containers: Arc<Embedded>,
    pub images: Arc<RemoteImages>,
    pub network: Arc<PodAddresses>,
    pub pods: Arc<PodNetwork>,
    pub certificate: Arc<ServingCertificate>,
    /// Whose client certificates count.
    pub cluster_authority_pem: String,
    pub runtime: Runtime,
}

impl Node {
    /// `directory` is the instance's. To be called inside its network namespace.
    pub async fn assemble(directory: &Path) -> Result<Self, NodeError> {
        let file = directory.join(NODE_FILE);
        let file: NodeFile = serde_json::from_slice(&std::fs::read(&file).map_err(at(&file))?)?;
        let (clock, runtime): (SharedClock, Runtime) = (Arc::new(SystemClock), Runtime::new());
        let imds = Arc::new(Imds::of_instance());
        let identity = Identity::read(&imds).await?;
        let user_data = NodeConfig::parse(&imds.user_data().await?)?;
        let credentials = Arc::new(RoleCredentials::new(imds.clone(), clock.clone()));
        let tls = Arc::new(client_http::tls_config(&user_data.certificate_authority_pem).map_err(NodeError::Setup)?);
        let connect = client_http::connect_to(user_data.server.into());
        let version = version::of_node(&directory.join("version"), &user_data.authority, &connect, &tls).await;
        let version = version.map_err(|error| NodeError::Setup(format!("the cluster's version: {error}")))?;
        let token = ClusterToken {
            cluster: user_data.cluster.clone(),
            region: identity.region.clone(),
            credentials: credentials.clone(),
            clock: clock.clone(),
            known: parking_lot::Mutex::default(),
        };
        let authority = user_data.authority.clone();
        let transport = client_http::Config { authority, tls, connect, token: Some(Arc::new(token)) };
        let client = Client::new(Arc::new(HttpTransport::new(transport).map_err(NodeError::Setup)?));
        let root = directory.join("root");
        let config = settings(&identity, &user_data, &file.machine, &root, &version);
        names::write_files(&root, &identity).map_err(at(&root))?;
        let containers = Arc::new(containers(directory, &file, &clock, &runtime)?);
        let pods = Arc::new(pod_network(directory, &file, &identity, imds, credentials, &clock)?);
        let certificate = Arc::new(ServingCertificate::default());
        let serving = Serving {
            client: client.clone(),
            node_name: config.node_name.clone(),
            names: vec![identity.private_dns_name.clone(), identity.address.to_string()],
            file: private(directory, "pki")?.join("kubelet-serving.json"),
            clock: clock.clone(),
            current: certificate.clone(),
        };
        runtime.tasks.spawn(serving.run(runtime.stop.clone()));
        let node = Self {
            config,
            identity,
            informers: Informers::new(client.clone(), runtime.tasks.clone(), runtime.stop.clone()),
            cluster_dns: user_data.cluster_dns,
            service_cidr: user_data.service_cidr,
            client,
            clock,
            cgroup: Cgroup::new(&file.cgroup),
            containers,
            images: Arc::new(RemoteImages::new(directory.join(IMAGES_SOCKET))),
            network: Arc::new(PodAddresses(pods.clone())),
            pods,
            certificate,
            cluster_authority_pem: user_data.certificate_authority_pem,
            runtime,
        };
        node.take_up_network().await?;
        Ok(node)
    }

    /// The addresses of pods that ended while nobody looked come back; new ones are asked for before they are needed.
    async fn take_up_network(&self) -> Result<(), NodeError> {
        let sandboxes = self.containers.list_sandboxes().await.map_err(|e| NodeError::Setup(e.to_string()))?;
        let living = sandboxes.into_iter().filter(|sandbox| sandbox.state == SandboxState::Ready);
        let living = living.map(|sandbox| sandbox.config.id).collect();
        self.pods.adopt(&living).await.map_err(|e| NodeError::Setup(e.to_string()))?;
        let (pods, stop) = (self.pods.clone(), self.runtime.stop.clone());
        self.runtime.tasks.spawn(async move {
            let mut pause = Duration::from_secs(1);
            while let Some(Err(error)) = stop.run_until_cancelled(pods.warm()).await {
                tracing::warn!(%error, "no addresses for pods yet");
                if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                    return;
                }
                pause = (pause * 2).min(Duration::from_secs(60));
            }
        });
        Ok(())
    }
}

/// A directory for its owner only.
fn private(directory: &Path, name: &str) -> Result<PathBuf, NodeError> {
    let path = directory.join(name);
    DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(at(&path))?;
    Ok(path)
}

fn containers(directory: &Path, file: &NodeFile, clock: &SharedClock, runtime: &Runtime) -> Result<Embedded, NodeError> {
    let config = RuntimeConfig {
        root: private(directory, "pods")?,
        program: std::env::current_exe().map_err(at(Path::new("/proc/self/exe")))?,
        arguments: vec!["shim".into()],
        cgroup: Cgroup::new(&file.cgroup),
    };
    let root = config.root.clone();
    let clock = clock.clone();
    let now_ns = Arc::new(move || i64::try_from(clock.now().0.as_nanosecond()).unwrap_or(i64::MAX)); // in the year 2262
    Embedded::open(config, now_ns, runtime.tasks.clone(), runtime.stop.clone()).map_err(at(&root))
}

fn pod_network(
    directory: &Path,
    file: &NodeFile,
    identity: &Identity,
    imds: Arc<Imds>,
    credentials: Arc<RoleCredentials>,
    clock: &SharedClock,
) -> Result<PodNetwork, NodeError> {
    let namespace = NetNs::current().map_err(at(Path::new("/proc/thread-self/ns/net")))?;
    let ec2 = Ec2::new(identity.vpc, &identity.region, &file.aws_authority, credentials, clock.clone());
    let source = Ec2Addresses {
        ec2: ec2.map_err(NodeError::Setup)?,
        imds,
        namespace: namespace.clone(),
        instance_id: identity.instance_id.clone(),
    };
    let config = pod_network::Config {
        namespace,
        checkpoint: private(directory, "network")?.join("addresses.json"),
        limits: Limits { interfaces: file.machine.max_interfaces, addresses_per_interface: file.machine.addresses_per_interface },
    };
    PodNetwork::open(config, Arc::new(source)).map_err(at(directory))
}
