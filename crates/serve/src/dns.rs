//! DNS over UDP and TCP (RFC 1035, 4.2): bytes of a query in, bytes of its answer out.

use crate::accept::{PAUSE, accept};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The longest query that is read from a datagram.
const DATAGRAM_BYTES: usize = 4096;
/// How long a connection may say nothing (RFC 7766 leaves it to the server).
const IDLE: Duration = Duration::from_secs(10);

/// How a query came, and how its answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Datagram,
    Stream,
}

/// What a query begins. No bytes: it gets no answer at all.
pub enum Begun<L> {
    Answered(Option<Vec<u8>>),
    /// Somebody else has to be asked first.
    Later(L),
}

pub trait Resolver: Send + Sync + 'static {
    /// What is left to do for an answer.
    type Later: Send + 'static;

    /// What can be said at once.
    fn begin(&self, query: &[u8], transport: Transport) -> Begun<Self::Later>;

    fn finish(&self, later: Self::Later, query: &[u8], transport: Transport) -> impl Future<Output = Option<Vec<u8>>> + Send;

    /// Too many others wait.
    fn refuse(&self, later: Self::Later) -> Option<Vec<u8>>;
}

/// One that knows all it can say.
impl<F> Resolver for F
where
    F: Fn(&[u8], Transport) -> Option<Vec<u8>> + Send + Sync + 'static,
{
    type Later = Infallible;

    fn begin(&self, query: &[u8], transport: Transport) -> Begun<Infallible> {
        Begun::Answered(self(query, transport))
    }

    async fn finish(&self, later: Infallible, _: &[u8], _: Transport) -> Option<Vec<u8>> {
        match later {}
    }

    fn refuse(&self, later: Infallible) -> Option<Vec<u8>> {
        match later {}
    }
}

/// The two sockets of an address, and what clients can hold of them.
pub struct DnsServer {
    pub udp: UdpSocket,
    pub tcp: TcpListener,
    /// Connections at a time; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Queries by datagram that wait for others at a time; further ones are refused.
    pub max_waiting: usize,
}

impl DnsServer {
    /// Answers on both until `stop`.
    pub fn start(self, resolver: impl Resolver, tasks: &TaskTracker, stop: &CancellationToken) {
        let resolver = Arc::new(resolver);
        let datagrams =
            Datagrams { socket: Arc::new(self.udp), resolver: resolver.clone(), tasks: tasks.clone(), stop: stop.clone() };
        tasks.spawn(async move { datagrams.stop.run_until_cancelled(datagrams.answer(self.max_waiting)).await });
        let (inside, stop) = (tasks.clone(), stop.clone());
        tasks.spawn(async move {
            let connection = |stream| {
                let (resolver, stop) = (resolver.clone(), stop.clone());
                async move { stop.run_until_cancelled(exchange(stream, &*resolver)).await.unwrap_or(Ok(())) }
            };
            accept(self.tcp, self.max_connections, &inside, &stop, connection).await;
        });
    }
}

struct Datagrams<R> {
    socket: Arc<UdpSocket>,
    resolver: Arc<R>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl<R: Resolver> Datagrams<R> {
    async fn answer(&self, max_waiting: usize) {
        let places = Arc::new(Semaphore::new(max_waiting));
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            let (length, client) = match self.socket.recv_from(&mut buffer).await {
                Ok(received) => received,
                Err(error) => {
                    tracing::warn!(%error, "cannot receive DNS queries");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let query = &buffer[..length];
            let later = match self.resolver.begin(query, Transport::Datagram) {
                Begun::Answered(reply) => {
                    send(&self.socket, reply, client).await;
                    continue;
                }
                Begun::Later(later) => later,
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                send(&self.socket, self.resolver.refuse(later), client).await;
                continue;
            };
            let (socket, resolver, stop) = (self.socket.clone(), self.resolver.clone(), self.stop.clone());
            let query = query.to_vec();
            self.tasks.spawn(async move {
                let finished = stop.run_until_cancelled(resolver.finish(later, &query, Transport::Datagram)).await;
                send(&socket, finished.flatten(), client).await;
                drop(place);
            });
        }
    }
}

async fn send(socket: &UdpSocket, reply: Option<Vec<u8>>, client: SocketAddr) {
    if let Some(reply) = reply
        && let Err(error) = socket.send_to(&reply, client).await
    {
        tracing::debug!(%client, %error, "a DNS answer was not sent");
    }
}

/// Queries until the client has no more.
async fn exchange(mut stream: TcpStream, resolver: &impl Resolver) -> io::Result<()> {
    loop {
        let length = match in_time(stream.read_u16()).await {
            Ok(length) => usize::from(length),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut query = vec![0; length];
        in_time(stream.read_exact(&mut query)).await?;
        let reply = match resolver.begin(&query, Transport::Stream) {
            Begun::Answered(reply) => reply,
            Begun::Later(later) => resolver.finish(later, &query, Transport::Stream).await,
        };
        let Some(reply) = reply else { return Ok(()) };
        in_time(stream.write_all(&framed(&reply)?)).await?;
    }
}

async fn in_time<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(IDLE, step).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// A message as a stream carries it: with its length before it (RFC 1035, 4.2.2).
pub fn framed(message: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    Ok([&length.to_be_bytes()[..], message].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    /// Says a query again; of one that begins with `?` only when there is a permit.
    struct Echo(Arc<Semaphore>);

    impl Resolver for Echo {
        type Later = &'static [u8];

        fn begin(&self, query: &[u8], transport: Transport) -> Begun<&'static [u8]> {
            let said = || [query, if transport == Transport::Stream { b" by stream" } else { b"" }].concat();
            match query {
                b"nonsense" => Begun::Answered(None),
                [b'?', ..] => Begun::Later(b"refused"),
                _ => Begun::Answered(Some(said())),
            }
        }

        async fn finish(&self, _: &'static [u8], query: &[u8], _: Transport) -> Option<Vec<u8>> {
            self.0.acquire().await.ok()?.forget();
            Some([b"found ", query].concat())
        }

        fn refuse(&self, refused: &'static [u8]) -> Option<Vec<u8>> {
            Some(refused.to_vec())
        }
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test's own loopback address")]
    async fn queries_are_answered_each_in_its_time() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (udp, tcp) = (UdpSocket::bind(any).await.expect("a socket"), TcpListener::bind(any).await.expect("a listener"));
        let (to_udp, to_tcp) = (udp.local_addr().expect("an address"), tcp.local_addr().expect("an address"));
        let (tasks, stop, permits) = (TaskTracker::new(), CancellationToken::new(), Arc::new(Semaphore::new(0)));
        DnsServer { udp, tcp, max_connections: 1, max_waiting: 1 }.start(Echo(permits.clone()), &tasks, &stop);

        let client = UdpSocket::bind(any).await.expect("a socket");
        for query in [&b"nonsense"[..], b"?first", b"?second", b"third"] {
            client.send_to(query, to_udp).await.expect("sent");
        }
        let mut buffer = [0; 64];
        for said in [&b"refused"[..], b"third", b"found ?first"] {
            let length = client.recv(&mut buffer).await.expect("an answer");
            assert_eq!(&buffer[..length], said);
            if said == b"third" {
                permits.add_permits(2);
            }
        }

        let mut stream = TcpStream::connect(to_tcp).await.expect("a connection");
        for (query, said) in [("a", "a by stream"), ("?b", "found ?b")] {
            stream.write_all(&framed(query.as_bytes()).expect("a short query")).await.expect("sent");
            let mut answer = vec![0; usize::from(stream.read_u16().await.expect("a length"))];
            stream.read_exact(&mut answer).await.expect("an answer");
            assert_eq!(answer, said.as_bytes());
        }
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        assert_eq!(stream.read(&mut buffer).await.expect("an end"), 0);
    }
}
