//! A control plane and a kubelet's server in this process, and kubectl beside it.

use crate::plane;
use crate::processes::Processes;
use apiserver::{HttpHandler, KUBELET_CLIENT, KubeletConnection, KubeletDialer};
use auth::pki::{CertificateAuthority, Leaf, Usage};
use client::{Client, Resource};
use kubelet::server::{ApiAuth, KubeletServer, PodDialer, ServerParts, ServingCertificate, server_config};
use kubelet::{FoundContainer, FoundPod, LookupError, PodLookup};
use meta::{Clock, Doc, SystemClock, User};
use rustls::ServerConfig;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use storage::backend::SimDisk;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub struct World {
    pub directory: tempfile::TempDir,
    processes: Arc<Processes>,
    log: PathBuf,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What a program said and how it ended.
pub struct Said {
    pub code: i32,
    pub stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Said {
    pub fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("UTF-8")
    }
    pub fn stderr(&self) -> &str {
        std::str::from_utf8(&self.stderr).expect("UTF-8")
    }
}

/// Ended with its owner.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

struct Loopback;

#[async_trait::async_trait]
impl KubeletDialer for Loopback {
    #[expect(clippy::disallowed_methods, reason = "the suite's own listener on loopback")]
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }
}

#[async_trait::async_trait]
impl PodDialer for Loopback {
    #[expect(clippy::disallowed_methods, reason = "the suite's own listener on loopback")]
    async fn dial(&self, _: &Path, port: u16) -> io::Result<TcpStream> {
        TcpStream::connect(("127.0.0.1", port)).await
    }
}

/// One pod `p` with one container `main`.
struct OnePod(PathBuf);

impl OnePod {
    fn found(&self, pod: &str) -> Result<FoundContainer, LookupError> {
        if pod != "p" {
            return Err(LookupError::NoPod(pod.into()));
        }
        let (pod_uid, name, id) = ("u".into(), "main".into(), "c".into());
        Ok(FoundContainer { pod_uid, name, id, running: true, log_path: self.0.clone(), tty: false, stdin: true })
    }
}

impl PodLookup for OnePod {
    fn running_container(&self, _: &str, pod: &str, _: &str, _: &str) -> Result<FoundContainer, LookupError> {
        self.found(pod)
    }
    fn logged_container(&self, _: &str, pod: &str, container: &str, previous: bool) -> Result<FoundContainer, LookupError> {
        if previous {
            return Err(LookupError::NoPrevious { pod: pod.into(), container: container.into() });
        }
        self.found(pod)
    }
    fn sandbox(&self, _: &str, _: &str, _: &str) -> Result<FoundPod, LookupError> {
        Ok(FoundPod { uid: "u".into(), network_namespace: "/proc/self/ns/net".into() })
    }
    fn pod_list(&self) -> Doc {
        json!({ "kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [] })
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    (listener, address)
}

fn tls(authority: &CertificateAuthority) -> Arc<ServerConfig> {
    let certificate = Arc::new(ServingCertificate::default());
    let leaf = Leaf { names: vec!["127.0.0.1".into()], ..Leaf::api_server(&[]) };
    let leaf = Leaf { usage: Usage::Server, ..leaf };
    let identity = authority.issue(&leaf, SystemClock.now()).expect("a certificate");
    let chain = auth::pki::pem_encode("CERTIFICATE", &identity.certificate_der);
    certificate.set(&chain, &identity.key.to_pem()).expect("a sound pair");
    server_config(authority.certificate_pem(), certificate).expect("a sound authority")
}

impl World {
    /// None: there is no kubectl.
    pub async fn start() -> Option<Self> {
        if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
            println!("skipped: there is no kubectl");
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("0.log");
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let authority = CertificateAuthority::generate("suite", SystemClock.now()).expect("an authority");
        let clock = Arc::new(SystemClock);
        let kubelet = Some(to_kubelets(&authority));
        let (_, server, admin) =
            plane::start(SimDisk::default(), clock.clone(), (&tasks, &stop), |parts| parts.config.kubelet = kubelet).await;
        let (tcp, api_address) = listener().await;
        let handler = Arc::new(HttpHandler::new(server.clone()));
        let https = serve::Server { listener: tcp, tls: Some(tls(&authority)), plain: false };
        tasks.spawn(https.run(handler, tasks.clone(), stop.clone()));

        let node = User::authenticated("system:node:n1", [meta::user::NODES]);
        let processes = Arc::new(Processes::new(tasks.clone()));
        let kubelet = KubeletServer::new(ServerParts {
            node_name: "n1".into(),
            pods: Arc::new(OnePod(log.clone())),
            runtime: processes.clone(),
            auth: Arc::new(ApiAuth::new(server.client(node), "n1", clock.clone())),
            dialer: Arc::new(Loopback),
            clock,
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let (tcp, kubelet_address) = listener().await;
        let https = serve::Server { listener: tcp, tls: Some(tls(&authority)), plain: false };
        tasks.spawn(https.run(kubelet, tasks.clone(), stop.clone()));
        make_objects(&admin, kubelet_address.port()).await;
        write_kubeconfig(directory.path(), &authority, api_address);
        Some(Self { directory, processes, log, tasks, stop })
    }

    pub fn command_line(&self) -> String {
        format!("kubectl --kubeconfig={} -n suite", self.directory.path().join("config").display())
    }

    fn command(&self, program: &str, websockets: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets)
            .env("KUBECTL_PORT_FORWARD_WEBSOCKETS", websockets)
            .env("HOME", self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn spawn(&self, args: &[&str], websockets: &str) -> Running {
        let config = self.directory.path().join("config");
        let mut command = self.command("kubectl", websockets);
        command.arg("--kubeconfig").arg(config).args(["-n", "suite"]).args(args);
        Running(command.spawn().expect("kubectl starts"))
    }

    pub fn kubectl(&self, args: &[&str], websockets: &str, input: &[u8]) -> Said {
        finish(self.spawn(args, websockets), input)
    }

    pub fn shell(&self, line: &str, websockets: &str) -> Said {
        finish(Running(self.command("sh", websockets).args(["-c", line]).spawn().expect("sh starts")), b"")
    }

    /// A server that says back what it hears.
    pub async fn echo_server(&self) -> u16 {
        let (listener, address) = listener().await;
        let (tasks, stop) = (self.tasks.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            while let Some(Ok((mut stream, _))) = stop.run_until_cancelled(listener.accept()).await {
                tasks.spawn(async move {
                    let (mut reader, mut writer) = stream.split();
                    drop(tokio::io::copy(&mut reader, &mut writer).await);
                });
            }
        });
        address.port()
    }

    pub fn log(&self, stream: &str, lines: &[&str]) {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.log).expect("a log");
        for line in lines {
            writeln!(file, "2026-01-01T00:00:00.000000000Z {stream} F {line}").expect("written");
        }
    }

    pub fn rotate(&self) {
        std::fs::rename(&self.log, self.log.with_extension("log.1")).expect("rotated");
    }

    pub fn end_container(&self) {
        self.processes.end();
    }
}

pub fn kubectl(world: &World, args: &[&str]) -> Said {
    world.kubectl(args, "true", b"")
}

fn finish(mut running: Running, input: &[u8]) -> Said {
    tokio::task::block_in_place(|| {
        let mut stdin = running.0.stdin.take().expect("piped");
        let input = input.to_vec();
        let typing = std::thread::Builder::new().spawn(move || {
            // A program need not read it all.
            drop(stdin.write_all(&input));
        });
        let mut stderr = running.0.stderr.take().expect("piped");
        let complaints = std::thread::Builder::new().spawn(move || {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut stderr, &mut bytes).expect("readable");
            bytes
        });
        let mut stdout = Vec::new();
        io::Read::read_to_end(running.0.stdout.as_mut().expect("piped"), &mut stdout).expect("readable");
        let code = running.0.wait().expect("a child of ours").code().unwrap_or(-1);
        let stderr = complaints.expect("a thread").join().expect("it read");
        typing.expect("a thread").join().expect("it wrote");
        Said { code, stdout, stderr }
    })
}

fn to_kubelets(authority: &CertificateAuthority) -> KubeletConnection {
    let identity = authority.issue(&Leaf::client(KUBELET_CLIENT, &[]), SystemClock.now()).expect("a certificate");
    let (der, key) = (authority.certificate_der(), identity.key.to_pem());
    KubeletConnection::new(Arc::new(Loopback), der, &identity.certificate_der, &key).expect("a sound pair")
}

async fn make_objects(admin: &Client, kubelet_port: u16) {
    let core = |plural| Resource::new("", "v1", plural);
    let make = async |plural, namespace: &str, doc: Doc| drop(admin.create(core(plural), namespace, doc).await.expect("made"));
    make("namespaces", "", json!({"metadata": {"name": "suite"}})).await;
    make("serviceaccounts", "suite", json!({"metadata": {"name": "default"}})).await;
    make("nodes", "", json!({"metadata": {"name": "n1"}})).await;
    let status = json!({"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet_port}}}});
    admin.patch(core("nodes"), "", "n1", "status", status).await.expect("patched");
    let container = json!({"name": "main", "image": "i", "stdin": true});
    make("pods", "suite", json!({"metadata": {"name": "nowhere"}, "spec": {"containers": [container]}})).await;
    make("pods", "suite", json!({"metadata": {"name": "p"}, "spec": {"nodeName": "n1", "containers": [container]}})).await;
    let status = json!({"status": {"phase": "Running", "containerStatuses": [
        {"name": "main", "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {}}}]}});
    admin.patch(core("pods"), "suite", "p", "status", status).await.expect("patched");
}

fn write_kubeconfig(directory: &Path, authority: &CertificateAuthority, address: SocketAddr) {
    let identity = authority.issue(&Leaf::client("admin", &[meta::user::MASTERS]), SystemClock.now()).expect("a certificate");
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let ca = write("ca.pem", authority.certificate_pem());
    let certificate = write("cert.pem", &auth::pki::pem_encode("CERTIFICATE", &identity.certificate_der));
    let key = write("key.pem", &identity.key.to_pem());
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("https://{address}"), "certificate-authority": ca}}],
        "users": [{"name": "u", "user": {"client-certificate": certificate, "client-key": key}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    });
    write("config", &config.to_string());
}
