//! The AWS endpoint inside every VPC, under the names that AWS gives it.

use crate::aws_http::AwsHandler;
use crate::control_plane::server_tls;
use crate::keys::Keys;
use agent::VpcServices;
use aws_service::Endpoint;
use meta::time::SharedClock;
use reconcile::Runtime;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;

pub struct VpcEndpoint {
    pub endpoint: Arc<Endpoint>,
    /// The service's: whoever trusts its authority outside does so inside.
    pub keys: Arc<Keys>,
    pub clock: SharedClock,
    pub region: String,
}

impl VpcServices for VpcEndpoint {
    fn serve(&self, vpc: &str, address: Ipv4Addr, listener: TcpListener, runtime: &Runtime) -> Result<(), String> {
        let names = [format!("*.{}.amazonaws.com", self.region), "*.amazonaws.com".into(), address.to_string()];
        let tls = server_tls(&self.keys, &names, &self.clock).map_err(|e| e.to_string())?;
        let server = serve::Server { listener, tls: Some(Arc::new(tls)), plain: false };
        tracing::debug!(vpc, %address, "the AWS endpoint answers inside the VPC");
        let handler = Arc::new(AwsHandler(self.endpoint.clone()));
        runtime.tasks.spawn(server.run(handler, runtime.tasks.clone(), runtime.stop.clone()));
        Ok(())
    }
}
