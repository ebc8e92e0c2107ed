//! A management plane over a store in a directory, with the records of all cloud services.

use api::Catalog;
use apiserver::Published;
use auth::access::{AccessIndex, Policies};
use auth::service_account::SigningKey;
use cluster::{ControlPlane, Keys, Plan};
use meta::{Clock, SystemClock};
use std::path::Path;
use std::sync::Arc;
use storage::backend::Disk;
use storage::{Engine, EngineOptions, Keyring};

pub async fn start(directory: &Path) -> (ControlPlane, Engine) {
    let backend = Arc::new(Disk::new(directory).expect("a directory"));
    let engine = Engine::open(backend, &Keyring::file("keyring"), EngineOptions::default()).expect("a store");
    let clock = Arc::new(SystemClock);
    let keys = Keys::new(SigningKey::generate().expect("a key"), clock.now()).expect("keys");
    let records =
        [cloud_iam::records(), cloud_sts::records(), cloud_ec2::records(), cloud_eks::records(), cloud_elbv2::records()].concat();
    let plan = Plan {
        name: "management".into(),
        published: Published::new(Catalog::management(36, records).expect("tables")).expect("structural schemas"),
        store: engine.cluster("management").await.expect("a cluster in the store"),
        service_cidr: None,
        issuer: "https://oidc.example".into(),
        access: Arc::new(AccessIndex::new(Policies::published())),
        caller_verifier: None,
        dialer: None,
        clock,
    };
    (ControlPlane::start(plan, &keys).await.expect("a management plane"), engine)
}
