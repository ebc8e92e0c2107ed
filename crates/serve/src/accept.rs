//! One task per connection, and not more of them than there are places.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// After an error of the socket itself.
pub const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until `stop`. Connections beyond `places` wait in the kernel's queue.
pub async fn accept<F>(
    listener: TcpListener,
    places: usize,
    tasks: &TaskTracker,
    stop: &CancellationToken,
    connection: impl Fn(TcpStream) -> F,
) where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(places));
    loop {
        let Some(Ok(place)) = stop.run_until_cancelled(places.clone().acquire_owned()).await else { return };
        let (stream, client): (TcpStream, SocketAddr) = match stop.run_until_cancelled(listener.accept()).await {
            None => return,
            Some(Ok(accepted)) => accepted,
            Some(Err(error)) => {
                // Out of descriptors: others may close some.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let exchange = connection(stream);
        tasks.spawn(async move {
            if let Err(error) = exchange.await {
                tracing::debug!(%client, %error, "connection ended");
            }
            drop(place);
        });
    }
}
