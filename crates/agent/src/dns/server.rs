//! Serves a zone over UDP and TCP.

use super::{Zone, answer};
use parking_lot::RwLock;
use reconcile::Runtime;
use serve::dns::{DnsServer, Transport};
use std::sync::Arc;
use tokio::net::{TcpListener, UdpSocket};

const MAX_CONNECTIONS: usize = 64;

pub type SharedZone = Arc<RwLock<Zone>>;

/// Answers on both until the runtime stops.
pub fn serve(udp: UdpSocket, tcp: TcpListener, zone: &SharedZone, runtime: &Runtime) {
    let zone = zone.clone();
    let resolver = move |query: &[u8], transport: Transport| answer(&zone.read(), query, transport);
    // Nobody else is asked.
    let server = DnsServer { udp, tcp, max_connections: MAX_CONNECTIONS, max_waiting: 0 };
    server.start(resolver, &runtime.tasks, &runtime.stop);
}
