//! Asks the resolver of the VPC, over one socket for all that is under way.

use meta::time::SharedClock;
use node_os::netns::NetNs;
use parking_lot::Mutex;
use reconcile::Runtime;
use serve::dns::{Transport, framed};
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::time::timeout;

const DATAGRAM_BYTES: usize = 4096;
/// Resolvers of clients ask again after 5 s: until then each upstream is asked twice.
const PATIENCE: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;
/// After an error of the socket itself.
const PAUSE: Duration = Duration::from_millis(100);
/// The length of a message's header, and where its flags say that it was cut.
const HEADER_BYTES: usize = 12;
const TRUNCATED: u8 = 0x02;

struct Waiting {
    question: Vec<u8>,
    reply: oneshot::Sender<Vec<u8>>,
}

/// One server.
struct Line {
    server: SocketAddr,
    socket: UdpSocket,
    waiting: Mutex<HashMap<u16, Waiting>>,
}

pub struct Upstream {
    namespace: NetNs,
    lines: Vec<Arc<Line>>,
    clock: SharedClock,
}

impl Upstream {
    /// `servers` are asked in this order.
    pub async fn open(servers: &[SocketAddr], namespace: NetNs, clock: SharedClock, runtime: &Runtime) -> io::Result<Self> {
        let mut lines = Vec::new();
        for server in servers {
            // A port of the kernel's choice, and nobody else's replies.
            let socket = namespace.bind_udp(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
            socket.connect(server).await?;
            let line = Arc::new(Line { server: *server, socket, waiting: Mutex::default() });
            let (listening, stop) = (line.clone(), runtime.stop.clone());
            runtime.tasks.spawn(async move { stop.run_until_cancelled(listening.listen()).await });
            lines.push(line);
        }
        Ok(Self { namespace, lines, clock })
    }

    /// The reply to a query, under the query's own id. None: nobody answers.
    pub async fn ask(&self, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
        for _ in 0..ATTEMPTS {
            for line in &self.lines {
                let asked = async {
                    match transport {
                        Transport::Datagram => self.by_datagram(line, query).await,
                        Transport::Stream => self.by_stream(line.server, query).await,
                    }
                };
                match timeout(PATIENCE, asked).await {
                    Ok(Ok(reply)) => return Some(reply),
                    Ok(Err(error)) => tracing::debug!(server = %line.server, %error, "a DNS upstream failed"),
                    Err(_) => tracing::debug!(server = %line.server, "a DNS upstream does not answer"),
                }
            }
        }
        None
    }

    /// As [`Upstream::ask`], the whole reply: what a datagram cannot hold is asked for again.
    pub async fn ask_whole(&self, query: &[u8]) -> Option<Vec<u8>> {
        let reply = self.ask(query, Transport::Datagram).await?;
        if reply[2] & TRUNCATED == 0 { Some(reply) } else { self.ask(query, Transport::Stream).await }
    }

    async fn by_datagram(&self, line: &Arc<Line>, query: &[u8]) -> io::Result<Vec<u8>> {
        let (id, reply) = line.wait(question(query)?, &self.clock)?;
        let _forget = Forget { line, id };
        line.socket.send(&under(id, query)).await?;
        let reply = reply.await.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(under(u16::from_be_bytes([query[0], query[1]]), &reply))
    }

    async fn by_stream(&self, server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
        let mut stream = self.namespace.connect_tcp(server).await?;
        stream.write_all(&framed(query)?).await?;
        let mut reply = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut reply).await?;
        if reply.len() < HEADER_BYTES || reply[..2] != query[..2] {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(reply)
    }
}

/// A query that is given up is not waited for.
struct Forget<'a> {
    line: &'a Line,
    id: u16,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.line.waiting.lock().remove(&self.id);
    }
}

impl Line {
    /// Takes an id that nobody can guess and that nothing else waits under.
    fn wait(&self, question: &[u8], clock: &SharedClock) -> io::Result<(u16, oneshot::Receiver<Vec<u8>>)> {
        let mut waiting = self.waiting.lock();
        loop {
            let uid = clock.new_uid();
            let random = uid.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
            let id = random.ok_or_else(|| io::Error::other("an identifier without digits"))?;
            // Far fewer are under way than there are ids.
            if let std::collections::hash_map::Entry::Vacant(place) = waiting.entry(id) {
                let (reply, receiver) = oneshot::channel();
                place.insert(Waiting { question: question.to_vec(), reply });
                return Ok((id, receiver));
            }
        }
    }

    async fn listen(&self) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            match self.socket.recv(&mut buffer).await {
                Ok(length) => self.hear(&buffer[..length]),
                Err(error) => {
                    // Nobody is there: who waits need not wait any longer.
                    tracing::debug!(server = %self.server, %error, "a DNS upstream is not there");
                    self.waiting.lock().clear();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// What answers another question than was asked is somebody's guess.
    fn hear(&self, reply: &[u8]) {
        let Ok(answered) = question(reply) else { return };
        let id = u16::from_be_bytes([reply[0], reply[1]]);
        let mut waiting = self.waiting.lock();
        if waiting.get(&id).is_some_and(|waiting| waiting.question == answered)
            && let Some(waiting) = waiting.remove(&id)
            && waiting.reply.send(reply.to_vec()).is_err()
        {
            tracing::trace!("a DNS reply came too late");
        }
    }
}

/// The same message under another id.
fn under(id: u16, message: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &message[2..]].concat()
}

/// The bytes of a message's only question.
fn question(message: &[u8]) -> io::Result<&[u8]> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    if message.get(4..6) != Some(&[0, 1]) {
        return Err(invalid());
    }
    let mut at = HEADER_BYTES;
    loop {
        match message.get(at) {
            Some(0) => break,
            Some(length @ 1..64) => at += 1 + usize::from(*length),
            _ => return Err(invalid()),
        }
    }
    // The name's end, its type and its class.
    message.get(HEADER_BYTES..at + 5).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_found() {
        let message = [&[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x01a\x02bc\0\0\x01\0\x01rest"].concat();
        assert_eq!(question(&message).expect("a question"), b"\x01a\x02bc\0\0\x01\0\x01");
        for length in 0..message.len() - 4 {
            assert!(question(&message[..length]).is_err(), "{length}");
        }
        let mut pointer = message.clone();
        pointer[12] = 0xc0;
        assert!(question(&pointer).is_err());
        let mut two = message;
        two[5] = 2;
        assert!(question(&two).is_err());
    }
}
