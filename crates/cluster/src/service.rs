//! The whole service: store, management plane, cloud services, agent, AWS endpoint; started and drained in this order.

use crate::access::AccessFeed;
use crate::aws_http::AwsHandler;
use crate::caller::LateEndpoint;
use crate::control_plane::{ControlPlane, ControlPlaneError, Plan, server_tls};
use crate::factory::{Factory, LateQueue};
use crate::instances::{InstanceIndex, RoleSessions, forget_names, full_machine, machine};
use crate::keys::{Keys, KeysError, SigningKeys};
use crate::load_balancers::Balancers;
use crate::management;
use crate::probe::HttpsProbe;
use crate::simulation::SimulatedInstances;
use crate::state_dir::{Credentials, ServiceInfo, StateDir};
use crate::versions::DEFAULT_MINOR;
use crate::vpc_endpoint::VpcEndpoint;
use agent::instances::{Instances, Machines, SandboxConfig, Sandboxes};
use agent::{Agent, Network};
use apiserver::Published;
use auth::access::{AccessIndex, Policies};
use auth::service_account::SigningKey;
use aws_service::{Endpoint, Limits, SharedRandom, SystemRandom};
use aws_wire::token::Hosts;
use client::Client;
use cloud_sts::{CredentialVerifier, InstanceSessions, SealingKeys};
use images::{PullError, Store as ImageStore};
use meta::time::SharedClock;
use meta::{SystemClock, User};
use reconcile::{Informers, Runtime};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use storage::backend::Disk;
use storage::{Engine, EngineOptions, Keyring};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

/// The one host of a service that has not been joined by others.
const HOST: &str = "local";
const MASTER_KEYS: &str = "master.key";

/// What `pilothouse up` was asked for.
#[derive(Clone, Debug)]
pub struct Config {
    pub state_dir: PathBuf,
    pub port: u16,
    pub account: String,
    pub region: String,
    pub zones: Vec<String>,
    /// Where names of load balancers are written for programs of this machine. None: nowhere.
    pub hosts_file: Option<PathBuf>,
    /// Instances are simulated nodes of this process, and the VPC is a matter of records: nothing needs root.
    pub simulated: bool,
}

/// Why the service does not start. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error(
        "state directory {dir} is in use by another pilothouse; stop it with `pilothouse down --state-dir {dir}`, or name another with --state-dir"
    )]
    Locked { dir: String },
    #[error("port {port} on 127.0.0.1 is in use; name another with --port")]
    PortInUse { port: u16 },
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen { port: u16, source: std::io::Error },
    #[error("cannot use state directory {dir}: {source}; name one that you may write to with --state-dir")]
    StateDir { dir: String, source: std::io::Error },
    #[error(
        "state directory {dir} belongs to account {account} in {region}; leave out --account and --region, or name another with --state-dir"
    )]
    OtherAccount { dir: String, account: String, region: String },
    #[error("the instances of state directory {dir} are {}; name another with --state-dir", if *.simulated { "simulated" } else { "not simulated" })]
    OtherInstances { dir: String, simulated: bool },
    #[error("the store in the state directory cannot be opened: {0}")]
    Store(storage::Error),
    #[error("the management plane does not start: {0}")]
    Management(#[from] ControlPlaneError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("the account cannot be prepared: {0}")]
    Bootstrap(#[from] meta::Status),
    #[error("the image store in the state directory cannot be opened: {0}")]
    Images(PullError),
    #[error("internal: {0}")]
    Internal(String),
}

/// A running service.
pub struct Service {
    pub state: StateDir,
    pub info: ServiceInfo,
    pub admin: Client,
    /// The host's images.
    pub images: Arc<ImageStore>,
    management: ControlPlane,
    factory: Arc<Factory>,
    engine: Engine,
    /// The listeners, the agent and the cloud's reconcilers.
    runtime: Runtime,
}

impl Service {
    /// Starts everything by the machine's clock; `progress` hears of each step.
    pub async fn start(config: &Config, progress: &(dyn Fn(&str) + Send + Sync)) -> Result<Self, ServiceError> {
        Self::start_by(Arc::new(SystemClock), config, progress).await
    }

    /// As [`Service::start`], by a clock of the caller's.
    pub async fn start_by(
        clock: SharedClock,
        config: &Config,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, ServiceError> {
        let listener = listen(config.port).await?;
        let state = StateDir::new(&config.state_dir);
        let fail = |source| ServiceError::StateDir { dir: config.state_dir.display().to_string(), source };
        state.create().map_err(fail)?;
        progress("opening the store");
        let engine = open_store(&state, config).await?;
        let images = open_images(&state).await?;
        let random: SharedRandom = Arc::new(SystemRandom);
        let runtime = Runtime::new();
        let keys = Arc::new(service_keys(&state, &clock).await?);
        let known = state.read_info().map_err(fail)?;
        check_account(config, known.as_ref())?;
        forget_other_names(known.as_ref(), config);
        let info = service_info(known, config, &listener, &clock).map_err(fail)?;
        state.write_authority(keys.authority.certificate_pem()).map_err(fail)?;
        progress("starting the management plane");
        let management = management_plane(&engine, &keys, &clock, &info).await?;
        let server = management.server.clone();
        let as_user = |name: &str| server.client(management::user(name));
        let admin = server.client(User::authenticated("system:pilothouse", [meta::user::MASTERS]));
        management::authorize_components(&admin).await?;
        progress("preparing the account");
        let credentials = prepare_account(&as_user, config, &*random).await?;
        if let Some(credentials) = credentials {
            state.write_credentials(&credentials).map_err(fail)?;
        }
        progress("starting clusters and the AWS endpoint");
        let informers = Informers::new(as_user("system:pilothouse:informers"), runtime.tasks.clone(), runtime.stop.clone());
        let late: LateEndpoint = Arc::new(OnceLock::new());
        let authority = format!("127.0.0.1:{}", listener.local_addr().map_err(fail)?.port());
        let factory = Arc::new(Factory {
            client: as_user("system:host:local"),
            engine: engine.clone(),
            access: AccessFeed::start(&informers).await,
            instances: InstanceIndex::new(&informers),
            balancers: balancers(&as_user, &clock, &random, &informers),
            signing_keys: SigningKeys::new(runtime.tasks.clone()),
            endpoint: late.clone(),
            hosts: Hosts {
                region: config.region.clone(),
                extra: vec![authority.clone(), authority.replace("127.0.0.1", "localhost")],
            },
            clock: clock.clone(),
            minors: Mutex::default(),
            running: Arc::default(),
            agent: LateQueue::default(),
            node_changes: Arc::default(),
            started: watch::Sender::new(()),
            runtime: runtime.clone(),
        });
        let endpoint = aws_endpoint(&as_user, config, &clock, &random).map_err(ServiceError::Internal)?;
        // Set once, here.
        drop(late.set(endpoint.clone()));
        // Before anything is made outside the state directory: whoever purges it finds that by its id.
        state.write_info(&info).map_err(fail)?;
        let inside =
            VpcEndpoint { endpoint: endpoint.clone(), keys: keys.clone(), clock: clock.clone(), region: config.region.clone() };
        let network = Network {
            instance: info.instance.clone(),
            region: config.region.clone(),
            services: Arc::new(inside),
            hosts_file: info.hosts_file.clone(),
            clock: clock.clone(),
            simulated: info.simulated,
        };
        let agent = Agent::new(as_user("system:host:local"), HOST, factory.clone()).with_network(network);
        let queue = agent.run(&informers, &runtime);
        // As above.
        drop(factory.agent.set(queue));
        let host = Host { state: &state, info: &info, keys: &keys, images: images.clone(), clock: clock.clone() };
        let machines: Arc<dyn Machines> = match info.simulated {
            true => Arc::new(SimulatedInstances::new(factory.clone(), clock.clone(), &runtime)),
            false => {
                let sealing = Arc::new(SealingKeys::new(as_user("system:cloud:sts"), &config.account));
                let sessions = InstanceSessions::new(as_user("system:cloud:sts"), sealing, clock.clone(), random.clone());
                Arc::new(host.sandboxes(sessions, &runtime).map_err(fail)?)
            }
        };
        Instances::run(as_user("system:host:local"), host.instances(machines), &informers, &runtime);
        start_cloud(&as_user, &clock, &random, &factory, &informers, &runtime);
        let tls = server_tls(&keys, &["127.0.0.1".into(), "localhost".into()], &clock)?;
        let listening = serve::Server { listener, tls: Some(Arc::new(tls)), plain: true };
        runtime.tasks.spawn(listening.run(Arc::new(AwsHandler(endpoint)), runtime.tasks.clone(), runtime.stop.clone()));
        Ok(Self { state, info, admin, images, management, factory, engine, runtime })
    }

    /// Stops taking requests, then the clusters, then the management plane, then the store.
    pub async fn stop(self) {
        self.runtime.shutdown().await;
        if let Err(error) = forget_names(&self.info) {
            tracing::warn!(%error, "names of load balancers stay in the hosts file");
        }
        self.factory.stop_all().await;
        self.management.stop().await;
        self.engine.close().await;
    }
}

/// What the instances of this host stand on.
struct Host<'a> {
    state: &'a StateDir,
    info: &'a ServiceInfo,
    keys: &'a Keys,
    images: Arc<ImageStore>,
    clock: SharedClock,
}

impl Host<'_> {
    fn sandboxes(&self, sessions: InstanceSessions, runtime: &Runtime) -> std::io::Result<Sandboxes> {
        let config = SandboxConfig {
            service_id: self.info.instance.clone(),
            directory: self.state.instances(),
            images: self.images.clone(),
            program: std::env::current_exe()?,
            aws_authority: self.keys.authority.certificate_pem().to_owned(),
            credentials: Arc::new(RoleSessions { sessions }),
            clock: self.clock.clone(),
        };
        Ok(Sandboxes::new(config, runtime))
    }

    fn instances(&self, machines: Arc<dyn Machines>) -> agent::instances::Config {
        agent::instances::Config {
            host: HOST.into(),
            account: self.info.account.clone(),
            region: self.info.region.clone(),
            machine: if self.info.simulated { Arc::new(full_machine) } else { Arc::new(machine) },
            machines,
        }
    }
}

/// Before anything is written: a port that is taken leaves no trace.
async fn listen(port: u16) -> Result<TcpListener, ServiceError> {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => ServiceError::PortInUse { port },
        _ => ServiceError::Listen { port, source },
    })
}

async fn open_store(state: &StateDir, config: &Config) -> Result<Engine, ServiceError> {
    let dir = config.state_dir.display().to_string();
    let path = state.store();
    let opened = tokio::task::spawn_blocking(move || {
        let disk = Disk::new(&path).map_err(|source| storage::Error::Io {
            action: "create",
            path: path.display().to_string(),
            source: Arc::new(source),
        })?;
        Engine::open(Arc::new(disk), &Keyring::file(MASTER_KEYS), EngineOptions::default())
    });
    match opened.await.map_err(|e| ServiceError::Internal(e.to_string()))? {
        Err(storage::Error::Locked { .. }) => Err(ServiceError::Locked { dir }),
        other => other.map_err(ServiceError::Store),
    }
}

async fn open_images(state: &StateDir) -> Result<Arc<ImageStore>, ServiceError> {
    let path = state.images();
    let opened = tokio::task::spawn_blocking(move || ImageStore::open(&path, images::Options::default()));
    opened.await.map_err(|e| ServiceError::Internal(e.to_string()))?.map(Arc::new).map_err(ServiceError::Images)
}

/// The service's own authority and token key.
async fn service_keys(state: &StateDir, clock: &SharedClock) -> Result<Keys, ServiceError> {
    let fail = |source| ServiceError::StateDir { dir: state.path().display().to_string(), source };
    if let Some(doc) = state.read_keys().map_err(fail)? {
        return Ok(Keys::from_doc(&doc)?);
    }
    let signing = tokio::task::spawn_blocking(SigningKey::generate).await.map_err(|e| ServiceError::Internal(e.to_string()))?;
    let keys = Keys::new(signing.map_err(KeysError::from)?, clock.now())?;
    state.write_keys(&keys.to_doc()?).map_err(fail)?;
    Ok(keys)
}

/// Records are keyed by account and region: under others, those of before would seem lost. Instances stay what they are.
fn check_account(config: &Config, known: Option<&ServiceInfo>) -> Result<(), ServiceError> {
    match known {
        Some(info) if info.simulated != config.simulated => {
            let dir = config.state_dir.display().to_string();
            Err(ServiceError::OtherInstances { dir, simulated: info.simulated })
        }
        Some(info) if (&info.account, &info.region) != (&config.account, &config.region) => {
            let dir = config.state_dir.display().to_string();
            Err(ServiceError::OtherAccount { dir, account: info.account.clone(), region: info.region.clone() })
        }
        _ => Ok(()),
    }
}

/// What a service that was killed left in a hosts file that this one does not use.
fn forget_other_names(known: Option<&ServiceInfo>, config: &Config) {
    let other = known.filter(|info| info.hosts_file != config.hosts_file);
    if let Some(Err(error)) = other.map(forget_names) {
        tracing::warn!(%error, "names of load balancers stay in the hosts file of before");
    }
}

fn service_info(
    known: Option<ServiceInfo>,
    config: &Config,
    listener: &TcpListener,
    clock: &SharedClock,
) -> std::io::Result<ServiceInfo> {
    Ok(ServiceInfo {
        instance: known.map_or_else(|| clock.new_uid()[..8].to_owned(), |info| info.instance),
        endpoint: format!("https://{}", listener.local_addr()?),
        account: config.account.clone(),
        region: config.region.clone(),
        pid: std::process::id(),
        hosts_file: config.hosts_file.clone(),
        simulated: config.simulated,
    })
}

async fn management_plane(
    engine: &Engine,
    keys: &Keys,
    clock: &SharedClock,
    info: &ServiceInfo,
) -> Result<ControlPlane, ServiceError> {
    let catalog =
        management::catalog(DEFAULT_MINOR).ok_or_else(|| ServiceError::Internal("no tables for the default minor".into()))?;
    let plan = Plan {
        name: management::STORE.into(),
        published: Published::new(catalog).map_err(ServiceError::Internal)?,
        store: engine.cluster(management::STORE).await.map_err(ServiceError::Store)?,
        service_cidr: None,
        issuer: format!("{}/management", info.endpoint),
        access: Arc::new(AccessIndex::new(Policies::published())),
        caller_verifier: None,
        dialer: None,
        clock: clock.clone(),
    };
    Ok(ControlPlane::start(plan, keys).await?)
}

/// First start: an administrator, the roles EKS users expect, the default VPC. Later starts mend what was cut short.
async fn prepare_account(
    as_user: &impl Fn(&str) -> Client,
    config: &Config,
    random: &dyn aws_service::Random,
) -> Result<Option<Credentials>, ServiceError> {
    let (account, region) = (&config.account, cloud_ec2::Region { name: config.region.clone(), zones: config.zones.clone() });
    cloud_sts::bootstrap(&as_user("system:cloud:sts"), account, random).await?;
    cloud_ec2::bootstrap(&as_user("system:cloud:ec2"), account, &region, random).await?;
    let made = cloud_iam::Bootstrap { account: account.clone() };
    let key = cloud_iam::bootstrap(&as_user("system:cloud:iam"), &made, random).await?;
    Ok(key.map(|key| Credentials { access_key_id: key.access_key_id, secret_access_key: key.secret_access_key }))
}

/// Load balancers for clusters' Services.
fn balancers(
    as_user: &impl Fn(&str) -> Client,
    clock: &SharedClock,
    random: &SharedRandom,
    informers: &Informers,
) -> Arc<Balancers> {
    let client = || as_user("system:cloud:eks-load-balancing");
    Balancers::new(client(), cloud_elbv2::Stacks::new(client(), HOST, clock.clone(), random.clone()), informers)
}

/// The cloud's reconcilers.
fn start_cloud(
    as_user: &impl Fn(&str) -> Client,
    clock: &SharedClock,
    random: &SharedRandom,
    factory: &Arc<Factory>,
    informers: &Informers,
    runtime: &Runtime,
) {
    let (ec2, eks) = (|| as_user("system:cloud:ec2"), || as_user("system:cloud:eks"));
    let config = cloud_eks::Config { host: HOST.into() };
    cloud_ec2::InterfaceControl::new(ec2(), random.clone()).run(informers, runtime);
    cloud_ec2::InstanceControl::new(ec2(), clock.clone(), random.clone()).run(informers, runtime);
    cloud_eks::ClusterControl::new(eks(), config.clone(), Arc::new(HttpsProbe), clock.clone(), random.clone())
        .run(informers, runtime);
    cloud_eks::NodegroupControl::new(eks(), config, factory.clone(), clock.clone(), random.clone()).run(informers, runtime);
    let elbv2 = || as_user("system:cloud:elbv2");
    cloud_elbv2::LoadBalancerControl::new(elbv2(), HOST, clock.clone(), random.clone()).run(informers, runtime);
    cloud_elbv2::TargetGroupControl::new(elbv2()).run(informers, runtime);
}

/// The one list of cloud services.
fn aws_endpoint(
    as_user: &impl Fn(&str) -> Client,
    config: &Config,
    clock: &SharedClock,
    random: &SharedRandom,
) -> Result<Arc<Endpoint>, String> {
    let keys = Arc::new(SealingKeys::new(as_user("system:cloud:sts"), &config.account));
    let region = cloud_ec2::Region { name: config.region.clone(), zones: config.zones.clone() };
    let missing = || "a service's model is not built in".to_owned();
    let services = vec![
        cloud_sts::service(as_user("system:cloud:sts"), keys.clone(), random.clone()).ok_or_else(missing)?,
        cloud_iam::service(as_user("system:cloud:iam")).ok_or_else(missing)?,
        cloud_ec2::service(as_user("system:cloud:ec2"), region, random.clone()).ok_or_else(missing)?,
        cloud_eks::service(as_user("system:cloud:eks"), random.clone()).ok_or_else(missing)?,
        cloud_elbv2::service(as_user("system:cloud:elbv2"), HOST, random.clone()).ok_or_else(missing)?,
    ];
    let verifier = CredentialVerifier::new(as_user("system:cloud:sts"), &config.account, keys, clock.clone());
    Endpoint::new(Limits::default(), services, Arc::new(verifier), clock.clone(), random.clone()).map(Arc::new)
}
