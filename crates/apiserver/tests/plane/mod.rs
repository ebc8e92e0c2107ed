//! A new cluster's API server over a store of its own, for the tests of whoever is its client.

use apiserver::{ApiServer, Config, MAX_OBJECT_BYTES, NODE_PORTS, Parts, Published};
use auth::access::{AccessIndex, Policies};
use auth::service_account::{Issuer, SigningKey};
use client::Client;
use meta::User;
use meta::time::SharedClock;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use storage::backend::Backend;
use storage::{Engine, EngineOptions, Keyring};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub const MINOR: u32 = 36;
pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "https://kubernetes.default.svc";

/// What takes long to make and never changes is shared by the tests of a process.
static PUBLISHED: LazyLock<Mutex<HashMap<u32, Arc<Published>>>> = LazyLock::new(Mutex::default);
static KEY: LazyLock<Arc<SigningKey>> = LazyLock::new(|| Arc::new(SigningKey::generate().expect("a key")));

pub fn published(minor: u32) -> Arc<Published> {
    let mut all = PUBLISHED.lock().expect("no test panics while it holds this");
    let make = || Published::new(api::Catalog::new(minor).expect("a supported minor")).expect("built-ins have sound schemas");
    all.entry(minor).or_insert_with(make).clone()
}

/// The store's engine, the server over whatever is on the disk, and a member of `system:masters`.
pub async fn start(
    disk: impl Backend + 'static,
    clock: SharedClock,
    (tasks, stop): (&TaskTracker, &CancellationToken),
    edit: impl FnOnce(&mut Parts),
) -> (Engine, Arc<ApiServer>, Client) {
    let engine = Engine::open(Arc::new(disk), &Keyring::key([7; 32]), EngineOptions::default()).expect("a sound disk");
    let config = Config {
        cluster: "test".into(),
        minor: MINOR,
        git_version: format!("v1.{MINOR}.0"),
        service_cidr: Some("10.100.0.0/16".parse().expect("a range")),
        node_ports: NODE_PORTS,
        max_object_bytes: MAX_OBJECT_BYTES,
        issuer: ISSUER.into(),
        token_audiences: vec![AUDIENCE.into()],
        access: Arc::new(AccessIndex::new(Policies::published())),
        caller_verifier: None,
        kubelet: None,
    };
    let mut parts = Parts {
        config,
        published: published(MINOR),
        store: engine.cluster("test").await.expect("a cluster"),
        issuer: Arc::new(Issuer::new(ISSUER, KEY.clone(), vec![AUDIENCE.into()])),
        clock,
        tasks: tasks.clone(),
        stop: stop.clone(),
    };
    edit(&mut parts);
    let server = ApiServer::start(parts).await.expect("an API server");
    let admin = server.client(User::authenticated("admin", [meta::user::MASTERS]));
    (engine, server, admin)
}
