//! Serves a zone over UDP and TCP.

use super::{Zone, answer};
use parking_lot::RwLock;
use reconcile::Runtime;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;

/// The longest query that is read from a datagram.
const DATAGRAM_BYTES: usize = 4096;
/// Connections at a time; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 64;
/// How long a connection may say nothing (RFC 7766 leaves it to the server).
const IDLE: Duration = Duration::from_secs(10);
/// After an error of the socket itself.
const PAUSE: Duration = Duration::from_millis(100);

pub type SharedZone = Arc<RwLock<Zone>>;

/// Answers on both until the runtime stops.
pub fn serve(udp: UdpSocket, tcp: TcpListener, zone: &SharedZone, runtime: &Runtime) {
    let (stop, answering) = (runtime.stop.clone(), zone.clone());
    runtime.tasks.spawn(async move { stop.run_until_cancelled(datagrams(udp, answering)).await });
    let (runtime, zone) = (runtime.clone(), zone.clone());
    runtime.tasks.clone().spawn(async move { runtime.stop.run_until_cancelled(connections(tcp, zone, &runtime)).await });
}

async fn datagrams(socket: UdpSocket, zone: SharedZone) {
    let mut query = vec![0; DATAGRAM_BYTES];
    loop {
        let (length, client) = match socket.recv_from(&mut query).await {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(%error, "cannot receive DNS queries");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let reply = answer(&zone.read(), &query[..length], true);
        if let Some(reply) = reply
            && let Err(error) = socket.send_to(&reply, client).await
        {
            tracing::debug!(%client, %error, "a DNS answer was not sent");
        }
    }
}

async fn connections(listener: TcpListener, zone: SharedZone, runtime: &Runtime) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors: others may close some.
                tracing::warn!(%error, "cannot accept a DNS connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (zone, stop) = (zone.clone(), runtime.stop.clone());
        runtime.tasks.spawn(async move {
            if let Some(Err(error)) = stop.run_until_cancelled(exchange(stream, &zone)).await {
                tracing::debug!(%client, %error, "a DNS connection ended");
            }
            drop(place);
        });
    }
}

/// Queries, each with its length before it (RFC 1035, 4.2.2), until the client has no more.
async fn exchange(mut stream: TcpStream, zone: &SharedZone) -> io::Result<()> {
    let timed_out = |_| io::Error::from(io::ErrorKind::TimedOut);
    loop {
        let length = match tokio::time::timeout(IDLE, stream.read_u16()).await.map_err(timed_out)? {
            Ok(length) => usize::from(length),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut query = vec![0; length];
        tokio::time::timeout(IDLE, stream.read_exact(&mut query)).await.map_err(timed_out)??;
        let reply = answer(&zone.read(), &query, false);
        let Some(reply) = reply else { return Ok(()) };
        let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes()[..], &reply].concat();
        tokio::time::timeout(IDLE, stream.write_all(&framed)).await.map_err(timed_out)??;
    }
}
