//! The transport against a real API server over TLS.

#[path = "../../apiserver/tests/plane/mod.rs"]
mod plane;

use apiserver::{ApiServer, HttpHandler};
use auth::pki::{CertificateAuthority, Leaf};
use client::{
    Body, Call, Client, DeleteOptions, EventKind, Options, PatchKind, Preconditions, ReplyBody, Resource, Verb, WatchItem,
};
use client_http::{Connect, HttpTransport, TokenSource, connect_tls, connect_to, status_of, tls_config, unverified_tls_config};
use futures::StreamExt;
use http_body_util::Full;
use meta::{Clock, Doc, Reason, SystemClock};
use reconcile::{Informers, Runtime};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use storage::Engine;
use storage::backend::SimDisk;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const CONFIG_MAPS: Resource = Resource::new("", "v1", "configmaps");

struct World {
    address: SocketAddr,
    authority: CertificateAuthority,
    admin: Client,
    runtime: Runtime,
    /// Sockets live and die with threads of their own.
    listening: Option<tokio::runtime::Runtime>,
    server: Arc<ApiServer>,
    engine: Engine,
}

impl World {
    async fn start() -> Self {
        let runtime = Runtime::new();
        let until = (&runtime.tasks, &runtime.stop);
        let (engine, server, admin) = plane::start(SimDisk::default(), Arc::new(SystemClock), until, |_| {}).await;
        let authority = CertificateAuthority::generate("test", SystemClock.now()).expect("an authority");
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut world = Self { address, authority, admin, runtime, listening: None, server, engine };
        world.listen().await;
        world
    }

    async fn listen(&mut self) {
        let identity = self.authority.issue(&Leaf::api_server(&["127.0.0.1".into()]), SystemClock.now()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(identity.key.to_pem().as_bytes()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
        let mut tls = tls
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(identity.certificate_der)], key)
            .expect("a pair");
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
        let (handler, address) = (Arc::new(HttpHandler::new(self.server.clone())), self.address);
        let (bound, listens) = tokio::sync::oneshot::channel();
        threads.spawn(async move {
            let listener = tokio::net::TcpListener::bind(address).await.expect("a port");
            bound.send(listener.local_addr().expect("bound")).expect("somebody waits");
            let serving = serve::Server { listener, tls: Some(Arc::new(tls)), plain: false };
            serving.run(handler, TaskTracker::new(), CancellationToken::new()).await;
        });
        self.address = listens.await.expect("it listens");
        self.listening = Some(threads);
    }

    /// As a process that is killed: connections break.
    fn hang_up(&mut self) {
        if let Some(threads) = self.listening.take() {
            threads.shutdown_background();
        }
    }

    /// As service account default/robot, which may do everything with config maps.
    async fn robot(&self, protocols: &[&[u8]]) -> Client {
        let account = Resource::new("", "v1", "serviceaccounts");
        self.admin.create(account, "default", json!({"metadata": {"name": "robot"}})).await.expect("an account");
        let role =
            json!({"metadata": {"name": "robot"}, "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]});
        let binding = json!({
            "metadata": {"name": "robot"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "robot"},
            "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": "default"}],
        });
        for (plural, doc) in [("clusterroles", role), ("clusterrolebindings", binding)] {
            self.admin.create(Resource::new("rbac.authorization.k8s.io", "v1", plural), "", doc).await.expect("granted");
        }
        let asked = Call::new(Verb::Create, Resource::new("", "v1", "serviceaccounts").gvr(), "default", "robot");
        let asked = asked.subresource("token").body(json!({"spec": {"audiences": [plane::AUDIENCE]}}));
        let token = match self.admin.call(asked).await.expect("a token").body {
            ReplyBody::Doc(doc) => doc["status"]["token"].as_str().expect("a token").to_owned(),
            other => panic!("{other:?}"),
        };
        self.client(protocols, Some(Arc::new(Token(token)))).0
    }

    /// And how often it connected.
    fn client(&self, protocols: &[&[u8]], token: Option<Arc<dyn TokenSource>>) -> (Client, Arc<AtomicUsize>) {
        let mut tls = tls_config(self.authority.certificate_pem()).expect("roots");
        tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let connected = Arc::new(AtomicUsize::new(0));
        let (plain, count) = (connect_to(self.address), connected.clone());
        let connect: Connect = Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            plain()
        });
        let config = client_http::Config { authority: self.address.to_string(), tls: Arc::new(tls), connect, token };
        (Client::new(Arc::new(HttpTransport::new(config).expect("an authority"))), connected)
    }

    async fn stop(mut self) {
        self.hang_up();
        self.runtime.shutdown().await;
        drop((self.server, self.admin));
        self.engine.close().await;
    }
}

struct Token(String);

#[async_trait::async_trait]
impl TokenSource for Token {
    async fn token(&self) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

fn map(name: &str, value: &str) -> Doc {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"app": "a"}}, "data": {"k": value}})
}

async fn every_verb(client: &Client) {
    let made = client.create(CONFIG_MAPS, "default", map("one", "1")).await.expect("created");
    assert!(made.revision > 0);
    client.create(CONFIG_MAPS, "default", map("two", "2")).await.expect("created");
    let again = client.create(CONFIG_MAPS, "default", map("one", "1")).await.expect_err("there already");
    assert_eq!(again.reason, Reason::AlreadyExists);
    assert_eq!(again.details["name"], "one");
    assert!(client.find(CONFIG_MAPS, "default", "none").await.expect("an answer").is_none());
    let paged = Options { label_selector: "app=a".into(), limit: 1, ..Options::default() };
    let page = client.list(CONFIG_MAPS, "default", paged.clone()).await.expect("a page");
    assert_eq!((page.items.len(), page.continue_token.is_empty()), (1, false));
    let rest = Options { continue_token: page.continue_token, ..paged };
    assert_eq!(client.list(CONFIG_MAPS, "default", rest).await.expect("the rest").items[0].meta.name, "two");
    let mut doc = made.to_doc();
    doc["data"]["k"] = "new".into();
    client.update(CONFIG_MAPS, "default", "one", doc.clone()).await.expect("updated");
    assert_eq!(client.update(CONFIG_MAPS, "default", "one", doc).await.expect_err("stale").reason, Reason::Conflict);
    for (kind, patch) in [
        (PatchKind::Json, json!([{"op": "add", "path": "/data/json", "value": "x"}])),
        (PatchKind::Merge, json!({"data": {"merge": "x"}})),
        (PatchKind::Strategic, json!({"data": {"strategic": "x"}})),
    ] {
        let mut call = Call::new(Verb::Patch, CONFIG_MAPS.gvr(), "default", "one");
        call.body = Body::Patch(kind, patch);
        assert!(matches!(client.call(call).await.expect("patched").body, ReplyBody::Object(_)), "{kind:?}");
    }
    assert_eq!(client.get(CONFIG_MAPS, "default", "one").await.expect("it").get("/data").as_object().map(|d| d.len()), Some(4));
    let preconditions = Preconditions { uid: Some("other".into()), resource_version: None };
    let other = DeleteOptions { preconditions, ..DeleteOptions::default() };
    assert_eq!(client.delete(CONFIG_MAPS, "default", "one", other).await.expect_err("another").reason, Reason::Conflict);
    client.delete(CONFIG_MAPS, "default", "one", DeleteOptions::default()).await.expect("deleted");
    let selected = Options { label_selector: "app=a".into(), ..Options::default() };
    client.delete_collection(CONFIG_MAPS, "default", selected).await.expect("deleted");
    assert!(client.find(CONFIG_MAPS, "default", "two").await.expect("an answer").is_none());
    let secrets = client.list(Resource::new("", "v1", "secrets"), "default", Options::default()).await;
    assert_eq!(secrets.expect_err("not allowed").reason, Reason::Forbidden);
}

#[tokio::test]
async fn every_verb_over_both_versions_of_http() {
    let world = World::start().await;
    let robot = world.robot(&[b"h2"]).await;
    every_verb(&robot).await;
    let token = world.client(&[b"http/1.1"], None).0;
    assert!(matches!(token.list(CONFIG_MAPS, "default", Options::default()).await, Err(s) if s.reason == Reason::Forbidden));
    let wrong = world.client(&[b"h2"], Some(Arc::new(Token("nonsense".into())))).0;
    assert!(matches!(wrong.list(CONFIG_MAPS, "default", Options::default()).await, Err(s) if s.reason == Reason::Unauthorized));
    world.stop().await;
    let world = World::start().await;
    let robot = world.robot(&[b"http/1.1"]).await;
    every_verb(&robot).await;
    world.stop().await;
}

#[tokio::test]
async fn a_watch_delivers_events_and_errors() {
    let world = World::start().await;
    let robot = world.robot(&[b"h2"]).await;
    let list = robot.list(CONFIG_MAPS, "default", Options::default()).await.expect("a list");
    let from = Options { resource_version: list.revision.to_string(), ..Options::default() };
    let mut watch = robot.watch(CONFIG_MAPS, "default", from).await.expect("a watch");
    robot.create(CONFIG_MAPS, "default", map("one", "1")).await.expect("created");
    robot.patch(CONFIG_MAPS, "default", "one", "", json!({"data": {"big": "x".repeat(900_000)}})).await.expect("patched");
    robot.delete(CONFIG_MAPS, "default", "one", DeleteOptions::default()).await.expect("deleted");
    for expected in [EventKind::Added, EventKind::Modified, EventKind::Deleted] {
        match watch.next().await {
            Some(WatchItem::Event(event)) => assert_eq!((event.kind, event.object.meta.name.as_str()), (expected, "one")),
            other => panic!("{other:?}"),
        }
    }
    let denied = robot.watch(Resource::new("", "v1", "secrets"), "default", Options::default()).await;
    assert!(matches!(denied, Err(status) if status.reason == Reason::Forbidden));
    world.stop().await;
}

#[tokio::test]
async fn an_informer_outlives_its_server() {
    let mut world = World::start().await;
    let robot = world.robot(&[b"h2"]).await;
    let runtime = Runtime::new();
    let informer = Informers::new(robot, runtime.tasks.clone(), runtime.stop.clone()).get(CONFIG_MAPS);
    informer.synced().await;
    let (sender, mut seen) = tokio::sync::mpsc::channel(64);
    informer.on_change(move |change| {
        // The test ends before more comes than fits.
        drop(sender.try_send((change.object().meta.name.clone(), change.new.is_some())));
    });
    world.hang_up();
    world.admin.create(CONFIG_MAPS, "default", map("meanwhile", "1")).await.expect("created");
    world.listen().await;
    while let Some((name, there)) = seen.recv().await {
        if name == "meanwhile" && there {
            break;
        }
    }
    runtime.shutdown().await;
    world.stop().await;
}

#[tokio::test]
async fn a_probe_trusts_whoever_answers() {
    let world = World::start().await;
    let name = ServerName::try_from("whoever.example").expect("a name");
    let stranger = CertificateAuthority::generate("stranger", SystemClock.now()).expect("an authority");
    let verified = Arc::new(tls_config(stranger.certificate_pem()).expect("roots"));
    assert!(connect_tls(&connect_to(world.address), &verified, &name).await.is_err(), "everybody else asks who it is");
    let unverified = Arc::new(unverified_tls_config().expect("a configuration"));
    let stream = connect_tls(&connect_to(world.address), &unverified, &name).await.expect("connected");
    let request = http::Request::get("/readyz").header("host", "whoever.example").body(Full::default()).expect("a request");
    assert_eq!(status_of(stream, request).await.expect("an answer"), 200);
    world.stop().await;
}

#[tokio::test]
async fn calls_share_a_connection_and_nobody_is_trusted_by_name() {
    let world = World::start().await;
    let (client, connected) = world.client(&[b"h2"], None);
    let calls = (0..20).map(|_| client.find(CONFIG_MAPS, "default", "x"));
    futures::future::join_all(calls).await;
    assert_eq!(connected.load(Ordering::Relaxed), 1);
    let stranger = CertificateAuthority::generate("test", SystemClock.now()).expect("an authority");
    let config = client_http::Config {
        authority: world.address.to_string(),
        tls: Arc::new(tls_config(stranger.certificate_pem()).expect("roots")),
        connect: connect_to(world.address),
        token: None,
    };
    let client = Client::new(Arc::new(HttpTransport::new(config).expect("an authority")));
    let refused = client.find(CONFIG_MAPS, "default", "x").await.expect_err("another authority's");
    assert_eq!(refused.reason, Reason::ServiceUnavailable);
    world.stop().await;
}
