//! The stories that are told of simulated clusters, told again of real ones: containers on nodes, and a clock that nobody
//! moves.

use crate::archive::{Entry, archive};
use crate::binary::{Home, Running};
use crate::kube::Kube;
use crate::sandbox;
use crate::stage::{Acts, NODES, Stage, condition};
use crate::stories::{a_drain_in_the_middle_of_a_rollout, a_lost_node_is_replaced};
use client::{Client, Resource};
use client_http::{Config, HttpTransport, TokenSource};
use meta::Doc;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const ACCOUNTS: Resource = Resource::new("", "v1", "serviceaccounts");
/// Debian's busybox-static.
const BUSYBOX: &str = "/bin/busybox";
const APPLETS: [&str; 3] = ["bin/sh", "bin/sleep", "bin/httpd"];
/// Less than the five minutes of pods that say nothing.
const TOLERATED: Duration = Duration::from_secs(10);

/// As long as the token of `aws eks get-token`: quarter of an hour.
struct Token(String);

#[async_trait::async_trait]
impl TokenSource for Token {
    async fn token(&self) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

/// A cluster with a node in each of three zones.
struct World {
    admin: Client,
    /// It ends before its home does.
    _service: Running,
    home: Home,
    /// By the names of the nodes that they are.
    instances: BTreeMap<String, String>,
}

impl Stage for World {
    fn admin(&self) -> &Client {
        &self.admin
    }
    fn silence(&self, node: &str) {
        self.signal(node, "-STOP");
    }
    fn bring_back(&self, node: &str) {
        self.signal(node, "-CONT");
    }
    fn template(&self, version: &str, ready_after: u32) -> Doc {
        let toleration = |of: &str| {
            let key = format!("node.kubernetes.io/{of}");
            json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": TOLERATED.as_secs()})
        };
        json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "tolerations": [toleration("not-ready"), toleration("unreachable")], "terminationGracePeriodSeconds": 1,
                "containers": [{
                    "name": "c", "image": format!("web:{version}"),
                    "command": ["sh", "-c", format!("sleep {ready_after}; exec httpd -f -p 80")],
                    "readinessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 1},
                }],
            },
        })
    }
    fn tolerated(&self) -> Duration {
        TOLERATED
    }
    fn moment(&self) -> Duration {
        Duration::from_secs(30)
    }
    fn patience(&self) -> Duration {
        Duration::from_secs(180)
    }
}

impl World {
    async fn start() -> Self {
        let home = Home::new();
        let service = home.up().await;
        load_images(&home).await;
        service.create("demo").await;
        let cluster = service.active("demo").await;
        let input = json!({
            "clusterName": "demo", "nodegroupName": "web", "nodeRole": "arn:aws:iam::123456789012:role/AmazonEKSNodeRole",
            "subnets": cluster["resourcesVpcConfig"]["subnetIds"],
            "scalingConfig": {"minSize": 3, "maxSize": 3, "desiredSize": 3},
        });
        service.aws.ok("eks", "CreateNodegroup", input).await;
        let admin = client(&cluster, service.aws.cluster_token("demo")).await;
        let mut world = Self { admin, _service: service, home, instances: BTreeMap::new() };
        let mut nodes = world.follow(NODES).await;
        let ready = nodes.until("ready nodes", |nodes| nodes.iter().filter(|node| is_ready(node)).count() == 3).await;
        world.instances = ready.iter().map(instance_of).collect();
        world.follow(ACCOUNTS).await.until("an account for pods", |accounts| !accounts.is_empty()).await;
        world
    }

    fn some_node(&self) -> &str {
        self.instances.keys().next().expect("a node")
    }

    /// To the process of the node, not to those of its pods.
    fn signal(&self, node: &str, signal: &str) {
        let directory = self.home.state_dir().instances().join(&self.instances[node]);
        let process = std::fs::read(directory.join("process.json")).expect("a node's process");
        let process: Doc = serde_json::from_slice(&process).expect("JSON");
        let sent = std::process::Command::new("kill").args([signal, &process["pid"].to_string()]).status();
        assert!(sent.expect("kill").success(), "{signal}");
    }
}

fn is_ready(node: &Doc) -> bool {
    condition(node, "Ready") == "True"
}

/// With the node's name: `aws:///us-east-1a/i-0123` is the instance `i-0123`.
fn instance_of(node: &Doc) -> (String, String) {
    let text = |pointer: &str| node.pointer(pointer).and_then(Doc::as_str).expect("a node of EC2").to_owned();
    let id = text("/spec/providerID");
    (text("/metadata/name"), id.rsplit('/').next().unwrap_or_default().to_owned())
}

/// `web:v1` and `web:v2`, which differ in their names.
async fn load_images(home: &Home) {
    let busybox = std::fs::read(BUSYBOX).expect("Debian's busybox-static");
    let path = home.directory.path().join("web.tar");
    let mut entries = vec![Entry::Program("bin/busybox", &busybox)];
    entries.extend(APPLETS.map(|applet| Entry::Link(applet, "busybox")));
    for name in ["web:v1", "web:v2"] {
        std::fs::write(&path, archive(name, &entries)).expect("an archive");
        home.ok(&["image", "load", path.to_str().expect("text")]).await;
    }
}

async fn client(cluster: &Doc, token: String) -> Client {
    let kube = Kube::of(cluster, token);
    let uri: http::Uri = kube.endpoint.parse().expect("an endpoint");
    let authority = uri.authority().expect("an authority").to_string();
    let address = (uri.host().expect("a host").to_owned(), uri.port_u16().unwrap_or(443));
    let connect = move || -> client_http::Connecting {
        let address = address.clone();
        #[expect(clippy::disallowed_methods, reason = "endpoints are loopback addresses of the sandbox")]
        Box::pin(async move { tokio::net::TcpStream::connect(address).await })
    };
    let tls = Arc::new(client_http::tls_config(&kube.authority).expect("an authority"));
    let config = Config { authority, tls, connect: Arc::new(connect), token: Some(Arc::new(Token(kube.token))) };
    Client::new(Arc::new(HttpTransport::new(config).expect("an endpoint")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_node() {
    if !sandbox::inside("nodes::a_lost_node") {
        return;
    }
    let world = World::start().await;
    a_lost_node_is_replaced(&world, world.some_node(), 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_node() {
    if !sandbox::inside("nodes::a_drained_node") {
        return;
    }
    let world = World::start().await;
    a_drain_in_the_middle_of_a_rollout(&world, world.some_node()).await;
}
