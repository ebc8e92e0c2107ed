//! Exec, attach and port-forward: the client's streams meet the container's.

use super::KubeletServer;
use super::query::Asked;
use super::reply::Failure;
use super::route::StreamTarget;
use crate::LookupError;
use futures::FutureExt;
use http::{Request, Response};
use node_os::netns::NetNs;
use runtime::cri::{ContainerRuntime, Error, ExecConfig, Streams, TerminalSize};
use serve::{Body, RequestBody, full};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use streams::remote_command::{self, Outcome, Session, Wanted};
use streams::{Purpose, Upgrade, port_forward, upgrade};
use tokio::net::TcpStream;

/// Connects to a port on the loopback of a network namespace.
#[async_trait::async_trait]
pub trait PodDialer: Send + Sync + 'static {
    async fn dial(&self, network_namespace: &Path, port: u16) -> io::Result<TcpStream>;
}

/// The real one.
pub struct NamespaceDialer;

#[async_trait::async_trait]
impl PodDialer for NamespaceDialer {
    async fn dial(&self, network_namespace: &Path, port: u16) -> io::Result<TcpStream> {
        NetNs::open(network_namespace)?.connect_tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
    }
}

/// What opens the streams: a new process, or one that runs.
#[derive(Clone, Copy)]
enum Kind {
    Exec,
    Attach,
}

impl From<LookupError> for Failure {
    fn from(error: LookupError) -> Self {
        let code = match error {
            LookupError::NoPod(_) | LookupError::NoContainer { .. } | LookupError::NotRunning(_) => 404,
            LookupError::Waiting { .. } | LookupError::NoPrevious { .. } => 400,
        };
        Failure::new(code, error.to_string())
    }
}

impl KubeletServer {
    pub(super) fn exec(&self, target: StreamTarget, request: Request<RequestBody>) -> Result<Response<Body>, Failure> {
        if !request.uri().query().unwrap_or_default().split('&').any(|pair| pair.starts_with("command=")) {
            return Err(Failure::bad_request("you must specify at least one command for the container"));
        }
        self.remote_command(Kind::Exec, &target, request)
    }

    pub(super) fn attach(&self, target: StreamTarget, request: Request<RequestBody>) -> Result<Response<Body>, Failure> {
        self.remote_command(Kind::Attach, &target, request)
    }

    fn remote_command(
        &self,
        kind: Kind,
        target: &StreamTarget,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Body>, Failure> {
        let Asked { mut wanted, command } =
            Asked::parse(request.uri().query().unwrap_or_default()).map_err(Failure::bad_request)?;
        let StreamTarget { namespace, pod, uid, container } = target;
        let found = self.parts.pods.running_container(namespace, pod, uid, container)?;
        if matches!(kind, Kind::Attach) {
            // Whether a process has a terminal was decided when it was started.
            wanted.tty = found.tty;
            wanted.stderr &= !found.tty;
        }
        let (upgrade, response) = upgrade::begin(&mut request, Purpose::RemoteCommand)?;
        let runtime = self.parts.runtime.clone();
        let protocol = upgrade.protocol;
        self.beside(upgrade, move |io| async move {
            let command = |session| run(runtime, kind, found.id, wanted, command, session);
            remote_command::serve(io, protocol, wanted, command).await
        })?;
        Ok(response.map(|()| full("")))
    }

    pub(super) fn port_forward(
        &self,
        namespace: &str,
        pod: &str,
        uid: &str,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Body>, Failure> {
        let found = self.parts.pods.sandbox(namespace, pod, uid)?;
        let (upgrade, response) = upgrade::begin(&mut request, Purpose::PortForward)?;
        let (dialer, pod, protocol) = (self.parts.dialer.clone(), pod.to_owned(), upgrade.protocol);
        self.beside(upgrade, move |io| async move {
            let dial = move |port| dial(dialer.clone(), found.network_namespace.clone(), port, pod.clone(), found.uid.clone());
            port_forward::serve(io, protocol, dial).await
        })?;
        Ok(response.map(|()| full("")))
    }

    /// Lets the session live beside the request that began it, until its end or the server's.
    fn beside<S, F>(&self, upgrade: Upgrade, session: S) -> Result<(), Failure>
    where
        S: FnOnce(hyper_util::rt::TokioIo<hyper::upgrade::Upgraded>) -> F + Send + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let place = self.open.clone().try_acquire_owned();
        let place = place.map_err(|_| Failure::new(503, "too many streams are open"))?;
        let stop = self.parts.stop.clone();
        self.parts.tasks.spawn(async move {
            let work = async { session(upgrade.connection().await?).await };
            if let Some(Err(error)) = stop.run_until_cancelled(work).await {
                tracing::debug!(%error, "a stream ended");
            }
            drop(place);
        });
        Ok(())
    }
}

async fn dial(dialer: Arc<dyn PodDialer>, namespace: PathBuf, port: u16, pod: String, uid: String) -> Result<TcpStream, String> {
    dialer.dial(&namespace, port).await.map_err(|error| {
        let why = if error.kind() == io::ErrorKind::ConnectionRefused {
            format!("dial tcp4 127.0.0.1:{port}: connect: connection refused")
        } else {
            error.to_string()
        };
        let namespace = namespace.display();
        format!(
            "error forwarding port {port} to pod {pod}, uid {uid}: failed to connect to localhost:{port} inside namespace {namespace}, IPv4: {why}"
        )
    })
}

async fn run(
    runtime: Arc<dyn ContainerRuntime>,
    kind: Kind,
    id: String,
    wanted: Wanted,
    command: Vec<String>,
    session: Session,
) -> Outcome {
    let Wanted { stdin, stdout, stderr, tty } = wanted;
    let config = ExecConfig { command, tty, stdin, stdout, stderr };
    let opened = match kind {
        Kind::Exec => runtime.exec(&id, &config).await,
        Kind::Attach => runtime.attach(&id, &config).await,
    };
    let outcome = match opened {
        Ok(streams) => exchange(streams, session).await,
        Err(error) => Err(error),
    };
    match (kind, outcome) {
        (Kind::Exec, Ok(code)) => Outcome::Exited(code),
        // How the container's own process ends is its pod's status, not the attach's.
        (Kind::Attach, Ok(_)) => Outcome::Exited(0),
        (Kind::Exec, Err(error)) => Outcome::Failed(format!("error executing command in container: {error}")),
        (Kind::Attach, Err(error)) => Outcome::Failed(format!("error attaching to container: {error}")),
    }
}

/// Both directions until the process has ended and everything it wrote is sent.
async fn exchange(streams: Streams, session: Session) -> Result<i32, Error> {
    let Session { stdin: typed, stdout: shown, stderr: complained, resize: sizes } = session;
    let Streams { stdin, stdout, stderr, resize, exit } = streams;
    let input = async move {
        if let (Some(mut typed), Some(stdin)) = (typed, stdin) {
            // A process that has closed its input, or a client that left: either way nothing more goes in.
            drop(typed.copy_to(stdin).await);
        }
    };
    let resizes = async move {
        let Some(mut sizes) = sizes else { return };
        while let Some((width, height)) = sizes.next().await {
            if resize.send(TerminalSize { width, height }).await.is_err() {
                return;
            }
        }
    };
    let output = |shown: Option<streams::Outgoing>, stream: Option<runtime::cri::Reader>| async move {
        if let (Some(mut shown), Some(stream)) = (shown, stream) {
            // The end of a terminal is an error of its reader (EIO); a client that left ends the session by itself.
            drop(shown.copy_from(stream).await);
            // As above.
            drop(shown.finish().await);
        }
    };
    let ended = async move {
        tokio::join!(output(shown, stdout), output(complained, stderr));
        exit.await.unwrap_or_else(|_| Err(Error::Internal("the container's shim is gone".into())))
    };
    let side = async move {
        tokio::join!(input, resizes);
    };
    // Input may end long before the process does, and the process while input is still open.
    let side = side.then(|()| std::future::pending::<Result<i32, Error>>());
    tokio::select! {
        ended = ended => ended,
        never = side => never,
    }
}
