//! A management plane in a temporary directory with the cloud services on it.

use crate::management;
use agent::{Agent, ControlPlaneFactory, ControlPlaneSpec, Endpoint as Served, PlaneNetwork};
use aws_service::{Endpoint, Limits, Peer, SystemRandom, names};
use aws_wire::sigv4::{Credentials, Scope, presign, sign};
use aws_wire::{AwsError, HttpReply, HttpRequest, Model, check_output, client::decode_error, decode_output, encode_request};
use client::{Client, Options, Resource};
use cloud_ec2::{InterfaceControl, Region};
use cloud_eks::{ClusterControl, Config, ReadyProbe};
use cloud_elbv2::{LoadBalancerControl, TargetGroupControl};
use cloud_iam::Bootstrap;
use cloud_sts::{CredentialVerifier, SealingKeys};
use cluster::ControlPlane;
use futures::StreamExt as _;
use meta::time::SharedClock;
use meta::{Clock as _, SystemClock, User};
use reconcile::Informers;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "us-east-1";
pub const REGIONAL: &str = "123456789012-us-east-1";
pub const HOST: &str = "here";
const PATIENCE: Duration = Duration::from_secs(30);

/// Stands for the machinery that runs control planes.
#[derive(Default)]
struct Machines {
    running: Mutex<BTreeSet<String>>,
    /// Why nothing starts.
    broken: Option<&'static str>,
}

#[async_trait::async_trait]
impl ControlPlaneFactory for Machines {
    async fn ensure(&self, spec: &ControlPlaneSpec, _: Option<&PlaneNetwork>) -> Result<Served, String> {
        if let Some(why) = self.broken {
            return Err(why.into());
        }
        self.running.lock().expect("not poisoned").insert(spec.uid.clone());
        Ok(Served { url: "https://127.0.0.2:443".into(), certificate_authority_pem: "PEM".into() })
    }
    async fn destroy(&self, spec: &ControlPlaneSpec) -> Result<(), String> {
        self.running.lock().expect("not poisoned").remove(&spec.uid);
        Ok(())
    }
}

struct Answers;

#[async_trait::async_trait]
impl ReadyProbe for Answers {
    async fn probe(&self, _: &str, _: &str) -> Result<(), String> {
        Ok(())
    }
}

pub struct World {
    plane: ControlPlane,
    endpoint: Arc<Endpoint>,
    machines: Arc<Machines>,
    pub credentials: cloud_iam::Credentials,
    engine: storage::Engine,
    _directory: tempfile::TempDir,
}

fn user(plane: &ControlPlane, name: &str) -> Client {
    // Rules for each component are composition's; what matters here is what the services do.
    plane.server.client(User::authenticated(name, [meta::user::MASTERS]))
}

async fn make_credentials(plane: &ControlPlane) -> cloud_iam::Credentials {
    let random = SystemRandom;
    let region = Region::unconfigured(REGION);
    cloud_sts::bootstrap(&user(plane, "system:cloud:sts"), ACCOUNT, &random).await.expect("the sealing key");
    cloud_ec2::bootstrap(&user(plane, "system:cloud:ec2"), ACCOUNT, &region, &random).await.expect("the default VPC");
    let config = Bootstrap { account: ACCOUNT.into() };
    let made = cloud_iam::bootstrap(&user(plane, "system:cloud:iam"), &config, &random).await.expect("the account");
    made.expect("the administrator's key")
}

fn make_endpoint(plane: &ControlPlane) -> Endpoint {
    let clock: SharedClock = Arc::new(SystemClock);
    let random = Arc::new(SystemRandom);
    let sts_client = user(plane, "system:cloud:sts");
    let keys = Arc::new(SealingKeys::new(sts_client.clone(), ACCOUNT));
    let services = vec![
        cloud_sts::service(sts_client.clone(), keys.clone(), random.clone()).expect("a model"),
        cloud_iam::service(user(plane, "system:cloud:iam")).expect("a model"),
        cloud_ec2::service(user(plane, "system:cloud:ec2"), Region::unconfigured(REGION), random.clone()).expect("a model"),
        cloud_eks::service(user(plane, "system:cloud:eks"), random.clone()).expect("a model"),
        cloud_elbv2::service(user(plane, "system:cloud:elbv2"), HOST, random.clone()).expect("a model"),
    ];
    let verifier = Arc::new(CredentialVerifier::new(sts_client, ACCOUNT, keys, clock.clone()));
    Endpoint::new(Limits::default(), services, verifier, clock, random).expect("valid lists")
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(Machines::default()).await
    }

    pub async fn start_failing(why: &'static str) -> Self {
        Self::start_with(Machines { broken: Some(why), ..Machines::default() }).await
    }

    async fn start_with(machines: Machines) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (plane, engine) = management::start(directory.path()).await;
        let credentials = make_credentials(&plane).await;
        let endpoint = Arc::new(make_endpoint(&plane));
        let machines = Arc::new(machines);
        let runtime = plane.runtime();
        let informers = |name: &str| Informers::new(user(&plane, name), runtime.tasks.clone(), runtime.stop.clone());
        let ec2 = cloud_ec2::InterfaceControl::new(user(&plane, "system:cloud:ec2"), Arc::new(SystemRandom));
        ec2.run(&informers("system:cloud:ec2"), runtime);
        let config = Config { host: HOST.into() };
        let eks = user(&plane, "system:cloud:eks");
        let control = ClusterControl::new(eks, config, Arc::new(Answers), Arc::new(SystemClock), Arc::new(SystemRandom));
        control.run(&informers("system:cloud:eks"), runtime);
        InterfaceControl::new(user(&plane, "system:cloud:ec2"), Arc::new(SystemRandom))
            .run(&informers("system:cloud:ec2"), runtime);
        let elbv2 = || user(&plane, "system:cloud:elbv2");
        let shared = informers("system:cloud:elbv2");
        LoadBalancerControl::new(elbv2(), HOST, Arc::new(SystemClock), Arc::new(SystemRandom)).run(&shared, runtime);
        TargetGroupControl::new(elbv2()).run(&shared, runtime);
        let agent = Agent::new(user(&plane, "system:host:here"), HOST, machines.clone());
        agent.run(&informers("system:host:here"), runtime);
        Self { plane, endpoint, machines, credentials, engine, _directory: directory }
    }

    pub async fn stop(self) {
        self.plane.stop().await;
        self.engine.close().await;
    }

    pub async fn bootstrap(&self) -> cloud_iam::Credentials {
        make_credentials(&self.plane).await
    }

    pub fn admin(&self) -> Aws {
        let credentials = Credentials {
            access_key_id: self.credentials.access_key_id.clone(),
            secret_access_key: self.credentials.secret_access_key.clone(),
            session_token: None,
        };
        Aws { endpoint: self.endpoint.clone(), credentials }
    }

    pub fn running(&self) -> usize {
        self.machines.running.lock().expect("not poisoned").len()
    }

    pub fn arn(&self, cluster: &str) -> String {
        format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{cluster}")
    }

    /// DescribeCluster, once it says this status.
    pub async fn status(&self, cluster: &str, status: &str) -> Value {
        self.until(cluster, |record| record.is_some_and(|record| record["status"]["phase"] == status)).await;
        let answer = self.admin().call("eks", "DescribeCluster", json!({"name": cluster})).await.expect("a cluster");
        assert_eq!(answer["cluster"]["status"], status);
        answer["cluster"].clone()
    }

    pub async fn gone(&self, cluster: &str) {
        self.until(cluster, |record| record.is_none()).await;
    }

    /// Follows the record of a cluster until it fits.
    async fn until(&self, cluster: &str, fits: impl Fn(Option<&Value>) -> bool) {
        self.until_record(cloud_eks::CLUSTERS, &names::escape(cluster), fits).await;
    }

    /// Follows a record until it fits; answers what it then is.
    pub async fn until_record(&self, resource: Resource, name: &str, fits: impl Fn(Option<&Value>) -> bool) -> Option<Value> {
        let client = self.records();
        let find = async || client.find(resource, REGIONAL, name).await.expect("an answer").map(|record| record.to_doc());
        let waiting = async {
            let list = client.list(resource, REGIONAL, Options::default()).await.expect("a list");
            let options = Options { resource_version: list.revision.to_string(), ..Options::default() };
            let mut changes = client.watch(resource, REGIONAL, options).await.expect("a watch");
            loop {
                let record = find().await;
                if fits(record.as_ref()) {
                    return record;
                }
                changes.next().await.expect("the watch goes on");
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(record) => record,
            Err(_) => panic!("{} {name} does not get there: {:?}", resource.plural, find().await),
        }
    }

    /// A client of the management plane that may do everything.
    pub fn records(&self) -> Client {
        user(&self.plane, "test")
    }

    /// The names of all records.
    pub async fn everything(&self) -> BTreeSet<String> {
        let client = user(&self.plane, "test");
        let kinds: [Resource; 14] = [
            cloud_iam::ACCOUNTS,
            cloud_iam::USERS,
            cloud_iam::ACCESS_KEYS,
            cloud_iam::ROLES,
            cloud_iam::POLICIES,
            cloud_sts::SEALING_KEYS,
            cloud_ec2::VPCS,
            cloud_ec2::SUBNETS,
            cloud_ec2::SECURITY_GROUPS,
            cloud_ec2::ROUTE_TABLES,
            cloud_ec2::NETWORK_ACLS,
            cloud_eks::CLUSTERS,
            cloud_eks::ACCESS_ENTRIES,
            cloud_eks::CONTROL_PLANES,
        ];
        let mut names = BTreeSet::new();
        for kind in kinds {
            let list = client.list(kind, "", Options::default()).await.expect(kind.plural);
            names.extend(
                list.items.iter().map(|record| format!("{} {} {}", kind.plural, record.meta.namespace, record.meta.name)),
            );
        }
        names
    }
}

/// A client of the endpoint.
pub struct Aws {
    endpoint: Arc<Endpoint>,
    credentials: Credentials,
}

impl Aws {
    /// With credentials as AssumeRole returns them.
    pub fn with(&self, credentials: &Value) -> Self {
        let text = |member: &str| credentials[member].as_str().unwrap_or_default().to_owned();
        let credentials = Credentials {
            access_key_id: text("AccessKeyId"),
            secret_access_key: text("SecretAccessKey"),
            session_token: Some(text("SessionToken")),
        };
        Self { endpoint: self.endpoint.clone(), credentials }
    }

    /// What stands in a token for `signed_cluster`, as an API server that serves `cluster` sends it to STS.
    pub async fn presigned_identity(&self, host: &str, signed_cluster: &str, cluster: &str) -> HttpReply {
        let mut request = HttpRequest::new(http::Method::GET, "/");
        request.query = "Action=GetCallerIdentity&Version=2011-06-15".into();
        request.set_header("host", host);
        request.set_header("x-k8s-aws-id", signed_cluster);
        presign(&mut request, &self.credentials, Scope { region: REGION, service: "sts", time: SystemClock.now().0 }, 60);
        request.set_header("x-k8s-aws-id", cluster);
        request.set_header("accept", "application/json");
        self.endpoint.handle(request, Peer::default()).await
    }

    pub async fn call(&self, service: &str, operation: &str, input: Value) -> Result<Value, AwsError> {
        let model = Model::load(service).expect("a built-in model");
        let operation = model.operation(operation).expect("a modelled operation");
        let mut request = encode_request(model, operation, &input);
        request.set_header("host", "127.0.0.1:4566");
        let scope = Scope { region: REGION, service: model.signing_name(), time: SystemClock.now().0 };
        sign(&mut request, &self.credentials, scope);
        let reply = self.endpoint.handle(request, Peer::default()).await;
        if reply.status >= 300 {
            return Err(decode_error(model, &reply));
        }
        let output = decode_output(model, operation, &reply)?;
        assert_eq!(check_output(model, operation, &output), Ok(()));
        Ok(output)
    }
}

/// `Code status` of a refusal.
pub fn code(outcome: Result<Value, AwsError>) -> String {
    match outcome {
        Ok(answer) => format!("unexpected answer {answer}"),
        Err(error) => format!("{} {}", error.code, error.status),
    }
}
