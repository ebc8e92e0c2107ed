//! The session of a port-forward: each connection of the client's is a pair of streams, data and error.

use crate::pipe::Incoming;
use crate::spdy::{self, Acceptor, Stream};
use crate::upgrade::Protocol;
use crate::websocket::Tunnel;
use bytes::Bytes;
use std::collections::HashMap;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;

/// Two per connection.
const MAX_STREAMS: usize = 1000;
/// Halves that wait for the other one.
const MAX_HALVES: usize = 100;

/// Runs a session on an upgraded connection. `dial` connects to a port of the pod; the text of its failure reaches the
/// client.
pub async fn serve<I, D, F, S>(io: I, protocol: Protocol, dial: D) -> io::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    D: Fn(u16) -> F + Send,
    F: Future<Output = Result<S, String>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    match protocol {
        Protocol::Spdy => {
            let (acceptor, driver) = spdy::serve(io, MAX_STREAMS);
            session(acceptor, driver, dial).await
        }
        Protocol::Tunnel => {
            let (acceptor, driver) = spdy::serve(Tunnel::new(io).await, MAX_STREAMS);
            session(acceptor, driver, dial).await
        }
        Protocol::WebSocket { .. } => Err(io::Error::new(io::ErrorKind::Unsupported, "channels carry no port-forward")),
    }
}

async fn session<D, F, S>(mut acceptor: Acceptor, driver: impl Future<Output = io::Result<()>>, dial: D) -> io::Result<()>
where
    D: Fn(u16) -> F,
    F: Future<Output = Result<S, String>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    tokio::pin!(driver);
    let mut halves: HashMap<String, Half> = HashMap::new();
    // Dropped with the session, and its connections with it.
    let mut forwards = JoinSet::new();
    loop {
        let stream = tokio::select! {
            ended = &mut driver => return ended,
            Some(_) = forwards.join_next(), if !forwards.is_empty() => continue,
            stream = acceptor.next() => stream,
        };
        let Some(stream) = stream else { return driver.await };
        if let Some((port, data, error)) = pair(&mut halves, stream).await {
            forwards.spawn(forward(dial(port), data, error));
        }
    }
}

#[derive(Default)]
struct Half {
    data: Option<Stream>,
    error: Option<Stream>,
}

/// What is not a half of a pair is reset.
async fn pair(halves: &mut HashMap<String, Half>, mut stream: Stream) -> Option<(u16, Stream, Stream)> {
    let port: Option<u16> = stream.header("port").parse().ok().filter(|port| *port > 0);
    let id = request_id(&stream);
    let full = halves.len() >= MAX_HALVES && !halves.contains_key(&id);
    let (Some(port), "data" | "error", false) = (port, stream.header("streamtype"), full) else {
        stream.outgoing.reset().await;
        return None;
    };
    let half = halves.entry(id.clone()).or_default();
    let place = if stream.header("streamtype") == "data" { &mut half.data } else { &mut half.error };
    if let Some(mut earlier) = place.replace(stream) {
        earlier.outgoing.reset().await;
    }
    let Half { data: Some(_), error: Some(_) } = half else { return None };
    let half = halves.remove(&id)?;
    Some((port, half.data?, half.error?))
}

/// Clients before 1.4 name none: their pairs come one behind the other, the error stream first.
fn request_id(stream: &Stream) -> String {
    match stream.header("requestid") {
        "" if stream.header("streamtype") == "error" => stream.id.to_string(),
        "" => stream.id.saturating_sub(2).to_string(),
        id => id.to_owned(),
    }
}

/// The error stream ends last: clients wait for it before they take the connection as done.
async fn forward<S>(dial: impl Future<Output = Result<S, String>>, mut data: Stream, error: Stream)
where
    S: AsyncRead + AsyncWrite,
{
    let mut error = error.outgoing;
    let outcome = match dial.await {
        Ok(connection) => exchange(connection, &mut data).await,
        Err(why) => Err(why),
    };
    if let Err(why) = outcome {
        // A client that is gone needs no reason.
        drop(error.send(Bytes::from(why)).await);
        // As above.
        drop(data.outgoing.finish().await);
    }
    // As above.
    drop(error.finish().await);
}

/// Both directions, each until its own end: half-closed connections go on. A client that resets its stream ends both.
async fn exchange<S: AsyncRead + AsyncWrite>(connection: S, data: &mut Stream) -> Result<(), String> {
    let (reader, writer) = tokio::io::split(connection);
    let Stream { incoming, outgoing, .. } = data;
    let to_client = async {
        // A pod that resets its connection has ended it.
        let read = outgoing.copy_from(reader).await;
        outgoing.finish().await.or(read)
    };
    match tokio::try_join!(to_pod(incoming, writer), to_client) {
        Ok(_) => Ok(()),
        Err(gone) if matches!(gone.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// A pod that reads no more may still have something to say: only the client's end is one for both.
async fn to_pod(incoming: &mut Incoming, mut writer: impl AsyncWrite + Unpin) -> io::Result<()> {
    while let Some(bytes) = incoming.next().await? {
        if writer.write_all(&bytes).await.is_err() {
            return Ok(());
        }
    }
    // The pod may have closed first.
    drop(writer.shutdown().await);
    Ok(())
}
