//! Creating and deleting a cluster, cut off at every single call: whatever was done before, doing it again ends the same.

use crate::sandbox;
use crate::world::{ACCOUNT, REGIONAL};
use agent::{Agent, ControlPlaneFactory, ControlPlaneSpec, Endpoint, PlaneNetwork};
use apiserver::Published;
use auth::access::{AccessIndex, Policies};
use auth::service_account::SigningKey;
use aws_service::SystemRandom;
use client::{Call, Client, DeleteOptions, Options, Reply, Resource, Transport, WatchStream};
use cloud_eks::{ACCESS_ENTRIES, CLUSTERS, CONTROL_PLANES, ClusterControl, ReadyProbe};
use cluster::{ControlPlane, Keys, Plan};
use meta::status::{Reason, Result};
use meta::time::SharedClock;
use meta::{Doc, Status, SystemClock, User};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use storage::backend::Disk;
use storage::{Engine, EngineOptions, Keyring};

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";

/// Passes calls on until its time is up; from then on nothing arrives any more.
struct Mortal {
    inner: Client,
    calls: AtomicUsize,
    last: usize,
    /// Whether the last call is carried out although nobody hears of it.
    last_arrives: bool,
}

impl Mortal {
    fn client(inner: &Client, last: usize, last_arrives: bool) -> (Client, Arc<Self>) {
        let mortal = Arc::new(Self { inner: inner.clone(), calls: AtomicUsize::new(0), last, last_arrives });
        (Client::new(mortal.clone()), mortal)
    }

    fn died(&self) -> bool {
        self.calls.load(Ordering::SeqCst) > self.last
    }
}

#[async_trait::async_trait]
impl Transport for Mortal {
    async fn call(&self, call: Call) -> Result<Reply> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        if number < self.last {
            return self.inner.call(call).await;
        }
        if number == self.last && self.last_arrives {
            drop(self.inner.call(call).await); // its outcome is what nobody hears of
        }
        Err(Status::new(Reason::ServiceUnavailable, "the process has died"))
    }

    async fn watch(&self, _: Call) -> Result<WatchStream> {
        Err(Status::internal("nothing here watches"))
    }
}

/// Control planes that take no time to start. What runs is lost with the process, what is on disk is not.
#[derive(Default)]
struct Planes {
    running: Mutex<BTreeSet<String>>,
    on_disk: Mutex<BTreeSet<String>>,
}

#[async_trait::async_trait]
impl ControlPlaneFactory for Planes {
    async fn ensure(&self, spec: &ControlPlaneSpec, _: Option<&PlaneNetwork>) -> std::result::Result<Endpoint, String> {
        self.on_disk.lock().expect("not poisoned").insert(spec.uid.clone());
        self.running.lock().expect("not poisoned").insert(spec.uid.clone());
        Ok(Endpoint { url: format!("https://{}", spec.uid), certificate_authority_pem: format!("authority of {}", spec.uid) })
    }

    async fn destroy(&self, spec: &ControlPlaneSpec) -> std::result::Result<(), String> {
        self.running.lock().expect("not poisoned").remove(&spec.uid);
        self.on_disk.lock().expect("not poisoned").remove(&spec.uid);
        Ok(())
    }
}

struct Running(Arc<Planes>);

#[async_trait::async_trait]
impl ReadyProbe for Running {
    async fn probe(&self, endpoint: &str, authority: &str) -> std::result::Result<(), String> {
        let uid = endpoint.trim_start_matches("https://");
        let serves = self.0.running.lock().expect("not poisoned").contains(uid) && authority == format!("authority of {uid}");
        if serves { Ok(()) } else { Err("nobody listens".into()) }
    }
}

/// A management plane without the service around it: passes are made by hand.
struct Bench {
    plane: ControlPlane,
    admin: Client,
    planes: Arc<Planes>,
    clock: SharedClock,
    _directory: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let engine = Engine::open(
            Arc::new(Disk::new(directory.path()).expect("a store")),
            &Keyring::file("master.key"),
            EngineOptions::default(),
        )
        .expect("a new store");
        let clock: SharedClock = Arc::new(SystemClock);
        let records = [cloud_ec2::records(), cloud_eks::records()].concat();
        let catalog = api::Catalog::management(36, records).expect("a supported minor");
        let plan = Plan {
            name: "management".into(),
            published: Published::new(catalog).expect("a good catalog"),
            store: engine.cluster("management").await.expect("a store"),
            service_cidr: None,
            issuer: "https://127.0.0.1".into(),
            access: Arc::new(AccessIndex::new(Policies::published())),
            caller_verifier: None,
            dialer: None,
            clock: clock.clone(),
        };
        let keys = Keys::new(SigningKey::generate().expect("a key"), clock.now()).expect("keys");
        let plane = ControlPlane::start(plan, &keys).await.expect("it starts");
        let admin = plane.server.client(User::authenticated("test", [meta::user::MASTERS]));
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": REGIONAL}});
        admin.create(aws_service::records::NAMESPACES, "", namespace).await.expect("a namespace");
        Self { plane, admin, planes: Arc::default(), clock, _directory: directory }
    }

    async fn ask_for_cluster(&self) {
        let cluster = json!({
            "apiVersion": "eks.pilothouse.dev/v1", "kind": "Cluster",
            "metadata": {"name": "demo", "finalizers": ["eks.pilothouse.dev/cluster"]},
            "spec": {
                "name": "demo", "arn": format!("arn:aws:eks:us-east-1:{ACCOUNT}:cluster/demo"), "version": "1.36",
                "creatorArn": format!("arn:aws:iam::{ACCOUNT}:user/pilothouse"), "clusterSecurityGroupName": "group",
                "resourcesVpcConfig": {"clusterSecurityGroupId": GROUP, "vpcId": "vpc-0aaaaaaaaaaaaaaaa"},
                "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": true},
            },
        });
        self.admin.create(CLUSTERS, REGIONAL, cluster).await.expect("a cluster");
    }

    async fn ask_for_deletion(&self) {
        self.admin.delete(CLUSTERS, REGIONAL, "demo", DeleteOptions::default()).await.expect("a deletion");
    }

    /// Both reconcilers in turn over `client`, until the client dies or six passes are over.
    async fn work(&self, client: &Client) {
        let probe = Arc::new(Running(self.planes.clone()));
        let config = cloud_eks::Config { host: "local".into() };
        let control = ClusterControl::new(client.clone(), config, probe, self.clock.clone(), Arc::new(SystemRandom));
        let agent = Agent::new(client.clone(), "local", self.planes.clone());
        for _ in 0..6 {
            // Failures are what this is about; the state afterwards tells.
            drop(control.reconcile(REGIONAL, "demo").await);
            drop(agent.reconcile(REGIONAL, "demo").await);
        }
    }

    /// A process that dies at its call number `last`, then another one that lives. Says whether the first got that far.
    async fn work_interrupted(&self, last: usize, last_arrives: bool) -> bool {
        let (client, mortal) = Mortal::client(&self.admin, last, last_arrives);
        self.work(&client).await;
        self.planes.running.lock().expect("not poisoned").clear();
        self.work(&self.admin).await;
        mortal.died()
    }

    async fn all(&self, resource: Resource) -> Vec<Doc> {
        let listed = self.admin.list(resource, REGIONAL, Options::default()).await.expect("a list");
        listed.items.iter().map(|object| object.to_doc()).collect()
    }

    async fn check_whole(&self, context: &str) {
        let clusters = self.all(CLUSTERS).await;
        assert_eq!((clusters.len(), &clusters[0]["status"]["phase"]), (1, &json!("ACTIVE")), "{context}");
        let planes = self.all(CONTROL_PLANES).await;
        assert_eq!((planes.len(), &planes[0]["status"]["phase"]), (1, &json!("Ready")), "{context}");
        let uid = planes[0]["metadata"]["uid"].as_str().expect("a uid").to_owned();
        assert_eq!(clusters[0]["status"]["endpoint"], format!("https://{uid}"), "{context}");
        let groups = self.all(cloud_ec2::SECURITY_GROUPS).await;
        assert_eq!((groups.len(), &groups[0]["metadata"]["name"]), (1, &json!(GROUP)), "{context}");
        let entries = self.all(ACCESS_ENTRIES).await;
        assert_eq!(entries.len(), 1, "{context}");
        let owner = &entries[0]["metadata"]["ownerReferences"][0]["uid"];
        assert_eq!(owner, &clusters[0]["metadata"]["uid"], "{context}");
        assert_eq!(*self.planes.running.lock().expect("not poisoned"), BTreeSet::from([uid.clone()]), "{context}");
        assert_eq!(*self.planes.on_disk.lock().expect("not poisoned"), BTreeSet::from([uid]), "{context}");
    }

    async fn check_nothing(&self, context: &str) {
        for resource in [CLUSTERS, CONTROL_PLANES, ACCESS_ENTRIES, cloud_ec2::SECURITY_GROUPS] {
            assert_eq!(self.all(resource).await, Vec::<Doc>::new(), "{context}: {}", resource.plural);
        }
        assert!(self.planes.running.lock().expect("not poisoned").is_empty(), "{context}");
        assert!(self.planes.on_disk.lock().expect("not poisoned").is_empty(), "{context}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_can_be_the_last_of_a_process() {
    if !sandbox::contained("sagas::every_step_can_be_the_last_of_a_process") {
        return;
    }
    let bench = Bench::new().await;
    for last_arrives in [false, true] {
        for last in 0.. {
            let context = format!("cut off at call {last}, carried out: {last_arrives}");
            bench.ask_for_cluster().await;
            let creation = bench.work_interrupted(last, last_arrives).await;
            bench.check_whole(&format!("creation {context}")).await;
            bench.ask_for_deletion().await;
            let deletion = bench.work_interrupted(last, last_arrives).await;
            bench.check_nothing(&format!("deletion {context}")).await;
            if !creation && !deletion {
                assert!(last > 20, "only {last} calls were interrupted");
                break;
            }
        }
    }
    bench.plane.stop().await;
}

/// Deletion may come before creation has ended, at any step.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_cluster_can_be_deleted() {
    if !sandbox::contained("sagas::half_a_cluster_can_be_deleted") {
        return;
    }
    let bench = Bench::new().await;
    for last in 0.. {
        bench.ask_for_cluster().await;
        let (client, mortal) = Mortal::client(&bench.admin, last, true);
        bench.work(&client).await;
        bench.ask_for_deletion().await;
        bench.work(&bench.admin).await;
        bench.check_nothing(&format!("deleted after {last} calls of creation")).await;
        if !mortal.died() {
            break;
        }
    }
    bench.plane.stop().await;
}
