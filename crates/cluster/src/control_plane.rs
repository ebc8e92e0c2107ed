//! A control plane: an API server over its part of the store, its controllers, and the socket it is reached on.

use crate::keys::{Keys, KeysError};
use apiserver::{
    ApiServer, CallerVerifier, Config, HttpHandler, KUBELET_CLIENT, KubeletConnection, KubeletDialer, MAX_OBJECT_BYTES,
    NODE_PORTS, Parts, Published, StartError,
};
use auth::access::AccessIndex;
use auth::pki::Leaf;
use auth::service_account::Issuer;
use controllers::{KindFacts, LoadBalancers, NodeNames};
use meta::User;
use meta::time::SharedClock;
use reconcile::Runtime;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use std::sync::Arc;
use storage::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[derive(Debug, thiserror::Error)]
pub enum ControlPlaneError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("cannot make the serving certificate: {0}")]
    Pki(#[from] auth::pki::PkiError),
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// What one control plane differs by.
pub struct Plan {
    pub name: String,
    pub published: Arc<Published>,
    pub store: Arc<dyn Store>,
    pub service_cidr: Option<ipnet::Ipv4Net>,
    pub issuer: String,
    pub access: Arc<AccessIndex>,
    pub caller_verifier: Option<Arc<dyn CallerVerifier>>,
    /// How its nodes are reached, if it has any.
    pub dialer: Option<Arc<dyn KubeletDialer>>,
    pub clock: SharedClock,
}

/// What controllers know of the cloud around a cluster.
pub struct Cloud {
    pub node_names: Arc<dyn NodeNames>,
    pub load_balancers: Arc<dyn LoadBalancers>,
}

/// A running control plane. Dropping it does not stop it; [`ControlPlane::stop`] does.
pub struct ControlPlane {
    pub server: Arc<ApiServer>,
    runtime: Runtime,
}

impl ControlPlane {
    /// Loads, bootstraps and starts the controllers. It is not reachable by others until [`ControlPlane::listen`].
    pub async fn start(plan: Plan, keys: &Keys) -> Result<Self, ControlPlaneError> {
        let runtime = Runtime::new();
        let minor = plan.published.catalog().minor();
        let audiences = vec!["https://kubernetes.default.svc".to_owned()];
        let issuer = Arc::new(Issuer::new(&plan.issuer, keys.signing.clone(), audiences.clone()));
        let kubelet = plan.dialer.map(|dialer| kubelet_connection(dialer, keys, &plan.clock)).transpose()?;
        let config = Config {
            cluster: plan.name,
            minor,
            git_version: crate::versions::git_version(minor),
            service_cidr: plan.service_cidr,
            node_ports: NODE_PORTS,
            max_object_bytes: MAX_OBJECT_BYTES,
            issuer: plan.issuer,
            token_audiences: audiences,
            access: plan.access,
            caller_verifier: plan.caller_verifier,
            kubelet,
        };
        let parts = Parts {
            config,
            published: plan.published,
            store: plan.store,
            issuer,
            clock: plan.clock,
            tasks: runtime.tasks.clone(),
            stop: runtime.stop.clone(),
        };
        match ApiServer::start(parts).await {
            Ok(server) => Ok(Self { server, runtime }),
            Err(error) => {
                runtime.shutdown().await;
                Err(error.into())
            }
        }
    }

    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Serves HTTPS on `listener` with a certificate for `names`, as long as the control plane runs.
    pub fn listen(
        &self,
        listener: TcpListener,
        names: &[String],
        keys: &Keys,
        clock: &SharedClock,
    ) -> Result<(), ControlPlaneError> {
        self.listen_until(&self.runtime.stop, listener, server_tls(keys, names, clock)?)
    }

    /// As [`ControlPlane::listen`], for a listener that may end before.
    pub fn listen_until(
        &self,
        stop: &CancellationToken,
        listener: TcpListener,
        tls: rustls::ServerConfig,
    ) -> Result<(), ControlPlaneError> {
        let server = serve::Server { listener, tls: Some(Arc::new(tls)), plain: false };
        let handler = Arc::new(HttpHandler::new(self.server.clone()));
        self.runtime.tasks.spawn(server.run(handler, self.runtime.tasks.clone(), stop.clone()));
        Ok(())
    }

    /// Starts what makes the cluster's objects true, and what gives its pods nodes.
    pub fn start_controllers(&self, kinds: Arc<[KindFacts]>, keys: &Keys, cloud: Cloud, clock: &SharedClock) {
        let server = self.server.clone();
        let informers = controllers::start(controllers::Context {
            client: Arc::new(move |user| server.client(user)),
            kinds,
            root_ca_pem: keys.authority.certificate_pem().to_owned(),
            authority: Some(keys.authority.clone()),
            node_names: Some(cloud.node_names),
            load_balancers: Some(cloud.load_balancers),
            clock: clock.clone(),
            runtime: self.runtime.clone(),
        });
        scheduler::start(scheduler::Context {
            client: self.server.client(User::authenticated::<String>(scheduler::USER, [])),
            informers,
            clock: clock.clone(),
            runtime: self.runtime.clone(),
        });
    }

    /// Ends watches and controllers, lets requests finish.
    pub async fn stop(&self) {
        self.runtime.shutdown().await;
    }
}

/// As the one user that kubelets let do everything.
fn kubelet_connection(
    dialer: Arc<dyn KubeletDialer>,
    keys: &Keys,
    clock: &SharedClock,
) -> Result<KubeletConnection, ControlPlaneError> {
    let identity = keys.authority.issue(&Leaf::client(KUBELET_CLIENT, &[]), clock.now())?;
    let (authority, key) = (keys.authority.certificate_der(), identity.key.to_pem());
    KubeletConnection::new(dialer, authority, &identity.certificate_der, &key)
        .map_err(|error| ControlPlaneError::Tls(error.to_string()))
}

/// A serving certificate of the cluster's authority, which also vouches for client certificates.
pub fn server_tls(keys: &Keys, names: &[String], clock: &SharedClock) -> Result<rustls::ServerConfig, ControlPlaneError> {
    let tls_error = |error: &dyn std::fmt::Display| ControlPlaneError::Tls(error.to_string());
    let identity = keys.authority.issue(&Leaf::api_server(names), clock.now())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(keys.authority.certificate_der().to_vec())).map_err(|e| tls_error(&e))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|e| tls_error(&e))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.to_pem().as_bytes()).map_err(|e| tls_error(&e))?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| tls_error(&e))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![CertificateDer::from(identity.certificate_der)], key)
        .map_err(|e| tls_error(&e))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
