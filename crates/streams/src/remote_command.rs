//! The session of an exec or an attach, whichever protocol carries it.

use crate::pipe::{Incoming, Outgoing};
use crate::spdy::{self, Acceptor, Stream};
use crate::upgrade::Protocol;
use crate::websocket::{self, Channels};
use bytes::Bytes;
use serde_json::{Value, json};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// How long a SPDY client may take to open its streams (`DefaultStreamCreationTimeout` upstream).
const OPENING: Duration = Duration::from_secs(30);
const MAX_STREAMS: usize = 5;
/// A resize is a few words; what grows beyond is none.
const MAX_RESIZE_BYTES: usize = 4096;

/// Which streams the client asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    /// Brings the resize stream with it.
    pub tty: bool,
}

/// The streams that were asked for.
pub struct Session {
    pub stdin: Option<Incoming>,
    pub stdout: Option<Outgoing>,
    pub stderr: Option<Outgoing>,
    pub resize: Option<Resizes>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Exited(i32),
    /// It did not run, or nobody knows how it went.
    Failed(String),
}

impl Outcome {
    /// The `metav1.Status` that v4 and later end with.
    fn status(&self) -> Value {
        match self {
            Self::Exited(0) => json!({ "metadata": {}, "status": "Success" }),
            Self::Exited(code) => json!({
                "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
                "message": format!("command terminated with exit code {code}"),
                "details": { "causes": [{ "reason": "ExitCode", "message": code.to_string() }] },
            }),
            Self::Failed(why) => json!({
                "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
                "message": format!("Internal error occurred: {why}"), "details": { "causes": [{ "message": why }] },
            }),
        }
    }
}

/// New sizes of the terminal, width and height.
pub struct Resizes {
    incoming: Incoming,
    unread: Vec<u8>,
}

impl Resizes {
    /// None: there will be no more.
    pub async fn next(&mut self) -> Option<(u16, u16)> {
        loop {
            if let Some(size) = self.parse() {
                return Some(size);
            }
            if self.unread.len() > MAX_RESIZE_BYTES {
                return None;
            }
            self.unread.extend(self.incoming.next().await.ok().flatten()?);
        }
    }

    fn parse(&mut self) -> Option<(u16, u16)> {
        let mut documents = serde_json::Deserializer::from_slice(&self.unread).into_iter::<Value>();
        let document = documents.next()?.ok()?;
        let read = documents.byte_offset();
        self.unread.drain(..read);
        let side = |name: &str| document[name].as_u64().and_then(|side| u16::try_from(side).ok()).unwrap_or(0);
        Some((side("Width"), side("Height")))
    }
}

/// Runs a session on an upgraded connection: `command` gets the streams and says how it went. It is dropped when the client
/// goes away.
pub async fn serve<I, C, F>(io: I, protocol: Protocol, wanted: Wanted, command: C) -> io::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    C: FnOnce(Session) -> F,
    F: Future<Output = Outcome>,
{
    match protocol {
        Protocol::WebSocket { closes } => {
            let (channels, driver) = websocket::serve(io, closes);
            beside(driver, over_channels(channels, wanted, command)).await
        }
        Protocol::Spdy => {
            let (acceptor, driver) = spdy::serve(io, MAX_STREAMS);
            beside(driver, over_spdy(acceptor, wanted, command)).await
        }
        Protocol::Tunnel => Err(io::Error::new(io::ErrorKind::Unsupported, "a tunnel carries no remote command")),
    }
}

/// Both, until the connection ends: with the work undone when the client left.
async fn beside(driver: impl Future<Output = io::Result<()>>, work: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    tokio::pin!(driver);
    tokio::select! {
        ended = &mut driver => ended,
        done = work => {
            done?;
            driver.await
        }
    }
}

async fn over_channels<C, F>(mut channels: Channels, wanted: Wanted, command: C) -> io::Result<()>
where
    C: FnOnce(Session) -> F,
    F: Future<Output = Outcome>,
{
    let (mut stdout, mut stderr) = (channels.outgoing(1), channels.outgoing(2));
    let mut error = channels.outgoing(3);
    // Upstream tells the client so that the connection is established.
    match wanted {
        Wanted { stdout: true, .. } => stdout.greet().await?,
        Wanted { stderr: true, .. } => stderr.greet().await?,
        _ => error.greet().await?,
    }
    let session = Session {
        stdin: channels.incoming(0).filter(|_| wanted.stdin),
        stdout: Some(stdout).filter(|_| wanted.stdout),
        stderr: Some(stderr).filter(|_| wanted.stderr),
        resize: channels.incoming(4).filter(|_| wanted.tty).map(|incoming| Resizes { incoming, unread: Vec::new() }),
    };
    channels.drop_unread();
    let outcome = command(session).await;
    error.send(Bytes::from(outcome.status().to_string())).await?;
    channels.close().await;
    Ok(())
}

async fn over_spdy<C, F>(mut acceptor: Acceptor, wanted: Wanted, command: C) -> io::Result<()>
where
    C: FnOnce(Session) -> F,
    F: Future<Output = Outcome>,
{
    let opened = tokio::time::timeout(OPENING, open(&mut acceptor, wanted)).await;
    let Some((session, mut error)) = opened.map_err(|_| io::ErrorKind::TimedOut)?? else { return Ok(()) };
    let outcome = command(session).await;
    error.send(Bytes::from(outcome.status().to_string())).await?;
    error.finish().await?;
    acceptor.close().await;
    Ok(())
}

/// Waits for every stream that was asked for. None: the client left.
async fn open(acceptor: &mut Acceptor, wanted: Wanted) -> io::Result<Option<(Session, Outgoing)>> {
    let mut missing = 1 + [wanted.stdin, wanted.stdout, wanted.stderr, wanted.tty].into_iter().filter(|wanted| *wanted).count();
    let mut session = Session { stdin: None, stdout: None, stderr: None, resize: None };
    let mut error = None;
    while missing > 0 {
        let Some(stream) = acceptor.next().await else { return Ok(None) };
        let kind = stream.header("streamtype").to_owned();
        let Stream { incoming, outgoing, .. } = stream;
        match kind.as_str() {
            "error" => error = Some(outgoing),
            "stdin" => session.stdin = Some(incoming),
            "stdout" => session.stdout = Some(outgoing),
            "stderr" => session.stderr = Some(outgoing),
            "resize" => session.resize = Some(Resizes { incoming, unread: Vec::new() }),
            other => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("unexpected stream type: {other:?}"))),
        }
        missing -= 1;
    }
    let missing = || io::Error::new(io::ErrorKind::InvalidData, "the client opened no error stream");
    Ok(Some((session, error.ok_or_else(missing)?)))
}
