//! The server's side of a SPDY/3.1 connection.

mod dictionary;
mod frame;
mod headers;
mod table;

pub(crate) use frame::Code;
pub use headers::Headers;

use crate::pipe::{CHUNK_BYTES, Incoming, Out, Outgoing, QUEUE};
use bytes::BytesMut;
use frame::{Control, Head};
use headers::{HeaderReader, HeaderWriter};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use table::{Opened, Table};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

/// How long a peer may take to close its side after everything was said.
const LINGER: Duration = Duration::from_secs(10);
/// The connection's own flow control.
const CONNECTION: u32 = 0;
const CREDIT_BYTES: usize = 32 << 10;

/// A stream that the peer opened.
pub struct Stream {
    pub id: u32,
    pub headers: Headers,
    pub incoming: Incoming,
    pub outgoing: Outgoing,
}

impl Stream {
    /// The value of a header, `""` without it.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// Hands out what the peer opens. None: the connection has ended.
pub struct Acceptor {
    streams: mpsc::Receiver<Stream>,
    out: mpsc::Sender<Out>,
}

impl Acceptor {
    pub async fn next(&mut self) -> Option<Stream> {
        self.streams.recv().await
    }

    /// Lets the driver write what is queued, say goodbye and end.
    pub async fn close(self) {
        // A connection that is gone is closed.
        drop(self.out.send(Out::Goodbye).await);
    }
}

/// A connection in its two parts: what comes of it, and the future that moves it, which must be polled beside.
pub fn serve<I>(io: I, max_streams: usize) -> (Acceptor, impl Future<Output = io::Result<()>> + Send)
where
    I: AsyncRead + AsyncWrite + Send + 'static,
{
    let (accepted, streams) = mpsc::channel(QUEUE);
    let (out, queue) = mpsc::channel(QUEUE);
    let table = Arc::new(Table::new(max_streams));
    let (input, output) = tokio::io::split(io);
    let reader = Reader {
        input: BufReader::with_capacity(CHUNK_BYTES, input),
        headers: HeaderReader::default(),
        table: table.clone(),
        accepted,
        out: out.clone(),
        unacknowledged: 0,
    };
    let driver = async move {
        let _ends = EndsAll(table.clone());
        let mut reader = reader;
        tokio::select! {
            read = reader.run() => read,
            written = write(output, queue, &table) => {
                written?;
                // What the peer still sends must be taken in, or the kernel would reset what it has not read yet.
                reader.accepted = mpsc::channel(1).0;
                tokio::time::timeout(LINGER, reader.discard()).await.unwrap_or(Ok(()))
            }
        }
    };
    (Acceptor { streams, out }, driver)
}

/// When the connection ends, so do its streams.
struct EndsAll(Arc<Table>);

impl Drop for EndsAll {
    fn drop(&mut self) {
        self.0.fail_all();
    }
}

struct Reader<I> {
    input: BufReader<ReadHalf<I>>,
    headers: HeaderReader,
    table: Arc<Table>,
    accepted: mpsc::Sender<Stream>,
    out: mpsc::Sender<Out>,
    unacknowledged: usize,
}

impl<I: AsyncRead> Reader<I> {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            let mut bytes = [0; frame::HEAD_BYTES];
            match self.input.read_exact(&mut bytes).await {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                other => other?,
            };
            match frame::head(bytes)? {
                Head::Data { stream, fin, length } => self.data(stream, fin, length).await?,
                Head::Control { kind, flags, length } => {
                    let mut payload = vec![0; length];
                    self.input.read_exact(&mut payload).await?;
                    let control = frame::control(kind, flags, &payload, &mut self.headers)?;
                    self.control(control).await?;
                }
            }
        }
    }

    async fn discard(&mut self) -> io::Result<()> {
        tokio::io::copy_buf(&mut self.input, &mut tokio::io::sink()).await.map(drop)
    }

    /// A frame may be large; it is passed on in pieces. A stream whose reader is slow holds up the connection, as it does
    /// upstream: the peers that exist do not keep to windows.
    async fn data(&mut self, stream: u32, fin: bool, length: usize) -> io::Result<()> {
        let taker = self.table.taker(stream);
        let mut left = length;
        while left > 0 {
            let mut piece = BytesMut::zeroed(left.min(CHUNK_BYTES));
            self.input.read_exact(&mut piece).await?;
            left -= piece.len();
            self.unacknowledged += piece.len();
            if let Some(taker) = &taker {
                // Nobody reads it: it is dropped, as upstream drops it.
                drop(taker.send(piece.freeze()).await);
            }
            if self.unacknowledged >= CREDIT_BYTES {
                let read = std::mem::take(&mut self.unacknowledged) as u32;
                self.put(Out::Credit(CONNECTION, read)).await?;
            }
        }
        if fin {
            self.table.remote_closed(stream);
        }
        Ok(())
    }

    async fn control(&mut self, control: Control) -> io::Result<()> {
        match control {
            Control::Syn { stream, fin, headers } => self.open(stream, fin, headers).await,
            Control::Reset { stream } => {
                self.table.reset(stream);
                Ok(())
            }
            Control::Settings { initial_window } => {
                if let Some(bytes) = initial_window {
                    self.table.initial_window(bytes);
                }
                Ok(())
            }
            // An even number would be an answer to a ping of ours.
            Control::Ping(id) if id % 2 == 1 => self.put(Out::Ping(id)).await,
            Control::WindowUpdate { stream: CONNECTION, bytes } => {
                self.table.shared.give(bytes);
                Ok(())
            }
            Control::WindowUpdate { stream, bytes } => {
                self.table.give(stream, bytes);
                Ok(())
            }
            Control::Ping(_) | Control::Other => Ok(()),
        }
    }

    async fn open(&mut self, stream: u32, fin: bool, headers: Headers) -> io::Result<()> {
        let (incoming, outgoing) = match self.table.open(stream, &self.out) {
            Opened::Stream(incoming, outgoing) => (incoming, outgoing),
            Opened::Refused => return self.put(Out::Reset(stream, Code::RefusedStream)).await,
            Opened::Invalid => return self.put(Out::Reset(stream, Code::ProtocolError)).await,
        };
        self.put(Out::Reply(stream)).await?;
        if fin {
            self.table.remote_closed(stream);
        }
        if self.accepted.send(Stream { id: stream, headers, incoming, outgoing }).await.is_err() {
            self.put(Out::Reset(stream, Code::RefusedStream)).await?;
        }
        Ok(())
    }

    async fn put(&mut self, out: Out) -> io::Result<()> {
        self.out.send(out).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

async fn write<I: AsyncWrite>(mut output: WriteHalf<I>, mut queue: mpsc::Receiver<Out>, table: &Table) -> io::Result<()> {
    let mut headers = HeaderWriter::default();
    let mut bytes = Vec::with_capacity(2 * CHUNK_BYTES);
    while let Some(first) = queue.recv().await {
        let mut next = Some(first);
        let mut last = false;
        while let Some(out) = next {
            last = matches!(out, Out::Goodbye);
            encode(out, &mut bytes, &mut headers, table)?;
            next = if last || bytes.len() >= CHUNK_BYTES { None } else { queue.try_recv().ok() };
        }
        output.write_all(&bytes).await?;
        bytes.clear();
        if last {
            break;
        }
        if queue.is_empty() {
            output.flush().await?;
        }
    }
    output.shutdown().await
}

fn encode(out: Out, bytes: &mut Vec<u8>, headers: &mut HeaderWriter, table: &Table) -> io::Result<()> {
    match out {
        Out::Data { bytes: data, fin: false, .. } if data.is_empty() => {}
        Out::Data { stream, bytes: data, fin } => {
            frame::put_data(bytes, stream, fin, &data);
            if fin {
                table.local_closed(stream);
            }
        }
        Out::Reply(stream) => frame::put_reply(bytes, stream, headers)?,
        Out::Reset(stream, code) => {
            frame::put_reset(bytes, stream, code);
            table.reset(stream);
        }
        Out::Ping(id) => frame::put_ping(bytes, id),
        Out::Credit(stream, read) => frame::put_window_update(bytes, stream, read),
        Out::Goodbye => frame::put_goaway(bytes, table.last()),
    }
    Ok(())
}
